// SPDX-License-Identifier: GPL-2.0

//! Takeover mode: namespaces come, fall and go by the kernel's own code. What that calls is hooked, and told.

use super::events;
use crate::{
    bindings::{ns_common, ns_tree_root, pid_namespace},
    hook::{original, PID_NS_TREE},
    pid::is_first,
};
use core::ptr;
use kernel::container_of;

/// The pid namespace that `ns` is a part of, if it is one, and not the first.
///
/// # Safety
///
/// `ns` must be valid, and one of `tree`.
unsafe fn pid_ns(ns: *mut ns_common, tree: *mut ns_tree_root) -> Option<*mut pid_namespace> {
    if !ptr::eq(tree, PID_NS_TREE.get()) {
        return None;
    }
    // SAFETY: All of this tree are parts of pid namespaces.
    let ns = unsafe { container_of!(ns, pid_namespace, ns) };
    (!is_first(ns)).then_some(ns)
}

/// Wraps `kernel/nstree.c: __ns_tree_add_raw`, by which a namespace becomes known. Sleeps never.
///
/// # Safety
///
/// The kernel's.
pub(crate) unsafe extern "C" fn __ns_tree_add_raw(ns: *mut ns_common, tree: *mut ns_tree_root) {
    // SAFETY: The caller's promise; who makes a namespace holds it.
    unsafe {
        original::__ns_tree_add_raw(ns, tree);
        if let Some(ns) = pid_ns(ns, tree) {
            events::ns_create(ns);
        }
    }
}

/// Wraps `kernel/nstree.c: __ns_tree_remove`, by which a namespace becomes unknown. Sleeps never.
///
/// # Safety
///
/// The kernel's.
pub(crate) unsafe extern "C" fn __ns_tree_remove(ns: *mut ns_common, tree: *mut ns_tree_root) {
    // SAFETY: The caller's promise; a namespace holds its parent until it has left the tree.
    unsafe {
        if let Some(ns) = pid_ns(ns, tree) {
            events::ns_destroy(ns);
        }
        original::__ns_tree_remove(ns, tree);
    }
}

/// Wraps `kernel/pid.c: disable_pid_allocation`, with which a namespace begins to fall. Sleeps never.
///
/// # Safety
///
/// The kernel's.
pub(crate) unsafe extern "C" fn disable_pid_allocation(ns: *mut pid_namespace) {
    // SAFETY: The caller's promise: it is the init of `ns`, which cannot be the machine's.
    unsafe {
        events::zap(ns);
        original::disable_pid_allocation(ns);
    }
}
