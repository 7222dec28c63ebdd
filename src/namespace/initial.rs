// SPDX-License-Identifier: GPL-2.0

//! The initial namespace: without `CONFIG_PID_NS` the kernel keeps it out of the namespace tree and
//! gives it no operations, so it has no file. While the module is loaded it has both.
//!
//! Its files (descriptors, bind mounts) have no reference to the namespace, which never dies, but
//! each keeps the module loaded: `surface::nsfs`.

use super::operations;
use crate::{
    bindings,
    imports::{
        kernel_fn,
        PID_NS_TREE, //
    },
    object::{
        NsCommon,
        Object,
        PidNs, //
    },
};
use core::ptr;

/// The initial namespace's part in the kernel's namespace code.
pub(crate) fn common() -> &'static NsCommon {
    PidNs::initial().common()
}

/// The initial namespace is in the tree. Dropping takes it out again, when no file of it is left and
/// none can be opened any more.
pub(crate) struct InTree(());

impl InTree {
    /// Never sleeps.
    pub(crate) fn add() -> Self {
        // SAFETY: It has its number (`kernel/pid.c: init_pid_ns`), and is in no tree: this is done
        // once while the module is loaded. Its operations are complete.
        unsafe {
            (*common().as_ptr()).ops = operations::own().cast();
            kernel_fn::__ns_tree_add_raw(common().as_ptr(), PID_NS_TREE.get());
        }
        Self(())
    }
}

impl Drop for InTree {
    fn drop(&mut self) {
        // SAFETY: Added in `add`. Somebody who found it there may still call its operations, without
        // having slept since it read where they are: the hooks' end waits for it, and the module's
        // text stays until then. Whoever reads after that finds none, and calls none
        // (`kernel/nstree.c: ns_put`).
        unsafe {
            bindings::__ns_tree_remove(common().as_ptr(), PID_NS_TREE.get());
            (&raw mut (*common().as_ptr()).ops).write_volatile(ptr::null());
        }
    }
}
