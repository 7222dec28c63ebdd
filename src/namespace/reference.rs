// SPDX-License-Identifier: GPL-2.0

//! References to a namespace.
//!
//! On a kernel without `CONFIG_PID_NS` its own `get_pid_ns` and `put_pid_ns` do nothing, so the
//! module counts, in the namespace's own counter (`ns.__ns_ref`), for every holder there is:
//!
//! * a `struct pid`, from `alloc_pid` to `pidfs_free_pid`;
//! * an `nsproxy`, while it is installed (`namespace::nsproxy`);
//! * a child namespace, until it is destroyed;
//! * each file of it (`namespace::operations`, `surface::nsfs`);
//! * the system call that created it, until it returns to user space (`namespace::create`);
//! * whatever else in the kernel keeps a pointer (`namespace::holder`).

use super::destroy::{
    self,
    Dead, //
};
use crate::{
    bindings::{
        self,
        pid_namespace,
        workqueue_struct, //
    },
    held::Held,
    hook::callbacks,
    imports::{
        kernel_fn,
        Workqueue, //
    },
    object::{
        fields,
        FromC,
        Object,
        PidNs, //
    },
};
use core::{
    mem,
    ops::Deref,
    ptr, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        rcu,
        Refcount, //
    }, //
};

/// One counted reference to a namespace; dropping it drops the count, in any context.
///
/// The initial namespace is not counted.
///
/// # Invariants
///
/// The namespace is valid, and a count is ours unless it is the initial one.
pub(crate) struct Reference(*mut pid_namespace);

impl Reference {
    /// Counts one more reference. Somebody must hold `ns`: one that only RCU keeps may have no count left
    /// (`refcount_inc` says so in the log), see [`Reference::get_active`].
    #[inline]
    pub(crate) fn get(ns: &PidNs) -> Self {
        if !ns.is_initial() {
            ns.counter().inc();
        }
        // INVARIANT: Just counted.
        Self(ns.as_ptr())
    }

    /// Counts one more reference, unless `ns` has no user any more that user space knows of
    /// (`include/linux/ns_common.h: ns_get_unless_inactive`). It was found in the tree, in an RCU read-side section.
    pub(crate) fn get_active(ns: &PidNs, _rcu: &rcu::Guard) -> Option<Self> {
        // INVARIANT: Just counted. (The initial namespace is always active, and not counted.)
        kernel_fn::ns_get_unless_inactive(ns.common()).then(|| Self(ns.as_ptr()))
    }

    /// Takes over a reference that was counted before.
    ///
    /// # Safety
    ///
    /// The caller must own a reference to `ns`, and gives it up.
    #[inline]
    pub(crate) unsafe fn from_raw(ns: *mut pid_namespace) -> Self {
        // INVARIANT: The caller's promise.
        Self(ns)
    }

    /// Leaves the reference to whoever keeps the pointer; see [`Reference::from_raw`].
    #[inline]
    pub(crate) fn into_raw(self) -> *mut pid_namespace {
        let ns = self.0;
        mem::forget(self);
        ns
    }
}

impl Deref for Reference {
    type Target = PidNs;

    #[inline(always)]
    fn deref(&self) -> &PidNs {
        // SAFETY: By the invariant.
        unsafe { PidNs::from_ptr(self.0) }
    }
}

/// The pointer must come with a reference, which is ours then.
impl FromC for Reference {
    type C = *mut pid_namespace;

    #[inline(always)]
    unsafe fn from_c(ns: *mut pid_namespace) -> Self {
        // INVARIANT: The caller's promise.
        Self(ns)
    }
}

impl Drop for Reference {
    #[inline]
    fn drop(&mut self) {
        let Some(dead) = self.uncount() else {
            return;
        };
        let worker = if destroy::was_put_by_task(&dead) {
            destroy_put_by_task
        } else {
            destroy
        };
        // SAFETY: It was the last: the namespace is nobody's any more, so its work is not queued yet, and what was in its
        // place is over (`chain::InWork`); it keeps the module, and so the queue, until the work is done.
        unsafe {
            bindings::pidns_init_work(&raw mut (*self.0).work, Some(worker));
            bindings::queue_work_on(
                bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32,
                WORKERS.load(Relaxed),
                &raw mut (*self.0).work,
            )
        };
    }
}

fields! {
    PidNs {
        /// How many references there are, unless it is the initial namespace.
        part counter: &Refcount = ns.__bindgen_anon_1.__ns_ref;
    }
}

impl PidNs {
    /// Drops a reference, which must be the caller's. Returns the namespace if it was the last.
    #[inline]
    fn uncount(&self) -> Option<Dead<'_>> {
        (!self.is_initial() && self.counter().dec_and_test()).then_some(Dead(self))
    }
}

static WORKERS: Atomic<*mut workqueue_struct> = Atomic::new(ptr::null_mut());

/// Who destroys namespaces; dropping waits until all that are dead are gone. No namespace lives then, and no function is
/// hooked, so no work is queued any more.
///
/// The fields are dropped in this order.
pub(super) struct DestroyQueue {
    _workers: Held<Workqueue>,
    _callbacks: Callbacks,
}

// SAFETY: The kernel's, with its own locks; only used again when it is dropped.
unsafe impl Send for DestroyQueue {}
// SAFETY: As above.
unsafe impl Sync for DestroyQueue {}

impl DestroyQueue {
    /// May sleep.
    pub(super) fn new() -> Result<Self> {
        let workers = kernel_fn::alloc_workqueue().ok_or(ENOMEM)?;
        WORKERS.store(workers.as_ptr(), Relaxed);
        Ok(Self {
            _workers: workers,
            _callbacks: Callbacks,
        })
    }
}

/// On drop: waits for the workers' last callbacks.
struct Callbacks;

impl Drop for Callbacks {
    fn drop(&mut self) {
        // They go first through RCU, then through Tasks RCU. Pids of the dead
        // are freed by `delayed_put_pid`, an RCU callback too, or by `put_pid` in a task, for which
        // the hooks' end waited (`module::drain`).
        rcu::rcu_barrier();
        kernel_fn::rcu_barrier_tasks();
    }
}

callbacks! {
    /// The worker.
    fn destroy(ns: Dead<'_>) {
        destroy_with_parents(ns, false);
    }

    /// The same, of one of which a task has put a pid: its work has taken the place where that was noted.
    fn destroy_put_by_task(ns: Dead<'_>) {
        destroy_with_parents(ns, true);
    }
}

/// Destroys the namespace, and each of those above that it was the last to hold: a namespace holds its parent
/// (`kernel/pid_namespace.c: destroy_pid_namespace_work`).
fn destroy_with_parents(mut ns: Dead<'_>, mut put_by_task: bool) {
    while let Some(parent) = ns.0.parent() {
        destroy::destroy(ns, put_by_task);
        match parent.uncount() {
            Some(dead) => ns = dead,
            None => return,
        }
        put_by_task = destroy::was_put_by_task(&ns);
    }
}
