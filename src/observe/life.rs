// SPDX-License-Identifier: GPL-2.0

//! Namespaces come, fall and go.

#[cfg(CONFIG_PID_NS)]
pub(crate) use hooked::*;

/// In takeover mode the kernel's own code makes and unmakes namespaces: what it calls then is hooked.
#[cfg(CONFIG_PID_NS)]
mod hooked {
    use crate::{
        bindings::{ns_common, ns_tree_root, pid_namespace},
        hook::original,
    };

    /// Wraps `kernel/nstree.c: __ns_tree_add_raw`, by which a namespace becomes known. Sleeps never.
    ///
    /// # Safety
    ///
    /// The kernel's.
    pub(crate) unsafe extern "C" fn __ns_tree_add_raw(ns: *mut ns_common, tree: *mut ns_tree_root) {
        // SAFETY: The caller's promise.
        unsafe { original::__ns_tree_add_raw(ns, tree) }
    }

    /// Wraps `kernel/nstree.c: __ns_tree_remove`, by which a namespace becomes unknown. Sleeps never.
    ///
    /// # Safety
    ///
    /// The kernel's.
    pub(crate) unsafe extern "C" fn __ns_tree_remove(ns: *mut ns_common, tree: *mut ns_tree_root) {
        // SAFETY: The caller's promise.
        unsafe { original::__ns_tree_remove(ns, tree) }
    }

    /// Wraps `kernel/pid.c: disable_pid_allocation`, with which a namespace begins to fall. Sleeps never.
    ///
    /// # Safety
    ///
    /// The kernel's.
    pub(crate) unsafe extern "C" fn disable_pid_allocation(ns: *mut pid_namespace) {
        // SAFETY: The caller's promise.
        unsafe { original::disable_pid_allocation(ns) }
    }
}
