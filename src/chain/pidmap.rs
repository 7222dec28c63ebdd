// SPDX-License-Identifier: GPL-2.0

//! `pidmap_lock`, the kernel's own, which protects the number tables and counts of all namespaces.

use crate::{
    bindings,
    imports::PIDMAP_LOCK, //
};
use kernel::types::NotThreadSafe;

/// `pidmap_lock` is held; the only way to what it protects.
///
/// Not to be taken in an interrupt: the kernel takes it with interrupts enabled.
pub(crate) struct Pidmap {
    /// Memory is reserved, too.
    preloaded: bool,
    _here: NotThreadSafe,
}

impl Pidmap {
    /// Takes the lock.
    #[inline]
    pub(crate) fn lock() -> Self {
        Self::lock_with(false)
    }

    /// Reserves memory for one number, and takes the lock. May sleep.
    #[inline]
    pub(crate) fn lock_preloaded() -> Self {
        Self::lock_with(true)
    }

    #[inline(always)]
    fn lock_with(preloaded: bool) -> Self {
        // SAFETY: The kernel's static lock, found before the first hook was armed. Preemption is off from the
        // reservation, which is this CPU's, until `drop` ends it.
        unsafe {
            if preloaded {
                bindings::idr_preload(bindings::GFP_KERNEL);
            }
            bindings::spin_lock(PIDMAP_LOCK.get());
        }
        Self {
            preloaded,
            _here: NotThreadSafe,
        }
    }
}

impl Drop for Pidmap {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Both were taken in `lock_with`, by this task and on this CPU.
        unsafe {
            bindings::spin_unlock(PIDMAP_LOCK.get());
            if self.preloaded {
                bindings::pidns_idr_preload_end();
            }
        }
    }
}
