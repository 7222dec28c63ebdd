// SPDX-License-Identifier: GPL-2.0

//! Takeover mode: namespaces come, fall and go by the kernel's own code. What that calls is hooked, and told.

use crate::{
    bindings::ns_tree_root,
    events,
    hook::wrap,
    imports::PID_NS_TREE,
    object::{
        NsCommon,
        PidNs, //
    },
};
use core::ptr;

/// The pid namespace that `ns`, one of `tree`, is a part of, if it is one, and not the initial namespace.
fn pid_ns(ns: &NsCommon, tree: *mut ns_tree_root) -> Option<&PidNs> {
    // (All trees are told of first: the question whose tree it is costs less.)
    if !ptr::eq(tree, PID_NS_TREE.get()) {
        return None;
    }
    ns.pid_ns().filter(|ns| !ns.is_initial())
}

wrap! {
    /// Wraps `kernel/nstree.c: __ns_tree_add_raw`, by which a namespace becomes known. Never sleeps.
    fn __ns_tree_add_raw(ns: &NsCommon, tree: *mut ns_tree_root), original => {
        original();
        if let Some(ns) = pid_ns(ns, tree) {
            events::ns_create(ns);
        }
    }

    /// Wraps `kernel/nstree.c: __ns_tree_remove`, by which a namespace becomes unknown. Never sleeps.
    fn __ns_tree_remove(ns: &NsCommon, tree: *mut ns_tree_root), original => {
        if let Some(ns) = pid_ns(ns, tree) {
            events::ns_destroy(ns);
        }
        original();
    }

    /// Wraps `kernel/pid.c: disable_pid_allocation`, with which a namespace begins to fall. Never sleeps.
    fn disable_pid_allocation(ns: &PidNs), original => {
        events::zap(ns);
        original();
    }
}
