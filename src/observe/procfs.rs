// SPDX-License-Identifier: GPL-2.0

//! `/proc/pidns`: a header, and a line for each pid namespace that the reader sees: its own and those below.
//!
//! Programs may rely on it: columns are found by their names in the header, and more may be added at the end. Everybody may read
//! it, so no line costs more than any other.

use super::walk::{
    lines,
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
    /// Waits for those in its operations.
    Entry: bindings::proc_remove;
}

exports! {
    // Null without memory, or if there is one of that name. May sleep.
    proc_create(name: &CStr, mode: u16, parent: *mut bindings::proc_dir_entry, operations: &'static Operations<proc_ops>)
        -> Option<Held<Entry>> = proc_create;
}

/// The file; dropping removes it. One that is open keeps the module: so nobody is in it who reads into memory that never answers.
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
    proc_read: Some(bindings::seq_read),
    proc_lseek: Some(bindings::seq_lseek),
    proc_release: Some(release),
    ..pin_init::zeroed()
});

static LINES: Operations<seq_operations> = lines(show);

callbacks! {
    /// `EAGAIN` while the module comes or goes.
    fn open(_inode: *mut bindings::inode, file: &NewFile) -> c_int {
        let Some(loaded) = Loaded::get() else {
            return EAGAIN.to_errno();
        };
        let result = seq_open(file, &LINES);
        if result == 0 {
            loaded.into_raw();
        }
        result
    }

    fn release(inode: *mut bindings::inode, file: &NewFile) -> c_int {
        // SAFETY: `open` left a reference and opened it; whoever takes the file away waits until this returns.
        unsafe {
            let _loaded = Loaded::from_raw();
            bindings::seq_release(inode, file.as_ptr())
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
    if !ns.is_within(reader) {
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
