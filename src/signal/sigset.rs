// SPDX-License-Identifier: GPL-2.0

//! Sets of signals (`include/linux/signal.h`). Whoever passes one holds the `siglock` that protects it.

use crate::bindings::sigset_t;

/// The word and the bit of `sig`, which is from 1 to 64.
#[inline]
fn place(sig: i32) -> (usize, usize) {
    let bit = sig.wrapping_sub(1) as usize;
    let width = usize::BITS as usize;
    (bit / width, 1 << (bit % width))
}

/// `sigismember`.
#[inline]
pub(super) fn has(set: &sigset_t, sig: i32) -> bool {
    let (word, bit) = place(sig);
    set.sig[word] & bit != 0
}

/// `sigaddset`.
#[inline]
pub(super) fn add(set: &mut sigset_t, sig: i32) {
    let (word, bit) = place(sig);
    set.sig[word] |= bit;
}

/// `sigdelset`.
#[inline]
pub(super) fn remove(set: &mut sigset_t, sig: i32) {
    let (word, bit) = place(sig);
    set.sig[word] &= !bit;
}

/// All signals but `sig`.
pub(super) fn all_but(sig: i32) -> sigset_t {
    let mut set = sigset_t::default();
    for word in &mut set.sig {
        *word = !0;
    }
    remove(&mut set, sig);
    set
}

/// Whether `set` has a signal that `mask` has not.
#[inline]
pub(super) fn has_other(set: &sigset_t, mask: &sigset_t) -> bool {
    set.sig.iter().zip(&mask.sig).any(|(s, m)| s & !m != 0)
}
