// SPDX-License-Identifier: GPL-2.0

//! `/proc/pidns`: a header, and a line for the reader's own pid namespace and for those below of whose owner it is admin.
//!
//! Programs may rely on it: columns are found by their names in the header, and more may be added at the end. Everybody may read
//! it, so no line costs more than any other.

use super::walk::{
    lines,
    opened,
    seq_open,
    Item,
    NewFile,
    Operations,
    OrNone,
    SKIP, //
};
use crate::{
    bindings::{
        self,
        loff_t,
        proc_ops,
        seq_operations, //
    },
    edge::exports,
    held::{
        counted,
        Held, //
    },
    hook::callbacks,
    imports::kernel_fn,
    module::Loaded,
    object::{
        objects,
        File,
        Object,
        PidNs,
        PidType, //
    },
    signal::{
        self,
        settings, //
    },
    task::Current,
};
use core::ptr;
use kernel::{
    ffi::c_char,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::rcu, //
};

objects! {
    /// A file in procfs.
    Entry(bindings::proc_dir_entry);
}

counted! {
    /// Waits for those in its operations, and closes what is open.
    Entry: bindings::proc_remove;
}

exports! {
    // Null without memory, or if there is one of that name. May sleep.
    proc_create(name: &CStr, mode: u16, parent: *mut bindings::proc_dir_entry, operations: &'static Operations<proc_ops>)
        -> Option<Held<Entry>> = proc_create;
}

/// The file; dropping removes it, and closes it where it is open. Nobody is in it then who reads into memory that never answers: that
/// keeps the module.
pub(crate) struct List {
    _entry: Held<Entry>,
}

// SAFETY: procfs has its own locks; only used again when it is dropped.
unsafe impl Send for List {}
// SAFETY: As above.
unsafe impl Sync for List {}

impl List {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, with a line in the log.
    pub(crate) fn new() -> Result<Self> {
        match proc_create(c"pidns", 0o444, ptr::null_mut(), &FILE) {
            Some(entry) => Ok(Self { _entry: entry }),
            None => {
                pr_err!("not loaded: no memory for /proc/pidns\n");
                Err(ENOMEM)
            }
        }
    }
}

static FILE: Operations<proc_ops> = Operations(proc_ops {
    proc_open: Some(open),
    proc_read: Some(read),
    proc_lseek: Some(bindings::seq_lseek),
    proc_release: Some(bindings::seq_release),
    ..pin_init::zeroed()
});

static LINES: Operations<seq_operations> = lines(show);

callbacks! {
    fn open(_inode: *mut bindings::inode, file: &NewFile) -> c_int {
        seq_open(file, &LINES)
    }

    /// With a reference to the module, because user space decides how long it takes.
    fn read(file: &NewFile, buffer: *mut c_char, size: usize, position: *mut loff_t) -> isize {
        match Loaded::get() {
            // SAFETY: The arguments are the kernel's.
            Some(_loaded) => unsafe { bindings::seq_read(file.as_ptr(), buffer, size, position) },
            None => EIO.to_errno() as isize,
        }
    }

    fn show(to: &SeqFile, item: Item<'_>) -> c_int {
        match item {
            Item::Header => show_header(to),
            Item::Namespace(ns) => show_namespace(to, ns),
        }
    }
}

fn show_header(to: &SeqFile) -> c_int {
    seq_print!(
        to,
        "{:>10} {:>10} {:>10} {:>5} {:>10} {:>7} {:>10} {:>10} {:>14} {:>8} {:>8} {:>12}\n",
        "ns",
        "parent",
        "owner",
        "level",
        "init",
        "numbers",
        "dropped",
        "acted",
        "two_sided_init",
        "grace_ms",
        "terminal",
        "reap_orphans"
    );
    0
}

/// Whether it may know of `ns`: as of other kinds of namespaces (`kernel/nstree.c: may_see_all_namespaces`), more than its own is for
/// admins. Whoever has opened the file must be one as well: the reader may be a program that was given it, and repeats what it
/// reads. `ns` may be going, and RCU keeps its owner.
fn may_see(file: &File, reader: &PidNs, ns: &PidNs) -> bool {
    let (admin, owner) = (bindings::CAP_SYS_ADMIN as c_int, ns.user_ns());
    let is_admin = || {
        kernel_fn::ns_capable_noaudit(owner, admin)
            && kernel_fn::file_ns_capable(file, owner, admin)
    };
    ns.is(reader) || ns.is_within(reader) && is_admin()
}

/// What a reader may know of a namespace:
///
/// * its inode number, as of `/proc/PID/ns/pid`, its parent's, unless it is the reader's own, and that of the user namespace
///   that owns it;
/// * how far it is below the reader's;
/// * its init's number there (nothing before that is born);
/// * how many numbers are in use;
/// * how many signals the init's protection has dropped, and how many had their default action;
/// * the settings that hold in it.
fn show_namespace(to: &SeqFile, ns: &PidNs) -> c_int {
    let rcu = rcu::read_lock();
    let me = Current::get();
    let reader = me.active_ns();
    if !may_see(opened(to, &rcu), reader, ns) {
        return SKIP;
    }
    let (dropped, acted) = signal::counts(ns);
    let values = [
        &settings::RULE,
        &settings::GRACE_MS,
        &settings::TERMINAL,
        &settings::REAP_ORPHANS,
    ]
    .map(|s| s.of(ns));
    // Not before these were read: their place is used anew when it is gone.
    if !ns.has_references() {
        return SKIP;
    }
    let parent = ns.parent().filter(|_| !ns.is(reader)).map(PidNs::inum);
    let init = ns
        .find(1, &rcu)
        .and_then(|pid| pid.task_of_type(PidType::Tgid, &rcu))
        .map(|init| kernel_fn::task_pid_nr_ns(init, PidType::Tgid, reader));
    let [rule, grace_ms, terminal, reap_orphans] = values;
    seq_print!(
        to,
        "{:>10} {:>10} {:>10} {:>5} {:>10} {:>7} {:>10} {:>10} {:>14} {:>8} {:>8} {:>12}\n",
        ns.inum(),
        OrNone(parent),
        ns.user_ns().inum(),
        ns.level() - reader.level(),
        OrNone(init),
        ns.pid_allocated() & !bindings::PIDNS_ADDING,
        dropped,
        acted,
        rule,
        grace_ms,
        terminal,
        reap_orphans
    );
    0
}
