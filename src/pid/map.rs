// SPDX-License-Identifier: GPL-2.0

//! The number tables and counts of all namespaces, behind the kernel's own `pidmap_lock`.
//!
//! They are the kernel's: its `alloc_pid` and `free_pid` may still run on another CPU while ours
//! take over or go, and its lookups (`find_pid_ns`) read the same tables all the time.

use super::number::{Refusal, Request};
use crate::{
    bindings::{self, pid, pid_namespace, task_struct},
    hook::PIDMAP_LOCK,
};
use core::{ffi::c_void, ptr};
use kernel::{error::to_result, prelude::*};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutOfRange | Refusal::NotInit => EINVAL,
            Refusal::InUse => EEXIST,
            Refusal::Full => EAGAIN,
        }
    }
}

/// `pidmap_lock` is held; the only way to what it protects.
///
/// Not to be taken in an interrupt: the kernel takes it with interrupts enabled.
pub(super) struct Pidmap(());

impl Pidmap {
    /// Takes the lock.
    #[inline]
    pub(super) fn lock() -> Self {
        // SAFETY: The kernel's static lock, found before the first hook was armed.
        unsafe { bindings::spin_lock(PIDMAP_LOCK.get()) };
        Self(())
    }

    /// Takes a number in `ns`, for which lookups find nothing yet.
    ///
    /// # Safety
    ///
    /// `ns` must be valid.
    #[inline]
    pub(super) unsafe fn take(&mut self, ns: *mut pid_namespace, request: Request) -> Result<i32> {
        // SAFETY: `ns` is valid and its table is ours while the lock is held.
        let nr = unsafe {
            let idr = &raw mut (*ns).idr;
            match request {
                Request::Exactly(nr) => {
                    bindings::idr_alloc(idr, ptr::null_mut(), nr, nr + 1, bindings::GFP_ATOMIC)
                }
                Request::Next { min, max } => {
                    bindings::idr_alloc_cyclic(idr, ptr::null_mut(), min, max, bindings::GFP_ATOMIC)
                }
            }
        };
        if nr == ENOSPC.to_errno() {
            return Err(request.no_room().into());
        }
        to_result(nr)?;
        Ok(nr)
    }

    /// Gives `nr` back to `ns`.
    ///
    /// # Safety
    ///
    /// `ns` must be valid, and `nr` taken in it.
    #[inline]
    pub(super) unsafe fn give_back(&mut self, ns: *mut pid_namespace, nr: i32) {
        // SAFETY: As above.
        unsafe { bindings::idr_remove(&raw mut (*ns).idr, nr as usize) };
    }

    /// From now on lookups of `nr` in `ns` find `pid`, which counts as one of its tasks' pids.
    ///
    /// # Safety
    ///
    /// `ns` must be valid, `nr` taken in it, and `pid` complete.
    #[inline]
    pub(super) unsafe fn publish(&mut self, ns: *mut pid_namespace, nr: i32, pid: *mut pid) {
        // SAFETY: As above. `idr_replace` cannot fail for a number that is taken; it orders the
        // writes that completed `pid` before the one that lets lookups see it.
        unsafe {
            bindings::idr_replace(&raw mut (*ns).idr, pid.cast::<c_void>(), nr as usize);
            (*ns).pid_allocated += 1;
        }
    }

    /// Where the search for the next number of `ns` begins.
    ///
    /// # Safety
    ///
    /// `ns` must be valid.
    #[inline]
    pub(super) unsafe fn cursor(&self, ns: *mut pid_namespace) -> u32 {
        // SAFETY: As above. `ns_last_pid` and `/proc/loadavg` do not take the lock: volatile.
        unsafe { ptr::read_volatile(&raw const (*ns).idr.idr_next) }
    }

    /// Lets `ns` begin with number 1 again if no task has ever lived in it.
    ///
    /// # Safety
    ///
    /// `ns` must be valid.
    #[inline]
    pub(super) unsafe fn rewind_if_unused(&mut self, ns: *mut pid_namespace) {
        // SAFETY: As above.
        unsafe {
            if (*ns).pid_allocated == bindings::PIDNS_ADDING {
                ptr::write_volatile(&raw mut (*ns).idr.idr_next, 0);
            }
        }
    }

    /// Whether `ns` takes no more tasks.
    ///
    /// # Safety
    ///
    /// `ns` must be valid.
    #[inline]
    pub(super) unsafe fn is_dead(&self, ns: *mut pid_namespace) -> bool {
        // SAFETY: As above.
        unsafe { (*ns).pid_allocated & bindings::PIDNS_ADDING == 0 }
    }

    /// Uncounts a pid of `ns`, and wakes its reaper, who may wait in `zap`, when only the reaper's
    /// own are left: one, or two when its first thread left before its last.
    ///
    /// # Safety
    ///
    /// `ns` must be valid, and hold a pid that is going.
    #[inline]
    pub(super) unsafe fn uncount(&mut self, ns: *mut pid_namespace) {
        // SAFETY: As above. The reaper is alive, or not yet freed: it is not before it waited for
        // this lock's sections to end (RCU), or is the kernel's static first task.
        unsafe {
            (*ns).pid_allocated -= 1;
            if matches!((*ns).pid_allocated, 1 | 2) {
                bindings::wake_up_process(reaper(ns));
            }
        }
    }

    /// `ns` takes no more tasks (`kernel/pid.c: disable_pid_allocation`).
    ///
    /// # Safety
    ///
    /// `ns` must be valid.
    pub(super) unsafe fn close(&mut self, ns: *mut pid_namespace) {
        // SAFETY: As above.
        unsafe { (*ns).pid_allocated &= !bindings::PIDNS_ADDING };
    }
}

impl Drop for Pidmap {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Taken in `lock`.
        unsafe { bindings::spin_unlock(PIDMAP_LOCK.get()) };
    }
}

/// The task that orphans of `ns` go to; null before its init is born.
///
/// # Safety
///
/// `ns` must be valid.
#[inline]
pub(super) unsafe fn reaper(ns: *mut pid_namespace) -> *mut task_struct {
    // SAFETY: As above; written under `tasklist_lock`, read without: volatile.
    unsafe { ptr::read_volatile(&raw const (*ns).child_reaper) }
}

/// Memory for the number tables, reserved outside the lock; preemption is off while it lives.
pub(super) struct Preload(());

impl Preload {
    /// Reserves. May sleep.
    #[inline]
    pub(super) fn new() -> Self {
        // SAFETY: The caller may sleep and holds no spinlock.
        unsafe { bindings::idr_preload(bindings::GFP_KERNEL) };
        Self(())
    }
}

impl Drop for Preload {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Ends what `new` began on this CPU.
        unsafe { bindings::pidns_idr_preload_end() };
    }
}
