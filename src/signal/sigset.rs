// SPDX-License-Identifier: GPL-2.0

//! Sets of signals (`include/linux/signal.h`).

use crate::bindings::sigset_t;
use core::cell::Cell;

/// The word and the bit of `sig`, which is from 1 to 64.
#[inline]
fn place(sig: i32) -> (usize, usize) {
    let bit = sig.wrapping_sub(1) as usize;
    let width = usize::BITS as usize;
    (bit / width, 1 << (bit % width))
}

/// What is done with a set.
pub(super) trait Sigset {
    /// `sigismember`.
    fn has(&self, sig: i32) -> bool;

    /// `sigaddset`.
    fn add(&self, sig: i32);

    /// `sigdelset`.
    fn remove(&self, sig: i32);

    /// Whether it has a signal that `mask` has not.
    fn has_other(&self, mask: &Self) -> bool;
}

impl Sigset for Cell<sigset_t> {
    #[inline]
    fn has(&self, sig: i32) -> bool {
        let (word, bit) = place(sig);
        self.get().sig[word] & bit != 0
    }

    #[inline]
    fn add(&self, sig: i32) {
        let (word, bit) = place(sig);
        let mut set = self.get();
        set.sig[word] |= bit;
        self.set(set);
    }

    #[inline]
    fn remove(&self, sig: i32) {
        let (word, bit) = place(sig);
        let mut set = self.get();
        set.sig[word] &= !bit;
        self.set(set);
    }

    #[inline]
    fn has_other(&self, mask: &Self) -> bool {
        let (set, mask) = (self.get().sig, mask.get().sig);
        set.iter().zip(&mask).any(|(s, m)| s & !m != 0)
    }
}

/// All signals but `sig`.
pub(super) fn all_but(sig: i32) -> Cell<sigset_t> {
    let mut set = sigset_t::default();
    for word in &mut set.sig {
        *word = !0;
    }
    let set = Cell::new(set);
    set.remove(sig);
    set
}
