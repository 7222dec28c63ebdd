// SPDX-License-Identifier: GPL-2.0

//! The first namespace: without `CONFIG_PID_NS` the kernel keeps it out of the namespace tree and
//! gives it no operations, so it has no file. While the module is loaded it has both.
//!
//! Its files (descriptors, bind mounts) have no reference to the namespace, which never dies, but
//! each keeps the module loaded: `surface::nsfs`.

use super::operations;
use crate::{
    bindings::{self, ns_common},
    hook::{kernel_fn, PID_NS_TREE},
};
use core::ptr;

/// The first namespace's part in the kernel's namespace code.
pub(crate) fn common() -> *mut ns_common {
    // SAFETY: The address of a part of a static.
    unsafe { &raw mut bindings::init_pid_ns.ns }
}

/// The first namespace is in the tree. Dropping takes it out again, when no file of it is left and
/// none can be opened any more.
pub(crate) struct InTree(());

impl InTree {
    /// Sleeps never.
    pub(crate) fn add() -> Self {
        // SAFETY: It has its number (`kernel/pid.c: init_pid_ns`), and is in no tree: this is done
        // once while the module is loaded. Its operations are complete.
        unsafe {
            (*common()).ops = operations::own().cast();
            kernel_fn::__ns_tree_add_raw(common(), PID_NS_TREE.get());
        }
        Self(())
    }
}

impl Drop for InTree {
    fn drop(&mut self) {
        // SAFETY: Added in `add`. Somebody who found it there may still call its operations, without
        // having slept since he read where they are: the hooks' end waits for him, and the module's
        // text stays until then. Whoever reads after that finds none, and calls none
        // (`kernel/nstree.c: ns_put`).
        unsafe {
            bindings::__ns_tree_remove(common(), PID_NS_TREE.get());
            (&raw mut (*common()).ops).write_volatile(ptr::null());
        }
    }
}
