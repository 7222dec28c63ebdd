// SPDX-License-Identifier: GPL-2.0

//! What the module touches in every kernel.
//!
//! `docs/ARCHITECTURE.md` says why each function is hooked.

use super::{call::imports, own, symbol::Data, table::hooks};
use crate::{
    bindings::{kmem_cache, ns_tree_root},
    signal,
};
use kernel::prelude::*;

/// `kernel/nstree.c: pid_ns_tree`.
pub(crate) static PID_NS_TREE: Data<ns_tree_root> = Data::new(c"pid_ns_tree");
/// `kernel/signal.c: sigqueue_cachep`, a pointer.
pub(crate) static SIGQUEUE_CACHE: Data<*mut kmem_cache> = Data::new(c"sigqueue_cachep");

/// `kernel/signal.c`: the tracepoint `signal:signal_generate`.
#[cfg(CONFIG_TRACEPOINTS)]
pub(crate) static SIGNAL_GENERATE: Data<crate::bindings::tracepoint> =
    Data::new(c"__tracepoint_signal_generate");

/// Looks up all data, also those of this mode alone.
pub(super) fn find_data() -> Result {
    PID_NS_TREE.find()?;
    SIGQUEUE_CACHE.find()?;
    #[cfg(CONFIG_TRACEPOINTS)]
    SIGNAL_GENERATE.find()?;
    own::find_data()
}

imports! {
    kallsyms_on_each_match_symbol
    ftrace_location
    #[cfg(pidns_jumps)] alloc_ftrace_hash
    #[cfg(pidns_jumps)] free_ftrace_hash
    #[cfg(pidns_jumps)] add_ftrace_hash_entry_direct
    #[cfg(pidns_jumps)] update_ftrace_direct_add
    #[cfg(pidns_jumps)] update_ftrace_direct_del
    #[cfg(pidns_jumps)] ftrace_find_rec_direct
    siginfo_layout
    __send_signal_locked
    next_signal
    task_curr
    signal_wake_up_state
    task_set_jobctl_pending
    task_clear_jobctl_pending
    is_current_pgrp_orphaned
    #[cfg(CONFIG_COREDUMP)] vfs_coredump
    #[cfg(CONFIG_PROC_EVENTS)] proc_coredump_connector
}

hooks! {
    // The two sides of an init.
    send_signal_locked => signal::send::send_signal_locked, replaced;
    dequeue_signal => signal::take::dequeue_signal, wrapped;
    ptrace_stop => signal::ptrace::ptrace_stop, wrapped when signal::ptrace::is_handed_over;
}
