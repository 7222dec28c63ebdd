// SPDX-License-Identifier: GPL-2.0

//! Numbers in the leaves of a number table. No kernel types: what a node is, its implementation says.
//!
//! A number table is the kernel's radix tree (`lib/radix-tree.c`, `lib/idr.c`). What the kernel's functions make of it
//! remains true, for they work on the same tables at any time. Whenever the lock is free:
//!
//! 1. the bit of a number in its leaf is set if the number is free;
//! 2. the bit of a child in a node is clear if the child is there and has no bit set itself. (The table's own bit says the
//!    same of the topmost node, and never changes: number 0 is always free);
//! 3. a leaf counts the numbers in it that are taken, any other node its children; the leaf that is kept counts one more,
//!    so that nobody frees it;
//! 4. a slot is null unless lookups may find what is in it, and what is in it can be found for a grace period longer.
//!
//! Lookups ([`search`]) need no lock.

use super::search::{
    self,
    all,
    offset,
    Node as _, //
};
use core::{
    ffi::c_void,
    ptr,
    sync::atomic::Ordering, //
};

/// A node of a number table, whose lock is held.
pub(crate) trait Node: search::Node {
    /// Which child of its parent it is.
    fn offset(self) -> u32;
    /// The node above it.
    fn parent(self) -> Option<Self>;
    /// See the invariants.
    fn set_free(self, free: u64);
    /// See the invariants.
    fn count(self) -> u32;
    fn set_count(self, count: u32);
    /// Writes a slot of a leaf.
    fn set_slot(self, offset: u32, pid: *mut c_void, order: Ordering);
}

/// A number table, whose lock is held.
pub(crate) trait Table {
    type Node: Node;

    /// The topmost node.
    fn head(&self) -> Option<Self::Node>;
    /// The leaf that is kept.
    fn kept(&self) -> Option<Kept<Self::Node>>;
    fn set_kept(&self, kept: Option<Kept<Self::Node>>);
    /// The kernel gives back a number that is taken, and frees the nodes that have no more (`lib/idr.c: idr_remove`).
    fn remove(&self, nr: u32);
}

/// The leaf that the table keeps: the next number is looked for in it.
#[derive(Clone, Copy)]
pub(crate) struct Kept<N> {
    pub(crate) leaf: N,
    /// Its first number.
    pub(crate) base: u32,
}

impl<N: Node> Kept<N> {
    /// Whether it is the leaf of `nr`.
    #[inline(always)]
    fn has(&self, nr: u32) -> bool {
        nr ^ self.base < N::SLOTS
    }
}

/// The lowest free number in the leaf that is kept, from `nr` on.
#[inline(always)]
pub(crate) fn next<T: Table>(table: &T, nr: u32) -> Option<u32> {
    let kept = table.kept().filter(|kept| kept.has(nr))?;
    let rest = (kept.leaf.free() & all::<T::Node>()) >> offset::<T::Node>(nr);
    (rest != 0).then(|| nr.wrapping_add(rest.trailing_zeros()))
}

/// The leaf of `nr`; none if no number in it is taken, and it is not kept.
fn find<T: Table>(table: &T, nr: u32) -> Option<T::Node> {
    search::leaf(table.head(), nr)
}

/// Keeps the leaf of `nr`, which was taken by the kernel, in place of another. `nr` is free again.
pub(crate) fn keep<T: Table>(table: &T, nr: u32) {
    // It is there, for `nr` is in it.
    let Some(leaf) = find(table, nr) else {
        return;
    };
    leaf.set_count(leaf.count() + 1);
    let_go(table);
    table.set_kept(Some(Kept {
        leaf,
        base: nr - offset::<T::Node>(nr),
    }));
    give_back(table, nr);
}

/// No leaf is kept any more.
pub(crate) fn let_go<T: Table>(table: &T) {
    let Some(Kept { leaf, base }) = table.kept() else {
        return;
    };
    table.set_kept(None);
    if leaf.count() > 1 {
        leaf.set_count(leaf.count() - 1);
        return;
    }
    // What counts becomes a number, the leaf's first: with that it goes. All were free, so others still are, and nothing is
    // to be said above it.
    leaf.set_free(leaf.free() & !1);
    table.remove(base);
}

/// Takes `nr`, which is free and in the leaf that is kept, and lets lookups find `pid` by it: complete, as it was written
/// before.
#[inline(always)]
pub(crate) fn give<T: Table>(table: &T, nr: u32, pid: *mut c_void) {
    // It is there: `next` has found `nr` in it.
    let Some(Kept { leaf, .. }) = table.kept() else {
        return;
    };
    let free = leaf.free() & !(1 << offset::<T::Node>(nr));
    leaf.set_free(free);
    leaf.set_count(leaf.count().wrapping_add(1));
    if free & all::<T::Node>() == 0 {
        filled(leaf);
    }
    leaf.set_slot(offset::<T::Node>(nr), pid, Ordering::Release);
}

/// The same, of a number that was taken.
pub(crate) fn show<T: Table>(table: &T, nr: u32, pid: *mut c_void) {
    if let Some(leaf) = find(table, nr) {
        leaf.set_slot(offset::<T::Node>(nr), pid, Ordering::Release);
    }
}

/// Gives `nr` back, which was taken: lookups find nothing any more.
#[inline(always)]
pub(crate) fn give_back<T: Table>(table: &T, nr: u32) {
    match table.kept() {
        Some(kept) if kept.has(nr) => clear(kept.leaf, nr),
        _ => give_back_elsewhere(table, nr),
    }
}

/// The same, in another leaf than the one that is kept.
#[inline(never)]
fn give_back_elsewhere<T: Table>(table: &T, nr: u32) {
    match find(table, nr) {
        // It goes with its last number.
        Some(leaf) if leaf.count() > 1 => clear(leaf, nr),
        _ => table.remove(nr),
    }
}

/// `nr` is taken in `leaf`, and not all that counts there.
#[inline(always)]
fn clear<N: Node>(leaf: N, nr: u32) {
    let free = leaf.free();
    leaf.set_free(free | 1 << offset::<N>(nr));
    leaf.set_count(leaf.count().wrapping_sub(1));
    leaf.set_slot(offset::<N>(nr), ptr::null_mut(), Ordering::Relaxed);
    if free & all::<N>() == 0 {
        no_longer_filled(leaf);
    }
}

/// `node` has no bit set any more: says so above it (`lib/radix-tree.c: node_tag_clear`).
#[cold]
#[inline(never)]
fn filled<N: Node>(mut node: N) {
    while let Some(parent) = node.parent() {
        let free = parent.free() & !(1 << node.offset());
        parent.set_free(free);
        if free & all::<N>() != 0 {
            return;
        }
        node = parent;
    }
}

/// `node`, which had none, has a bit set: says so above it (`lib/radix-tree.c: node_tag_set`).
#[cold]
#[inline(never)]
fn no_longer_filled<N: Node>(mut node: N) {
    while let Some(parent) = node.parent() {
        let free = parent.free();
        parent.set_free(free | 1 << node.offset());
        if free & all::<N>() != 0 {
            return;
        }
        node = parent;
    }
}
