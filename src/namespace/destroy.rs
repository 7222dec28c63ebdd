// SPDX-License-Identifier: GPL-2.0

//! A namespace's end, when the last reference to it is gone.
//!
//! In three steps: a worker takes it out of the tree and lets the module go; an RCU grace period
//! later, as in mainline, its user may have another one; and after a Tasks RCU grace period its
//! memory is freed. `put_pid` still reads `pid_cachep` after it dropped the last reference: in a
//! softirq, for which RCU waits, or in a task that may be preempted in between, for which Tasks RCU
//! waits. RCU also waits for readers that found the namespace by a pid.

use super::{cache, reference};
use crate::{
    bindings::{self, callback_head, pid_namespace, work_struct, workqueue_struct},
    hook::{kernel_fn, Loaded, PID_NS_TREE},
    observe::events,
    pid::is_first,
};
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{container_of, prelude::*};

static WORKERS: AtomicPtr<workqueue_struct> = AtomicPtr::new(ptr::null_mut());

/// Who destroys namespaces; dropping waits until all that are dead are gone.
pub(super) struct Undertaker(());

impl Undertaker {
    /// May sleep.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: Allocates a work queue.
        let workers = unsafe { bindings::pidns_alloc_workqueue() };
        if workers.is_null() {
            return Err(ENOMEM);
        }
        WORKERS.store(workers, Ordering::Relaxed);
        Ok(Self(()))
    }
}

impl Drop for Undertaker {
    fn drop(&mut self) {
        // SAFETY: No namespace lives, and no function is hooked, so no work is queued any more.
        // The workers' last callbacks go first through RCU, then through Tasks RCU. Pids of the dead
        // are freed by `delayed_put_pid`, an RCU callback too, or by `put_pid` in a task, for which
        // the hooks' end waited (`hook::inside::drain`).
        unsafe {
            bindings::destroy_workqueue(WORKERS.swap(ptr::null_mut(), Ordering::Relaxed));
            bindings::rcu_barrier();
            bindings::rcu_barrier_tasks();
        }
    }
}

/// Has a worker destroy `ns`. Any context.
///
/// # Safety
///
/// The last reference to `ns` must just be gone.
pub(super) unsafe fn bury(ns: *mut pid_namespace) {
    // SAFETY: `ns` is nobody's any more, so its work is not queued yet; it keeps the module, and so
    // the queue, until the work is done.
    unsafe {
        bindings::queue_work_on(
            bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32,
            WORKERS.load(Ordering::Relaxed),
            &raw mut (*ns).work,
        )
    };
}

/// The worker: destroys the namespace, and each of those above that it was the last to hold
/// (`kernel/pid_namespace.c: destroy_pid_namespace_work`).
///
/// # Safety
///
/// `work` must be that of a namespace that nobody holds.
pub(super) unsafe extern "C" fn destroy(work: *mut work_struct) {
    // SAFETY: The caller's promise; a namespace holds its parent.
    unsafe {
        let mut ns: *mut pid_namespace = container_of!(work, pid_namespace, work);
        loop {
            let parent = (*ns).parent;
            destroy_one(ns);
            ns = parent;
            if is_first(ns) || !reference::put(ns) {
                break;
            }
        }
    }
}

/// # Safety
///
/// Nobody may hold `ns`.
unsafe fn destroy_one(ns: *mut pid_namespace) {
    // SAFETY: The caller's promise. The module stays until this work is done: its queue is
    // destroyed when the module goes, and waits.
    unsafe {
        events::ns_destroy(ns);
        bindings::__ns_tree_remove(&raw mut (*ns).ns, PID_NS_TREE.get());
        kernel_fn::unregister_pidns_sysctls(ns);
        kernel_fn::__ns_common_free(&raw mut (*ns).ns);
        bindings::idr_destroy(&raw mut (*ns).idr);
        bindings::call_rcu(&raw mut (*ns).rcu, Some(after_rcu));
    }
    // SAFETY: The namespace's own, from its creation.
    drop(unsafe { Loaded::adopt() });
}

/// The end of the RCU grace period (`kernel/pid_namespace.c: delayed_free_pidns`).
///
/// # Safety
///
/// `head` must be the `rcu` of a namespace that nobody holds, and unused.
unsafe extern "C" fn after_rcu(head: *mut callback_head) {
    // SAFETY: The caller's promise.
    unsafe {
        let ns: *mut pid_namespace = container_of!(head, pid_namespace, rcu);
        kernel_fn::dec_ucount((*ns).ucounts, bindings::ucount_type_UCOUNT_PID_NAMESPACES);
        bindings::pidns_put_user_ns((*ns).user_ns);
        bindings::call_rcu_tasks(head, Some(free));
    }
}

/// The end of the Tasks RCU grace period.
///
/// # Safety
///
/// `head` must be the `rcu` of a namespace that nobody can reach any more.
unsafe extern "C" fn free(head: *mut callback_head) {
    // SAFETY: The caller's promise.
    unsafe {
        let ns: *mut pid_namespace = container_of!(head, pid_namespace, rcu);
        bindings::kmem_cache_free(cache::namespaces(), ns.cast());
    }
}
