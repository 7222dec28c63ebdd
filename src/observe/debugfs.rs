// SPDX-License-Identifier: GPL-2.0

//! `pidns/namespaces` in debugfs: a header, and a line for each pid namespace of the machine.
//!
//! (Not by `kernel::debugfs`: an open file of that does not keep the module, and calls into it when it
//! is closed.)

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
        file_operations,
        seq_operations, //
    },
    compat::this_module,
    edge::exports,
    held::{
        counted,
        Held, //
    },
    hook::callbacks,
    object::{
        fields,
        objects,
        Inode,
        Pid,
        PidNs,
        PidType,
        Task, //
    },
    signal,
};
use core::ptr;
use kernel::{
    fmt::{
        self,
        Display,
        Formatter, //
    },
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    str::BStr,
    sync::rcu, //
};

objects! {
    /// A directory in debugfs.
    Directory(bindings::dentry);
}

counted! {
    Directory: bindings::debugfs_remove;
}

exports! {
    // A directory, at the top if it is in no other. May sleep.
    debugfs_create_dir(name: &CStr, parent: Option<&Directory>) -> Result<Held<Directory>> = debugfs_create_dir;
    // A file; the data are for operations that look at them, which ours do not. May sleep.
    debugfs_create_file(
        name: &CStr, mode: u16, parent: &Directory, data: *mut c_void, more_data: *const c_void,
        operations: &'static Operations<file_operations>
    ) -> *mut bindings::dentry = debugfs_create_file_full;
}

/// The directory in debugfs; dropping removes it, when nobody is reading any more. A file that is open keeps
/// the module.
pub(crate) struct Tree {
    _directory: Option<Held<Directory>>,
}

// SAFETY: debugfs has its own locks; only used again when it is dropped.
unsafe impl Send for Tree {}
// SAFETY: As above.
unsafe impl Sync for Tree {}

impl Tree {
    /// May sleep. If debugfs has no memory for it there is no file: that is no reason to do without the module.
    pub(crate) fn new() -> Self {
        let directory = debugfs_create_dir(c"pidns", None).ok();
        if let Some(directory) = &directory {
            let (data, more_data) = (ptr::null_mut(), ptr::null());
            debugfs_create_file(c"namespaces", 0o400, directory, data, more_data, &FILE);
        }
        Self {
            _directory: directory,
        }
    }
}

static FILE: Operations<file_operations> = Operations(file_operations {
    owner: this_module(),
    open: Some(open),
    read: Some(bindings::seq_read),
    llseek: Some(bindings::seq_lseek),
    release: Some(bindings::seq_release),
    ..pin_init::zeroed()
});

static LINES: Operations<seq_operations> = lines(show);

callbacks! {
    fn open(_inode: &Inode, file: &NewFile) -> c_int {
        seq_open(file, &LINES)
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
        "{:>10} {:>5} {:>10} {:>10} {:>7} {:>7} {:>7} {:>10} {:>10} {}\n",
        "inode",
        "level",
        "parent",
        "owner",
        "init",
        "tasks",
        "numbers",
        "dropped",
        "acted",
        "name"
    );
    0
}

/// What is known of a namespace:
///
/// * its inode number, as of `/proc/PID/ns/pid`, its level, its parent's inode number, that of the user
///   namespace that owns it;
/// * its init's number in the initial namespace (nothing before that is born);
/// * how many living processes have a number in it, those of the namespaces below included; `many` where thousands of
///   numbers are in use;
/// * how many numbers are in use: of threads, of zombies, of sessions and process groups that outlived the
///   process that they are named after;
/// * how many signals the init's protection has dropped, and how many from ancestors had their default action;
/// * its init's name, which may contain spaces.
fn show_namespace(to: &SeqFile, ns: &PidNs) -> c_int {
    let rcu = rcu::read_lock();
    let (dropped, acted) = signal::counts(ns);
    // Not before the counts were read: their place is used anew when it is gone.
    if !ns.has_references() {
        return SKIP;
    }
    // A namespace that was found in the tree under RCU keeps its parent and its owner for as long as it is itself
    // kept: it lets go of both after it has left the tree.
    let parent = ns.parent().map(PidNs::inum);
    let init = ns.find(1, &rcu).and_then(|pid| process(pid, &rcu));
    seq_print!(
        to,
        "{:>10} {:>5} {:>10} {:>10} {:>7} {:>7} {:>7} {:>10} {:>10} {}\n",
        ns.inum(),
        ns.level(),
        OrNone(parent),
        ns.user_ns().inum(),
        OrNone(init.map(Task::tgid_nr)),
        Living::of(ns, &rcu),
        ns.pid_allocated() & !bindings::PIDNS_ADDING,
        dropped,
        acted,
        OrNone(init.map(|init| Name(init.comm())))
    );
    0
}

fields! {
    Task {
        /// Its name; a mixture of two while it is changed.
        once comm: [u8; bindings::TASK_COMM_LEN as usize] = comm;
    }
}

/// The process whose number `pid` is.
fn process<'a>(pid: &Pid, rcu: &'a rcu::Guard) -> Option<&'a Task> {
    pid.task_of_type(PidType::Tgid, rcu)
}

/// How many living processes have a number in a namespace. A member can make it many, so not all numbers are looked at:
/// they are walked in one RCU section.
struct Living {
    count: usize,
    /// There were numbers left.
    more: bool,
}

impl Living {
    /// How many numbers are looked at.
    const NUMBERS: usize = 4096;

    fn of(ns: &PidNs, rcu: &rcu::Guard) -> Self {
        let mut count = 0;
        let mut nr = 1;
        for _ in 0..Self::NUMBERS {
            let Some((found, pid)) = ns.find_from(nr, rcu) else {
                return Self { count, more: false };
            };
            count += usize::from(process(pid, rcu).is_some_and(|task| task.is_process_alive()));
            nr = found + 1;
        }
        Self { count, more: true }
    }
}

impl Display for Living {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.more {
            return f.pad("many");
        }
        self.count.fmt(f)
    }
}

/// The name of a task: bytes of its own choice.
struct Name([u8; bindings::TASK_COMM_LEN as usize]);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let length = self.0.iter().position(|&byte| byte == 0);
        let name = &self.0[..length.unwrap_or(self.0.len())];
        Display::fmt(BStr::from_bytes(name), f)
    }
}
