// SPDX-License-Identifier: GPL-2.0

//! `pidns/namespaces` in debugfs: a header, and a line for each pid namespace of the machine.
//!
//! They come in the order in which they were made, so a child is always behind its parent. The file is read
//! piece by piece, each under RCU: a namespace that lives all the while is there once, whatever comes
//! and goes around it.
//!
//! (Not by `kernel::debugfs`: an open file of that does not keep the module, and calls into it when it
//! is closed.)

use super::signal;
use crate::{
    bindings::{
        self, dentry, file, file_operations, inode, loff_t, pid, pid_namespace, seq_file,
        seq_operations, task_struct,
    },
    compat::this_module,
    hook::PID_NS_TREE,
    pid::is_first,
};
use core::ptr;
use kernel::{
    fmt::{self, Display, Formatter},
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    str::BStr,
};

/// The directory in debugfs; dropping removes it, when nobody is reading any more. A file that is open keeps
/// the module.
pub(crate) struct Tree(*mut dentry);

// SAFETY: debugfs has its own locks; only used again when it is dropped.
unsafe impl Send for Tree {}
// SAFETY: As above.
unsafe impl Sync for Tree {}

impl Tree {
    /// May sleep. If debugfs has no memory for it there is no file: that is no reason to do without the module.
    pub(crate) fn new() -> Self {
        // SAFETY: The names and the operations are static. An error in the place of a directory is understood.
        unsafe {
            let directory = bindings::debugfs_create_dir(c"pidns".as_char_ptr(), ptr::null_mut());
            bindings::debugfs_create_file_full(
                c"namespaces".as_char_ptr(),
                0o400,
                directory,
                ptr::null_mut(),
                ptr::null(),
                &raw const FILE.0,
            );
            Self(directory)
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: Made in `new`; an error is allowed.
        unsafe { bindings::debugfs_remove(self.0) };
    }
}

/// What the kernel calls.
struct Operations<T>(T);

// SAFETY: The kernel only reads them.
unsafe impl<T> Sync for Operations<T> {}

static FILE: Operations<file_operations> = Operations(file_operations {
    owner: this_module(),
    open: Some(open),
    read: Some(bindings::seq_read),
    llseek: Some(bindings::seq_lseek),
    release: Some(bindings::seq_release),
    ..pin_init::zeroed()
});

static LINES: Operations<seq_operations> = Operations(seq_operations {
    start: Some(start),
    stop: Some(stop),
    next: Some(next),
    show: Some(show),
});

/// # Safety
///
/// The kernel's, as for all below.
unsafe extern "C" fn open(_: *mut inode, file: *mut file) -> c_int {
    // SAFETY: The caller's promise; the operations are static.
    unsafe { bindings::seq_open(file, &raw const LINES.0) }
}

/// The header, in place of a namespace.
const HEADER: *mut c_void = ptr::without_provenance_mut(1);
/// To `seq_file`: there is no line for this one.
const SKIP: c_int = 1;

/// Begins at a position: 0 is the header's, any other is the number (`ns_id`) of a namespace, by which they are
/// ordered, and which is never used twice. If that one is gone, with the next.
///
/// # Safety
///
/// As above. The caller is under RCU from here to [`stop`].
unsafe extern "C" fn start(_: *mut seq_file, position: *mut loff_t) -> *mut c_void {
    // SAFETY: The caller's promise; RCU keeps the list and its namespaces.
    unsafe {
        bindings::rcu_read_lock();
        if *position == 0 {
            return HEADER;
        }
        let mut ns = following(ptr::null_mut());
        while !ns.is_null() && (bindings::pidns_ns_id(ns) as loff_t) < *position {
            ns = following(ns);
        }
        ns.cast()
    }
}

/// # Safety
///
/// As above.
unsafe extern "C" fn stop(_: *mut seq_file, _: *mut c_void) {
    // SAFETY: Begun in `start`.
    unsafe { bindings::rcu_read_unlock() };
}

/// # Safety
///
/// As above.
unsafe extern "C" fn next(
    _: *mut seq_file,
    item: *mut c_void,
    position: *mut loff_t,
) -> *mut c_void {
    // SAFETY: The caller's promise; `item` is what `start` or this gave, under the same RCU.
    unsafe {
        let ns = following(if item == HEADER {
            ptr::null_mut()
        } else {
            item.cast()
        });
        *position = if ns.is_null() {
            *position + 1
        } else {
            bindings::pidns_ns_id(ns) as loff_t
        };
        ns.cast()
    }
}

/// # Safety
///
/// As above.
unsafe extern "C" fn show(to: *mut seq_file, item: *mut c_void) -> c_int {
    // SAFETY: The caller's promise; `item` is what `start` or `next` gave, under the same RCU.
    unsafe {
        let to = SeqFile::from_raw(to);
        if item != HEADER {
            return show_namespace(to, item.cast());
        }
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
    }
    0
}

/// What is known of a namespace:
///
/// * its inode number, as of `/proc/PID/ns/pid`, its level, its parent's inode number, that of the user
///   namespace that owns it;
/// * its init's number in the first namespace (nothing before that is born);
/// * how many living processes have a number in it, those of the namespaces below included;
/// * how many numbers are in use: of threads, of zombies, of sessions and process groups that outlived the
///   process that they are named after;
/// * how many signals the init's protection has dropped, and how many from ancestors had their default action;
/// * its init's name, which may contain spaces.
///
/// # Safety
///
/// `ns` must be held by RCU.
unsafe fn show_namespace(to: &SeqFile, ns: *mut pid_namespace) -> c_int {
    // SAFETY: The caller's promise. A namespace that was found in the tree under RCU keeps its parent and its
    // owner for as long as it is itself kept: it lets go of both after it has left the tree.
    unsafe {
        let (dropped, acted) = signal::counts(ns);
        // Not before the counts were read: their place is used anew when it is gone.
        let references = &raw const (*ns).ns.__bindgen_anon_1.__ns_ref.refs.counter;
        if ptr::read_volatile(references) == 0 {
            return SKIP;
        }
        let parent = (!is_first(ns)).then(|| (*(*ns).parent).ns.inum);
        let init = process(bindings::find_pid_ns(1, ns));
        let numbers = ptr::read_volatile(&raw const (*ns).pid_allocated) & !bindings::PIDNS_ADDING;
        seq_print!(
            to,
            "{:>10} {:>5} {:>10} {:>10} {:>7} {:>7} {:>7} {:>10} {:>10} {}\n",
            (*ns).ns.inum,
            (*ns).level,
            OrNone(parent),
            (*(*ns).user_ns).ns.inum,
            OrNone(init.map(|init| (*init).tgid)),
            living(ns),
            numbers,
            dropped,
            acted,
            OrNone(init.map(|init| Name::of(init)))
        );
    }
    0
}

/// The process whose number `pid` is.
///
/// # Safety
///
/// `pid` must be held by RCU, which then keeps the process too. Null is allowed.
unsafe fn process(pid: *mut pid) -> Option<*mut task_struct> {
    // SAFETY: The caller's promise.
    let task = unsafe { bindings::pid_task(pid, bindings::pid_type_PIDTYPE_TGID) };
    (!task.is_null()).then_some(task)
}

/// How many living processes have a number in `ns`.
///
/// # Safety
///
/// `ns` must be held by RCU.
unsafe fn living(ns: *mut pid_namespace) -> usize {
    let mut count = 0;
    let mut nr: c_int = 1;
    // SAFETY: The caller's promise: RCU keeps the pids and the tasks, and these their `signal`.
    unsafe {
        loop {
            let pid = bindings::idr_get_next(&raw mut (*ns).idr, &raw mut nr);
            if pid.is_null() {
                return count;
            }
            count += usize::from(process(pid.cast()).is_some_and(|task| {
                ptr::read_volatile(&raw const (*(*task).signal).live.counter) != 0
            }));
            nr += 1;
        }
    }
}

/// The name of a task: bytes of its own choice.
struct Name([u8; bindings::TASK_COMM_LEN as usize]);

impl Name {
    /// # Safety
    ///
    /// `task` must be held by RCU.
    unsafe fn of(task: *mut task_struct) -> Self {
        // SAFETY: The caller's promise. It may change meanwhile: then it is a mixture.
        Self(unsafe { ptr::read_volatile(&raw const (*task).comm) })
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let length = self.0.iter().position(|&byte| byte == 0);
        let name = &self.0[..length.unwrap_or(self.0.len())];
        Display::fmt(BStr::from_bytes(name), f)
    }
}

/// Something, or a dash.
struct OrNone<T>(Option<T>);

impl<T: Display> Display for OrNone<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(it) => it.fmt(f),
            None => f.pad("-"),
        }
    }
}

/// The namespace behind `ns`, or the first; null behind the last.
///
/// # Safety
///
/// `ns` must have been found so in the same RCU section, which keeps what is given.
unsafe fn following(ns: *mut pid_namespace) -> *mut pid_namespace {
    // SAFETY: The caller's promise.
    unsafe { bindings::pidns_next_ns(PID_NS_TREE.get(), ns) }
}
