// SPDX-License-Identifier: GPL-2.0

//! The kernel's number tables, as [`leaf`] sees them, and what is kept of one in its namespace.

use super::{
    leaf::{
        self,
        Kept,
        Table, //
    },
    pidmap::Pidmap, //
};
use crate::{
    bindings::{
        self,
        callback_head,
        work_struct,
        xa_node, //
    },
    edge::exports,
    object::{
        fields,
        objects,
        FromC,
        Object,
        PidNs, //
    },
};
use core::{
    cell::Cell,
    ffi::c_void,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    },
};
use kernel::types::Opaque;

objects! {
    /// The number table of a namespace, whose lock is held: lookups find in it what they may find, or nothing.
    Numbers(bindings::idr);
    /// A node of one.
    Node(xa_node);
}

/// The number table of a namespace, whose lock is held.
pub(super) struct NumberTable<'map> {
    numbers: &'map Numbers,
    in_work: &'map InWork,
}

fields! {
    PidNs, by Pidmap {
        part numbers<'map>: &'map Numbers = idr;
    }
}

fields! {
    PidNs {
        /// What is kept in the place of its work.
        part in_work: &InWork = work;
    }
}

impl PidNs {
    /// Its number table.
    #[inline(always)]
    pub(super) fn number_table<'map>(&'map self, map: &'map Pidmap) -> NumberTable<'map> {
        NumberTable {
            numbers: self.numbers(map),
            in_work: self.in_work(),
        }
    }
}

fields! {
    Numbers {
        once top: Entry<'_> = idr_rt.xa_head;
    }
}

// Under the lock: readers see the slots alone, and those of `shift` and `offset` that do not change.
fields! {
    Node {
        fixed node_shift: u8 = shift;
        fixed node_offset: u8 = offset;
        part node_count: &Cell<u8> = count;
        once above: Option<&Node> = parent;
        once below(offset: usize): Entry<'_> = slots[offset];
        part slot(offset: usize): &AtomicPtr<c_void> = slots[offset];
        // The marks of `IDR_FREE`.
        part marks: &Cell<[usize; 1]> = __bindgen_anon_2.tags[0];
    }
}

/// What the table or a node's slot has of the node below it (`lib/radix-tree.c: node_to_entry`).
pub(crate) struct Entry<'map>(Option<&'map Node>);

impl FromC for Entry<'_> {
    type C = *mut c_void;

    #[inline(always)]
    unsafe fn from_c(entry: *mut c_void) -> Self {
        // SAFETY: The caller's promise. But in its leaves, a number table has nothing else.
        Self(unsafe { FromC::from_c(entry.map_addr(|address| address & !3).cast()) })
    }
}

const SLOTS: usize = {
    const fn slots<const N: usize>(_: fn(&xa_node) -> &[*mut c_void; N]) -> usize {
        N
    }
    slots(|node| &node.slots)
};

impl leaf::Node for &Node {
    const SLOTS: u32 = SLOTS as u32;

    #[inline(always)]
    fn shift(self) -> u32 {
        self.node_shift().into()
    }

    #[inline(always)]
    fn offset(self) -> u32 {
        self.node_offset().into()
    }

    #[inline(always)]
    fn parent(self) -> Option<Self> {
        self.above()
    }

    #[inline(always)]
    fn child(self, offset: u32) -> Option<Self> {
        self.below(offset as usize % SLOTS).0
    }

    #[inline(always)]
    fn free(self) -> u64 {
        let [marks] = self.marks().get();
        marks as u64
    }

    #[inline(always)]
    fn set_free(self, free: u64) {
        self.marks().set([free as usize]);
    }

    #[inline(always)]
    fn count(self) -> u32 {
        self.node_count().get().into()
    }

    #[inline(always)]
    fn set_count(self, count: u32) {
        self.node_count().set(count as u8);
    }

    #[inline(always)]
    fn set_slot(self, offset: u32, pid: *mut c_void, order: Ordering) {
        self.slot(offset as usize % SLOTS).store(pid, order);
    }
}

impl<'map> Table for NumberTable<'map> {
    type Node = &'map Node;

    #[inline(always)]
    fn head(&self) -> Option<&'map Node> {
        self.numbers.top().0
    }

    #[inline(always)]
    fn kept(&self) -> Option<Kept<&'map Node>> {
        // SAFETY: By the invariant; a leaf that is kept is not freed, and the lock keeps it for a grace period.
        let leaf: Option<&Node> = unsafe { FromC::from_c(self.in_work.leaf.get()) };
        let base = !self.in_work.not_base.get();
        leaf.map(|leaf| Kept { leaf, base })
    }

    fn set_kept(&self, kept: Option<Kept<&'map Node>>) {
        let leaf = kept.map_or(ptr::null_mut(), |kept| kept.leaf.as_ptr());
        self.in_work.leaf.set(leaf);
        self.in_work.not_base.set(kept.map_or(0, |kept| !kept.base));
    }

    fn remove(&self, nr: u32) {
        idr_remove(self.numbers, nr as usize);
    }
}

exports! {
    // Gives a number back: lookups find nothing any more.
    idr_remove(table: &Numbers, nr: usize) -> *mut c_void = idr_remove;
}

/// What is kept of a namespace in the place of its `work`.
///
/// Nobody uses that before the namespace is nobody's any more (`namespace::reference`), and the initial namespace's is
/// never used. So nothing of this needs memory, and the initial namespace is no special case. It is zero at first.
///
/// # Invariants
///
/// `leaf` is null, or a leaf of the table whose count says that it is kept, and `not_base` the complement of its first
/// number. Where none is kept `not_base` is 0: no number is near.
#[repr(C)]
pub(crate) struct InWork {
    // Both are the lock's.
    leaf: Cell<*mut xa_node>,
    not_base: Cell<u32>,
    /// The creator's reference, as its task work (`namespace::create`).
    pub(crate) created: Opaque<callback_head>,
}

const _: () = assert!(
    size_of::<InWork>() <= size_of::<work_struct>()
        && align_of::<InWork>() <= align_of::<work_struct>()
);

// SAFETY: The size and the alignment were checked above, and zeroes are a value. Who has a `Pidmap` is alone with what is
// the lock's.
unsafe impl Object for InWork {
    type C = work_struct;
}
