// SPDX-License-Identifier: GPL-2.0

//! A signal that is queued and must not end its target at once.

use super::{
    siglock::Siglocked,
    verdict::SIGKILL, //
};
use kernel::prelude::*;

/// Keeps the kernel from ending a process when it queues a signal: while it is up, no thread seems to be
/// free to take that (`sigtimedwait` does the same).
pub(super) struct Shield<'a> {
    target: Siglocked<'a>,
    sig: c_int,
}

impl<'a> Shield<'a> {
    pub(super) fn raise(target: Siglocked<'a>, sig: c_int) -> Self {
        for thread in target.threads() {
            // Nobody can block SIGKILL: it remembers that `sig` was there before.
            if thread.really_blocks(sig) {
                thread.really_block(SIGKILL);
            }
            thread.really_block(sig);
        }
        Self { target, sig }
    }
}

impl Drop for Shield<'_> {
    fn drop(&mut self) {
        for thread in self.target.threads() {
            let before = thread.really_blocks(SIGKILL);
            thread.really_unblock(if before { SIGKILL } else { self.sig });
        }
    }
}
