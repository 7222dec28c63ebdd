// SPDX-License-Identifier: GPL-2.0

//! What is asked of the process that a signal is for.

use super::{
    siglock::Thread,
    sigset::Sigset,
    verdict::{
        Disposition,
        SIGKILL, //
    },
};
use kernel::prelude::*;

/// `SIG_IGN`, which bindgen takes for a function.
const SIG_IGN: usize = 1;

impl Thread {
    /// What its process has said that `sig` shall do.
    pub(super) fn disposition(&self, sig: c_int) -> Disposition {
        match self.handler(sig) {
            None => Disposition::Default,
            Some(handler) if handler as usize == SIG_IGN => Disposition::Ignored,
            Some(_) => Disposition::Handler,
        }
    }

    /// Whether it blocks `sig`, also as one that `sigtimedwait` waits for.
    #[inline(always)]
    pub(super) fn blocks(&self, sig: c_int) -> bool {
        self.blocked().has(sig) || self.real_blocked().has(sig)
    }

    /// Whether nobody decides about `sig` now (`kernel/signal.c: sig_ignored`).
    #[inline(always)]
    pub(super) fn holds(&self, sig: c_int) -> bool {
        self.blocks(sig) || sig != SIGKILL && self.ptrace() != 0
    }
}
