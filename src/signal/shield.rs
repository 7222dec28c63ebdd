// SPDX-License-Identifier: GPL-2.0

//! A signal that is queued and must not end its target at once.

use super::{
    siglock::Siglocked,
    sigset::Sigset,
    verdict::SIGKILL, //
};
use kernel::prelude::*;

/// Keeps the kernel from ending a process when it queues a signal: while it is up, no thread seems to be
/// free to take that (`sigtimedwait` does the same).
pub(super) struct Shield<'l> {
    pub(super) target: Siglocked<'l>,
    sig: c_int,
}

impl<'l> Shield<'l> {
    pub(super) fn raise(target: Siglocked<'l>, sig: c_int) -> Self {
        for t in target.process().threads() {
            let blocked = t.real_blocked();
            // Nobody can block SIGKILL: it remembers that `sig` was there before.
            if blocked.has(sig) {
                blocked.add(SIGKILL);
            }
            blocked.add(sig);
        }
        Self { target, sig }
    }
}

impl Drop for Shield<'_> {
    fn drop(&mut self) {
        for t in self.target.process().threads() {
            let blocked = t.real_blocked();
            if blocked.has(SIGKILL) {
                blocked.remove(SIGKILL);
            } else {
                blocked.remove(self.sig);
            }
        }
    }
}
