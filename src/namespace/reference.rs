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

use super::destroy;
use crate::{
    bindings::{self, pid_namespace},
    pid::is_first,
};
use core::mem;

/// One counted reference to a namespace; dropping it drops the count, in any context.
///
/// The first namespace is not counted.
pub(crate) struct Reference(*mut pid_namespace);

impl Reference {
    /// Counts one more reference.
    ///
    /// # Safety
    ///
    /// Somebody must hold `ns` during the call.
    #[inline]
    pub(crate) unsafe fn get(ns: *mut pid_namespace) -> Self {
        if !is_first(ns) {
            // SAFETY: `ns` is held, so its counter is not 0.
            unsafe { bindings::refcount_inc(counter(ns)) };
        }
        Self(ns)
    }

    /// Counts one more reference, unless `ns` has no user any more that user space knows of
    /// (`include/linux/ns_common.h: ns_get_unless_inactive`).
    ///
    /// # Safety
    ///
    /// `ns` must be valid: found in the tree, in an RCU read-side section.
    pub(crate) unsafe fn get_active(ns: *mut pid_namespace) -> Option<Self> {
        // SAFETY: The caller's promise. The first namespace is always active, and not counted.
        let counted = unsafe { bindings::pidns_ns_get_unless_inactive(&raw mut (*ns).ns) };
        counted.then(|| Self(ns))
    }

    /// Takes over a reference that was counted before.
    ///
    /// # Safety
    ///
    /// The caller must own a reference to `ns`, and gives it up.
    #[inline]
    pub(crate) unsafe fn adopt(ns: *mut pid_namespace) -> Self {
        Self(ns)
    }

    /// The namespace.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut pid_namespace {
        self.0
    }

    /// Leaves the reference to whoever keeps the pointer; see [`Reference::adopt`].
    #[inline]
    pub(crate) fn into_raw(self) -> *mut pid_namespace {
        let ns = self.0;
        mem::forget(self);
        ns
    }
}

impl Drop for Reference {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` owns a reference.
        if unsafe { put(self.0) } {
            // SAFETY: It was the last.
            unsafe { destroy::bury(self.0) };
        }
    }
}

/// Drops a reference; whether it was the last.
///
/// # Safety
///
/// The caller must own a reference to `ns`.
#[inline]
pub(super) unsafe fn put(ns: *mut pid_namespace) -> bool {
    // SAFETY: The caller's promise.
    !is_first(ns) && unsafe { bindings::refcount_dec_and_test(counter(ns)) }
}

/// # Safety
///
/// `ns` must be valid.
#[inline]
unsafe fn counter(ns: *mut pid_namespace) -> *mut bindings::refcount_t {
    // SAFETY: The caller's promise.
    unsafe { &raw mut (*ns).ns.__bindgen_anon_1.__ns_ref }
}
