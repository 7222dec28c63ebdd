// SPDX-License-Identifier: GPL-2.0

//! What is asked of the process that a signal is for.

use super::{
    siglock::Siglocked,
    verdict::Disposition, //
};
use crate::bindings;
use kernel::prelude::*;

/// `SIG_IGN`, which bindgen takes for a function.
const SIG_IGN: usize = 1;

impl Siglocked<'_> {
    /// Whether the kernel protects it from signals: as the first process of all, or as a namespace's init.
    #[inline(always)]
    pub(super) fn is_unkillable(&self) -> bool {
        self.signal_flags() & bindings::SIGNAL_UNKILLABLE != 0
    }

    /// What it has said that `sig` shall do.
    pub(super) fn disposition(&self, sig: c_int) -> Disposition {
        match self.action(sig).sa_handler {
            None => Disposition::Default,
            Some(handler) if handler as usize == SIG_IGN => Disposition::Ignored,
            Some(_) => Disposition::Handler,
        }
    }

    /// Whether it is on its way out whatever it takes: its process ends, or another thread's `execve` ends all others.
    pub(super) fn is_ending(&self) -> bool {
        self.signal_flags() & bindings::SIGNAL_GROUP_EXIT != 0 || self.has_exec()
    }
}
