// SPDX-License-Identifier: GPL-2.0

//! A namespace's birth.

use super::{cache, destroy, operations, Reference};
use crate::{
    bindings::{self, callback_head, pid_namespace, user_namespace},
    hook::{kernel_fn, Loaded, PID_NS_TREE},
    observe::events,
};
use kernel::{error::to_result, prelude::*};

/// A namespace of ours.
///
/// # Invariants
///
/// `ns` is first, so that a pointer to one is a pointer to the other.
#[repr(C)]
pub(super) struct Namespace {
    ns: pid_namespace,
    /// Drops the creator's reference when its system call is over.
    created: callback_head,
}

/// One more in the count of pid namespaces that a user may have in `user_ns` and above.
struct Counted(*mut bindings::ucounts);

impl Counted {
    fn new(user_ns: *mut user_namespace) -> Result<Self> {
        // SAFETY: The caller holds `user_ns`.
        let ucounts = unsafe {
            let euid = (*(*bindings::get_current()).cred).euid;
            kernel_fn::inc_ucount(user_ns, euid, bindings::ucount_type_UCOUNT_PID_NAMESPACES)
        };
        if ucounts.is_null() {
            return Err(ENOSPC);
        }
        Ok(Self(ucounts))
    }

    fn into_raw(self) -> *mut bindings::ucounts {
        let ucounts = self.0;
        core::mem::forget(self);
        ucounts
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // SAFETY: Counted in `new`.
        unsafe { kernel_fn::dec_ucount(self.0, bindings::ucount_type_UCOUNT_PID_NAMESPACES) };
    }
}

/// Creates a child namespace of `parent`, owned by `user_ns`
/// (`kernel/pid_namespace.c: create_pid_namespace`).
///
/// It lives at least until the current task returns to user space: by then whatever the system
/// call built it for holds it, or has failed.
///
/// May sleep.
///
/// # Errors
///
/// `EINVAL` if `user_ns` is not the owner of `parent` or below, `ENOSPC` at the 33rd level or the
/// user's limit, `ENOMEM`.
///
/// # Safety
///
/// The caller must hold `parent` and `user_ns`, and be in a system call of a user-space task.
pub(crate) unsafe fn create(
    user_ns: *mut user_namespace,
    parent: *mut pid_namespace,
) -> Result<*mut pid_namespace> {
    // What a kernel without pid namespaces says.
    let loaded = Loaded::get().ok_or(EINVAL)?;
    // SAFETY: Both are held.
    if !unsafe { kernel_fn::in_userns((*parent).user_ns, user_ns) } {
        return Err(EINVAL);
    }
    // SAFETY: `parent` is held.
    let level = unsafe { (*parent).level } + 1;
    if level > bindings::MAX_PID_NS_LEVEL {
        return Err(ENOSPC);
    }
    let counted = Counted::new(user_ns)?;
    let blank = Blank::new()?;
    let ns = blank.0;
    // SAFETY: `ns` is zeroed and ours alone until it is added to the tree, all fields set; `parent`
    // and `user_ns` are held by the caller, then by `ns`.
    unsafe {
        (*ns).pid_cachep = cache::pids(level as usize)?;
        bindings::pidns_idr_init(&raw mut (*ns).idr);
        to_result(kernel_fn::__ns_common_init(
            &raw mut (*ns).ns,
            bindings::CLONE_NEWPID,
            operations::own(),
            0,
        ))?;
        (*ns).pid_max = bindings::PIDNS_PID_MAX_LIMIT;
        if let Err(error) = to_result(kernel_fn::register_pidns_sysctls(ns)) {
            kernel_fn::__ns_common_free(&raw mut (*ns).ns);
            return Err(error);
        }
        (*ns).level = level;
        (*ns).parent = Reference::get(parent).into_raw();
        bindings::pidns_get_user_ns(user_ns);
        (*ns).user_ns = user_ns;
        #[cfg(CONFIG_MEMFD_CREATE)]
        {
            (*ns).memfd_noexec_scope = super::memfd_noexec_scope(parent);
        }
        (*ns).ucounts = counted.into_raw();
        (*ns).pid_allocated = bindings::PIDNS_ADDING;
        bindings::pidns_init_work(&raw mut (*ns).work, Some(destroy::destroy));
        kernel_fn::__ns_tree_gen_id(&raw mut (*ns).ns, 0);
        kernel_fn::__ns_tree_add_raw(&raw mut (*ns).ns, PID_NS_TREE.get());
        events::ns_create(ns);
    }
    loaded.leave();
    // SAFETY: Complete, with a count of 1, which is ours.
    let created = unsafe { Reference::adopt(blank.finish()) };
    keep_until_user_space(created)
}

/// Leaves the creator's reference to the current task, which drops it on its way to user space.
fn keep_until_user_space(created: Reference) -> Result<*mut pid_namespace> {
    let ns = created.as_ptr();
    // SAFETY: By the invariant of `Namespace`; nobody else uses the callback.
    let result = unsafe {
        let work = &raw mut (*ns.cast::<Namespace>()).created;
        (*work).func = Some(drop_created);
        kernel_fn::task_work_add(
            bindings::get_current(),
            work,
            bindings::task_work_notify_mode_TWA_RESUME,
        )
    };
    // It fails for a task that exits, which is not in this system call; then `created` drops it.
    to_result(result)?;
    Ok(created.into_raw())
}

/// The task work that drops the creator's reference.
///
/// # Safety
///
/// `work` must be the `created` of a [`Namespace`], queued with a reference to it.
unsafe extern "C" fn drop_created(work: *mut callback_head) {
    // SAFETY: The caller's promise.
    unsafe {
        let ns: *mut Namespace = kernel::container_of!(work, Namespace, created);
        drop(Reference::adopt(ns.cast()));
    }
}

/// The memory of a namespace in the making; dropping frees it.
struct Blank(*mut pid_namespace);

impl Blank {
    fn new() -> Result<Self> {
        // SAFETY: The cache exists while the module is loaded.
        let ns: *mut pid_namespace = unsafe {
            bindings::kmem_cache_alloc_noprof(
                cache::namespaces(),
                bindings::GFP_KERNEL | bindings::__GFP_ZERO,
            )
        }
        .cast();
        if ns.is_null() {
            return Err(ENOMEM);
        }
        Ok(Self(ns))
    }

    fn finish(self) -> *mut pid_namespace {
        let ns = self.0;
        core::mem::forget(self);
        ns
    }
}

impl Drop for Blank {
    fn drop(&mut self) {
        // SAFETY: Ours alone, from this cache; its number table is empty.
        unsafe { bindings::kmem_cache_free(cache::namespaces(), self.0.cast()) };
    }
}
