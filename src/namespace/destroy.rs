// SPDX-License-Identifier: GPL-2.0

//! A namespace's end, when the last reference to it is gone.
//!
//! A worker takes it out of the tree and lets the module go; and after an RCU grace period, as in mainline, its memory is
//! freed, and its user may have another one. RCU waits for readers that found the namespace by a pid, and for `put_pid` in a
//! softirq, which still reads `pid_cachep` after it dropped the last reference: so do nearly all pids go.
//!
//! Where a task did that which could lose the processor in between, Tasks RCU is waited for as well. That is a long time where
//! somebody, anybody, never comes to run again: so only those wait of whom a pid went in that way.

use super::memory::Blank;
use crate::{
    bindings::{
        self,
        callback_head,
        pid_namespace,
        work_struct, //
    },
    events,
    hook::callbacks,
    imports::{
        kernel_fn,
        PID_NS_TREE, //
    },
    module::Loaded,
    object::{
        by_part,
        Object,
        PidNs, //
    },
};
use kernel::sync::atomic::Relaxed;

/// Notes for a pid that the current context frees of `ns`, if that is said, whether it could lose the processor here. Any context.
#[inline]
pub(crate) fn note_who_puts(ns: Option<&PidNs>) {
    if kernel_fn::preemptible() {
        if let Some(ns) = ns.filter(|ns| !ns.is_initial()) {
            // Before the reference is dropped, which orders it.
            ns.in_work().put_by_task.store(true, Relaxed);
        }
    }
}

/// Whether such a pid was freed of it. Its work is not in use yet.
pub(super) fn was_put_by_task(ns: &Dead<'_>) -> bool {
    ns.0.in_work().put_by_task.load(Relaxed)
}

/// Begins the end of a namespace. `put_by_task` is what [`was_put_by_task`] said. May sleep.
pub(super) fn destroy(ns: Dead<'_>, put_by_task: bool) {
    let ns = ns.0.as_ptr();
    // SAFETY: Nobody holds it, and it was complete. The module stays until this work is done: its queue is
    // destroyed when the module goes, and waits. The reference to the module is the namespace's own,
    // from its creation.
    unsafe {
        events::ns_destroy(PidNs::from_ptr(ns));
        bindings::__ns_tree_remove(&raw mut (*ns).ns, PID_NS_TREE.get());
        if !PidNs::from_ptr(ns).lacks_sysctls() {
            kernel_fn::unregister_pidns_sysctls(ns);
        }
        kernel_fn::__ns_common_free(&raw mut (*ns).ns);
        bindings::idr_destroy(&raw mut (*ns).idr);
        let then = if put_by_task { after_rcu } else { free };
        bindings::call_rcu(&raw mut (*ns).rcu, Some(then));
        drop(Loaded::from_raw());
    }
}

by_part! {
    /// A namespace that nobody holds any more, by its work.
    pub(super) Dead<'a>(&'a PidNs) = pid_namespace, work: work_struct;
    /// A namespace that nobody holds, by its `rcu`.
    ByRcu<'a>(&'a PidNs) = pid_namespace, rcu: callback_head;
    /// Its memory, when nobody can reach it any more, in the same way.
    BlankByRcu(Blank) = pid_namespace, rcu: callback_head;
}

callbacks! {
    /// The end of the RCU grace period, where Tasks RCU is waited for, too.
    fn after_rcu(ns: ByRcu<'_>) {
        // SAFETY: Nobody holds it, and its `rcu` is free again.
        unsafe { bindings::call_rcu_tasks(&raw mut (*ns.0.as_ptr()).rcu, Some(free)) };
    }

    /// The end of the last grace period (`kernel/pid_namespace.c: delayed_free_pidns`). Only now its user may have
    /// another one in its place: a limit on namespaces is one on their memory.
    fn free(blank: BlankByRcu) {
        let mut blank = blank.0;
        let ns = blank.get();
        // SAFETY: What it has is taken back once.
        unsafe {
            kernel_fn::dec_ucount(ns.ucounts, bindings::ucount_type_UCOUNT_PID_NAMESPACES);
            bindings::pidns_put_user_ns(ns.user_ns);
        }
        drop(blank);
    }
}
