// SPDX-License-Identifier: GPL-2.0

//! The kernel's number tables, as [`leaf`] sees them, and what is kept of one in its namespace.

use super::{
    leaf::{
        self,
        Kept,
        Table, //
    },
    pidmap::Pidmap,
    search, //
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
        Pid,
        PidNs,
        RcuReader, //
    },
};
use core::{
    cell::Cell,
    ffi::c_void,
    ops::Deref,
    ptr,
    sync::atomic::{
        AtomicPtr,
        AtomicUsize,
        Ordering, //
    },
};
use kernel::{
    sync::atomic::Atomic,
    types::Opaque, //
};

objects! {
    /// The number table of a namespace: lookups find in it what they may find, or nothing.
    Numbers(bindings::idr);
    /// A node of one.
    Node(xa_node);
}

/// A node of a table whose lock is held.
#[derive(Clone, Copy)]
pub(super) struct LockedNode<'map>(&'map Node);

impl Deref for LockedNode<'_> {
    type Target = Node;

    #[inline(always)]
    fn deref(&self) -> &Node {
        self.0
    }
}

/// The number table of a namespace, whose lock is held.
pub(super) struct NumberTable<'map> {
    numbers: &'map Numbers,
    in_work: &'map InWork,
    map: &'map Pidmap,
}

fields! {
    PidNs {
        /// Its number table.
        part numbers: &Numbers = idr;
        /// What is kept in the place of its work.
        part in_work: &InWork = work;
    }
}

impl PidNs {
    /// Its number table.
    #[inline(always)]
    pub(super) fn number_table<'map>(&'map self, map: &'map Pidmap) -> NumberTable<'map> {
        NumberTable {
            numbers: self.numbers(),
            in_work: self.in_work(),
            map,
        }
    }

    /// The pid with this number (`kernel/pid.c: find_pid_ns`).
    #[inline(always)]
    pub(crate) fn find_pid<'rcu>(&self, nr: i32, rcu: &'rcu impl RcuReader) -> Option<&'rcu Pid> {
        search::find(self.numbers().top(rcu).0, nr as u32)
    }

    /// The pid with the lowest number from `nr` on (`kernel/pid.c: find_ge_pid`).
    #[inline(always)]
    pub(crate) fn find_ge_pid<'rcu>(
        &self,
        nr: i32,
        rcu: &'rcu impl RcuReader,
    ) -> Option<&'rcu Pid> {
        search::find_from(|| self.numbers().top(rcu).0, nr as u32)
    }
}

fields! {
    Numbers {
        once top<'rcu>: Entry<'rcu, Node> = idr_rt.xa_head;
    }
}

fields! {
    Node {
        // These two do not change.
        fixed node_shift: u8 = shift;
        fixed node_offset: u8 = offset;
        once above: Option<&Node> = parent;
        once below(offset: usize): Entry<'_, Node> = slots[offset];
        // Of a leaf. Whoever follows it is ordered by the address, as everywhere under RCU.
        once pid(offset: usize): Entry<'_, Pid> = slots[offset];
        part slot_at(offset: usize): &AtomicPtr<c_void> = slots[offset];
        // The marks of `IDR_FREE`. Written under the lock.
        part marks: &AtomicUsize = __bindgen_anon_2.tags[0];
    }
}

fields! {
    LockedNode<'_> {
        part node_count: &Cell<u8> = count;
    }
}

// SAFETY: The kernel frees nodes after a grace period, and no node that is in a table; so who has the lock has all that
// are in its tables.
unsafe impl RcuReader for Pidmap {}

/// What the table or a slot has: the node below (`lib/radix-tree.c: node_to_entry`), in a leaf a pid.
pub(crate) struct Entry<'rcu, T>(Option<&'rcu T>);

impl<T: Object> FromC for Entry<'_, T> {
    type C = *mut c_void;

    #[inline(always)]
    unsafe fn from_c(entry: *mut c_void) -> Self {
        // SAFETY: The caller's promise. A number table has nothing else, and what was taken out of it goes a grace period
        // later.
        Self(unsafe { FromC::from_c(entry.map_addr(|address| address & !3).cast()) })
    }
}

// So no shift below is as long as a number.
const _: () = assert!(bindings::PIDNS_PID_MAX_LIMIT <= 1 << 24);

const SLOTS: usize = {
    const fn slots<const N: usize>(_: fn(&xa_node) -> &[*mut c_void; N]) -> usize {
        N
    }
    slots(|node| &node.slots)
};

impl search::Node for &Node {
    const SLOTS: u32 = SLOTS as u32;

    #[inline(always)]
    fn shift(self) -> u32 {
        self.node_shift().into()
    }

    #[inline(always)]
    fn child(self, offset: u32) -> Option<Self> {
        self.below(offset as usize % SLOTS).0
    }

    #[inline(always)]
    fn free(self) -> u64 {
        self.marks().load(Ordering::Relaxed) as u64
    }
}

impl<'rcu> search::Leaf for &'rcu Node {
    type Found = &'rcu Pid;

    #[inline(always)]
    fn slot(self, offset: u32) -> Option<&'rcu Pid> {
        self.pid(offset as usize % SLOTS).0
    }
}

impl search::Node for LockedNode<'_> {
    const SLOTS: u32 = SLOTS as u32;

    #[inline(always)]
    fn shift(self) -> u32 {
        self.0.shift()
    }

    #[inline(always)]
    fn child(self, offset: u32) -> Option<Self> {
        self.0.child(offset).map(Self)
    }

    #[inline(always)]
    fn free(self) -> u64 {
        self.0.free()
    }
}

impl leaf::Node for LockedNode<'_> {
    #[inline(always)]
    fn offset(self) -> u32 {
        self.node_offset().into()
    }

    #[inline(always)]
    fn parent(self) -> Option<Self> {
        self.0.above().map(Self)
    }

    #[inline(always)]
    fn set_free(self, free: u64) {
        self.marks().store(free as usize, Ordering::Relaxed);
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
        self.slot_at(offset as usize % SLOTS).store(pid, order);
    }
}

impl<'map> Table for NumberTable<'map> {
    type Node = LockedNode<'map>;

    #[inline(always)]
    fn head(&self) -> Option<LockedNode<'map>> {
        self.numbers.top(self.map).0.map(LockedNode)
    }

    #[inline(always)]
    fn kept(&self) -> Option<Kept<LockedNode<'map>>> {
        // SAFETY: By the invariant; a leaf that is kept is not freed, and the lock keeps it for a grace period.
        let leaf: Option<&Node> = unsafe { FromC::from_c(self.in_work.leaf.get()) };
        let base = !self.in_work.not_base.get();
        leaf.map(LockedNode).map(|leaf| Kept { leaf, base })
    }

    fn set_kept(&self, kept: Option<Kept<LockedNode<'map>>>) {
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
    /// Whether somebody has begun to register its sysctls (`namespace::sysctls`).
    pub(crate) sysctls_claim: Atomic<bool>,
    /// Whether a task that could lose the processor has freed a pid of it (`namespace::destroy`).
    pub(crate) put_by_task: Atomic<bool>,
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
