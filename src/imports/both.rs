// SPDX-License-Identifier: GPL-2.0

//! What the module takes of every kernel.

use crate::{
    bindings::{
        kmem_cache,
        ns_tree_root,
        rusage,
        rwlock_t,
        siginfo_layout, //
    },
    hook::{
        imports,
        Data, //
    },
    imports::arguments::{
        Null,
        WholeProcess, //
    },
    object::{
        Siginfo,
        Task, //
    },
};
use kernel::prelude::*;

/// `kernel/nstree.c: pid_ns_tree`.
pub(crate) static PID_NS_TREE: Data<ns_tree_root> = Data::new(c"pid_ns_tree");
/// `kernel/signal.c: sigqueue_cachep`, a pointer.
pub(crate) static SIGQUEUE_CACHE: Data<*mut kmem_cache> = Data::new(c"sigqueue_cachep");

/// `kernel/fork.c: tasklist_lock`.
pub(crate) static TASKLIST_LOCK: Data<rwlock_t> = Data::new(c"tasklist_lock");

/// `kernel/signal.c`: the tracepoint `signal:signal_generate`.
#[cfg(CONFIG_TRACEPOINTS)]
pub(crate) static SIGNAL_GENERATE: Data<crate::bindings::tracepoint> =
    Data::new(c"__tracepoint_signal_generate");

/// Looks the data up.
pub(super) fn find_data() -> Result {
    PID_NS_TREE.find()?;
    SIGQUEUE_CACHE.find()?;
    TASKLIST_LOCK.find()?;
    #[cfg(CONFIG_TRACEPOINTS)]
    SIGNAL_GENERATE.find()?;
    Ok(())
}

imports! {
    // A function of two numbers.
    siginfo_layout(sig: c_uint, code: c_int) -> siginfo_layout;
    __send_signal_locked;
    next_signal;
    // Takes the `siglock` of the task's process, if that has one still.
    do_send_sig_info(sig: c_int, info: &Siginfo, task: &Task, kind: WholeProcess) -> c_int;
    // May sleep.
    kernel_wait4(pid: c_int, status: Null<c_int>, options: c_int, usage: Null<rusage>) -> isize;
    // Whether it runs on some processor at this instant.
    task_curr(task: &Task) -> c_int;
    signal_wake_up_state;
    task_set_jobctl_pending;
    task_clear_jobctl_pending;
    // Takes `tasklist_lock` for reading.
    is_current_pgrp_orphaned() -> c_int;
    // Of the current task. May sleep, for as long as whoever takes the dump likes.
    #[cfg(CONFIG_COREDUMP)] vfs_coredump(info: &Siginfo);
    // May sleep.
    #[cfg(CONFIG_PROC_EVENTS)] proc_coredump_connector(task: &Task);
}
