// SPDX-License-Identifier: GPL-2.0

//! `tasklist_lock`, which protects who is whose parent, thread and reaper.

use crate::{
    bindings,
    imports::TASKLIST_LOCK, //
};
use kernel::types::NotThreadSafe;

/// The lock is held: for reading, or, with interrupts off, for writing.
pub(crate) struct Locked<const WRITE: bool>(NotThreadSafe);

/// The lock is held for reading.
pub(crate) type Tasklist = Locked<false>;

/// The lock is held for writing.
#[cfg(not(CONFIG_PID_NS))]
pub(crate) type TasklistMut = Locked<true>;

impl<const WRITE: bool> Locked<WRITE> {
    /// Takes it: for reading in any context but one that holds it for writing; for writing with interrupts on, and no
    /// other spinlock held.
    pub(crate) fn lock() -> Self {
        // SAFETY: The kernel's static lock, found before the first hook was armed.
        unsafe {
            if WRITE {
                bindings::pidns_write_lock_irq(TASKLIST_LOCK.get());
            } else {
                bindings::pidns_read_lock(TASKLIST_LOCK.get());
            }
        }
        Self(NotThreadSafe)
    }
}

impl<const WRITE: bool> Drop for Locked<WRITE> {
    fn drop(&mut self) {
        // SAFETY: Taken in `lock`, by this task.
        unsafe {
            if WRITE {
                bindings::pidns_write_unlock_irq(TASKLIST_LOCK.get());
            } else {
                bindings::pidns_read_unlock(TASKLIST_LOCK.get());
            }
        }
    }
}
