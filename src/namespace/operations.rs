// SPDX-License-Identifier: GPL-2.0

//! What the kernel's common namespace code may ask of a pid namespace, the first one included
//! (`kernel/pid_namespace.c: pidns_operations`).

use super::Reference;
use crate::{
    bindings::{self, ns_common, nsset, pid_namespace, proc_ns_operations, task_struct},
    hook,
    pid::{current_ns, ns_of},
};
use core::{ffi::CStr, ptr};
use kernel::{container_of, prelude::*};

/// Never written.
struct Operations(proc_ns_operations);

// SAFETY: Never written.
unsafe impl Sync for Operations {}

type Get = unsafe extern "C" fn(*mut task_struct) -> *mut ns_common;

const fn operations(name: &'static CStr, real_name: *const c_char, get: Get) -> Operations {
    Operations(proc_ns_operations {
        name: name.to_bytes_with_nul().as_ptr(),
        real_ns_name: real_name,
        get: Some(get),
        put: Some(put),
        install: Some(install),
        owner: Some(owner),
        get_parent: Some(parent),
    })
}

static OWN: Operations = operations(c"pid", ptr::null(), get);
static FOR_CHILDREN: Operations = operations(
    c"pid_for_children",
    c"pid".to_bytes_with_nul().as_ptr(),
    get_for_children,
);

/// Those of the namespace that a task is in; every pid namespace has them.
pub(crate) fn own() -> *const proc_ns_operations {
    &raw const OWN.0
}

/// Those of the namespace that the next children of a task will be in.
pub(crate) fn for_children() -> *const proc_ns_operations {
    &raw const FOR_CHILDREN.0
}

/// The namespace that `common` is part of.
///
/// # Safety
///
/// `common` must be the `ns` of a pid namespace.
pub(crate) unsafe fn of_common(common: *mut ns_common) -> *mut pid_namespace {
    // SAFETY: The caller's promise.
    unsafe { container_of!(common, pid_namespace, ns) }
}

/// Gives a reference away as the kernel's namespace code wants it.
pub(crate) fn into_common(ns: Reference) -> *mut ns_common {
    // SAFETY: The namespace is held.
    unsafe { &raw mut (*ns.into_raw()).ns }
}

/// The namespace that `task` is in, if it was not reaped yet. Sleeps never.
///
/// # Safety
///
/// `task` must be held.
pub(crate) unsafe fn of_task(task: *mut task_struct) -> Option<Reference> {
    let _rcu = kernel::sync::rcu::read_lock();
    // SAFETY: A task's pid stays valid, and with it its namespace, for an RCU grace period after
    // the task let go of it.
    unsafe {
        let pid = ptr::read_volatile(&raw const (*task).thread_pid);
        (!pid.is_null()).then(|| Reference::get(ns_of(pid)))
    }
}

/// The namespace that the next children of `task` will be in, if it did not exit. Sleeps never.
///
/// # Safety
///
/// `task` must be held.
pub(crate) unsafe fn for_children_of(task: *mut task_struct) -> Option<Reference> {
    // SAFETY: The lock keeps the task's `nsproxy` installed, which holds the namespace.
    unsafe {
        bindings::pidns_task_lock(task);
        let proxy = (*task).nsproxy;
        let ns = (!proxy.is_null()).then(|| Reference::get((*proxy).pid_ns_for_children));
        bindings::pidns_task_unlock(task);
        ns
    }
}

/// Whether `ns` is `ancestor` or below it (`kernel/pid_namespace.c: pidns_is_ancestor`).
///
/// # Safety
///
/// Both must be valid.
pub(crate) unsafe fn is_ancestor(ns: *mut pid_namespace, ancestor: *mut pid_namespace) -> bool {
    // SAFETY: A namespace holds its parent; a level above 0 has one.
    unsafe {
        let mut above = ns;
        while (*above).level > (*ancestor).level {
            above = (*above).parent;
        }
        above == ancestor
    }
}

/// Whether the current task has `CAP_SYS_ADMIN` in `user_ns`.
///
/// # Safety
///
/// `user_ns` must be valid.
pub(crate) unsafe fn is_admin(user_ns: *mut bindings::user_namespace) -> bool {
    // SAFETY: The caller's promise.
    unsafe { bindings::ns_capable(user_ns, bindings::CAP_SYS_ADMIN as c_int) }
}

/// Gives a namespace of a task away, for a file of it. None while the module comes or goes: a file
/// of the first namespace would not keep it then (`surface::nsfs`).
fn give(ns: Option<Reference>) -> *mut ns_common {
    ns.filter(|_| hook::armed())
        .map_or(ptr::null_mut(), into_common)
}

/// `pidns_get`.
///
/// # Safety
///
/// The kernel's: `task` is held, and the current task is in a hooked function that counts it.
unsafe extern "C" fn get(task: *mut task_struct) -> *mut ns_common {
    // SAFETY: The caller's promise.
    give(unsafe { of_task(task) })
}

/// `pidns_for_children_get`.
///
/// # Safety
///
/// As above.
unsafe extern "C" fn get_for_children(task: *mut task_struct) -> *mut ns_common {
    // SAFETY: The caller's promise.
    give(unsafe { for_children_of(task) })
}

/// `pidns_put`. Any context.
///
/// # Safety
///
/// `ns` must be that of a pid namespace, and the caller gives up a reference.
unsafe extern "C" fn put(ns: *mut ns_common) {
    // SAFETY: The caller's promise.
    unsafe { drop(Reference::adopt(of_common(ns))) }
}

/// `pidns_install`: what `setns` of the current task checks and does.
///
/// The `nsproxy` is not installed yet, so it takes no reference of its own: the caller keeps the
/// namespace until it is (see `namespace::nsproxy`).
///
/// # Safety
///
/// The kernel's: `set` is the current task's, `ns` that of a pid namespace that is held.
unsafe extern "C" fn install(set: *mut nsset, ns: *mut ns_common) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let ns = of_common(ns);
        if !is_admin((*ns).user_ns) || !is_admin((*(*set).cred).user_ns) {
            return EPERM.to_errno();
        }
        // Nobody leaves the namespace that he is in, and a fork gives a number that he can use.
        if !is_ancestor(ns, current_ns()) {
            return EINVAL.to_errno();
        }
        (*(*set).nsproxy).pid_ns_for_children = ns;
    }
    0
}

/// `pidns_owner`.
///
/// # Safety
///
/// `ns` must be that of a pid namespace.
unsafe extern "C" fn owner(ns: *mut ns_common) -> *mut bindings::user_namespace {
    // SAFETY: The caller's promise.
    unsafe { (*of_common(ns)).user_ns }
}

/// `pidns_get_parent`: `EPERM` if the parent is not in the current task's view.
///
/// # Safety
///
/// The kernel's: `ns` is that of a pid namespace that is held.
unsafe extern "C" fn parent(ns: *mut ns_common) -> *mut ns_common {
    // SAFETY: The caller's promise; a namespace holds its parent.
    unsafe {
        let parent = (*of_common(ns)).parent;
        if parent.is_null() || !is_ancestor(parent, current_ns()) {
            return EPERM.to_ptr();
        }
        into_common(Reference::get(parent))
    }
}
