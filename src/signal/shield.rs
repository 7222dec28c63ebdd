// SPDX-License-Identifier: GPL-2.0

//! A signal that is queued and must not end its target at once.

use super::{act, set, verdict::SIGKILL};
use crate::bindings::signal_struct;
use kernel::prelude::*;

/// Keeps the kernel from ending a process when it queues a signal: while it is up, no thread seems to be
/// free to take that (`sigtimedwait` does the same). The `siglock` must be held meanwhile.
pub(super) struct Shield {
    signal: *mut signal_struct,
    sig: c_int,
}

impl Shield {
    /// # Safety
    ///
    /// The `siglock` of the process must be held until the shield is dropped.
    pub(super) unsafe fn raise(signal: *mut signal_struct, sig: c_int) -> Self {
        // SAFETY: The caller's promise.
        unsafe {
            act::for_each_thread(signal, |t| {
                let blocked = &mut (*t).real_blocked;
                // Nobody can block SIGKILL: it remembers that `sig` was there before.
                if set::has(blocked, sig) {
                    set::add(blocked, SIGKILL);
                }
                set::add(blocked, sig);
            });
        }
        Self { signal, sig }
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        // SAFETY: The promise of `raise`.
        unsafe {
            act::for_each_thread(self.signal, |t| {
                let blocked = &mut (*t).real_blocked;
                if set::has(blocked, SIGKILL) {
                    set::remove(blocked, SIGKILL);
                } else {
                    set::remove(blocked, self.sig);
                }
            });
        }
    }
}
