// SPDX-License-Identifier: GPL-2.0

//! Lookups in a number table, which may change meanwhile. No kernel types: what a node is, its implementation says.
//!
//! What makes them right are the invariants of [`leaf`](super::leaf), and that a node or a pid that was taken out of a
//! table stays as it was for a grace period longer: who has met it goes on to what was below it. (Not so a node on top
//! that the table has outgrown downwards: what is below that is in the table still.)

use core::sync::atomic::{
    fence,
    Ordering, //
};

/// A node of a number table, as lookups see it.
pub(crate) trait Node: Copy {
    /// How many slots one has: a power of two, 64 at most.
    const SLOTS: u32;

    /// How many bits of a number its children decide; 0 for a leaf.
    fn shift(self) -> u32;
    /// A child.
    fn child(self, offset: u32) -> Option<Self>;
    /// The bit of a number in its leaf is clear if it is taken, maybe by something that lookups do not find yet. The lowest
    /// is the first number's.
    fn free(self) -> u64;
}

/// The same, with what is in a leaf.
pub(crate) trait Leaf: Node {
    type Found;

    /// What lookups find by a number.
    fn slot(self, offset: u32) -> Option<Self::Found>;
}

/// Where `nr` is in its leaf, or what decides it in a node, if `nr` is without the bits that are decided below.
#[inline(always)]
pub(crate) fn offset<N: Node>(nr: u32) -> u32 {
    nr % N::SLOTS
}

/// The bits of all slots.
#[inline(always)]
pub(crate) fn all<N: Node>() -> u64 {
    u64::MAX >> (u64::BITS - N::SLOTS)
}

/// Whether the numbers below `head` end before `nr`.
#[inline(always)]
fn is_beyond<N: Node>(head: N, nr: u32) -> bool {
    nr.wrapping_shr(head.shift()) >= N::SLOTS
}

/// The leaf of `nr`, if it is there.
#[inline(always)]
pub(crate) fn leaf<N: Node>(head: Option<N>, nr: u32) -> Option<N> {
    let mut node = head.filter(|head| !is_beyond(*head, nr))?;
    loop {
        let shift = node.shift();
        if shift == 0 {
            return Some(node);
        }
        node = node.child(offset::<N>(nr.wrapping_shr(shift)))?;
    }
}

/// What lookups find by `nr` (`lib/idr.c: idr_find`).
#[inline(always)]
pub(crate) fn find<L: Leaf>(head: Option<L>, nr: u32) -> Option<L::Found> {
    leaf(head, nr)?.slot(offset::<L>(nr))
}

/// What lookups find by the lowest number from `nr` on by which they find something (`lib/idr.c: idr_get_next`).
///
/// What is there all the time is not missed. Numbers are less than 2^31.
#[inline(always)]
pub(crate) fn find_from<L: Leaf>(head: impl Fn() -> Option<L>, mut nr: u32) -> Option<L::Found> {
    // Whoever has met a pid in its slot sees it in the bits, too: those were written first.
    fence(Ordering::Acquire);
    'head: loop {
        let mut node = head().filter(|head| !is_beyond(*head, nr))?;
        loop {
            let shift = node.shift();
            if shift == 0 {
                break;
            }
            if let Some(child) = node.child(offset::<L>(nr.wrapping_shr(shift))) {
                node = child;
                continue;
            }
            // On to the first number of the next child.
            let next = nr.wrapping_shr(shift) + 1;
            nr = next.wrapping_shl(shift);
            if offset::<L>(next) == 0 {
                continue 'head;
            }
        }
        let mut taken = !node.free() & all::<L>() & u64::MAX << offset::<L>(nr);
        while taken != 0 {
            let found = node.slot(taken.trailing_zeros());
            if found.is_some() {
                return found;
            }
            taken &= taken - 1;
        }
        nr = (nr | (L::SLOTS - 1)) + 1;
    }
}
