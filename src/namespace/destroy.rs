// SPDX-License-Identifier: GPL-2.0

//! A namespace's end, when the last reference to it is gone.
//!
//! In three steps: a worker takes it out of the tree and lets the module go; there is an RCU grace period, as in
//! mainline; and after a Tasks RCU grace period its memory is freed, and its user may have another one. `put_pid` still
//! reads `pid_cachep` after it dropped the last reference: in a softirq, for which RCU waits, or in a task that may be
//! preempted in between, for which Tasks RCU waits. RCU also waits for readers that found the namespace by a pid.

use super::memory::Blank;
use crate::{
    bindings::{
        self,
        callback_head,
        pid_namespace, //
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

/// # Safety
///
/// Nobody may hold `ns`, a namespace that was complete, and this is called once.
pub(super) unsafe fn destroy(ns: *mut pid_namespace) {
    // SAFETY: The caller's promise. The module stays until this work is done: its queue is
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
        bindings::call_rcu(&raw mut (*ns).rcu, Some(after_rcu));
        drop(Loaded::from_raw());
    }
}

by_part! {
    /// A namespace that nobody holds, by its `rcu`.
    ByRcu<'a>(&'a PidNs) = pid_namespace, rcu: callback_head;
    /// Its memory, when nobody can reach it any more, in the same way.
    BlankByRcu(Blank) = pid_namespace, rcu: callback_head;
}

callbacks! {
    /// The end of the RCU grace period.
    fn after_rcu(ns: ByRcu<'_>) {
        // SAFETY: Nobody holds it, and its `rcu` is free again.
        unsafe { bindings::call_rcu_tasks(&raw mut (*ns.0.as_ptr()).rcu, Some(free)) };
    }

    /// The end of the Tasks RCU grace period (`kernel/pid_namespace.c: delayed_free_pidns`). Only now its user may have
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
