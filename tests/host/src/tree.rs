// SPDX-License-Identifier: GPL-2.0

//! A stand-in for the kernel's number table: what `lib/radix-tree.c` and `lib/idr.c` do to its nodes, in as few words as
//! will do. Nodes that were freed stay, so that whoever looks at one is found out.

use crate::{
    leaf::{Kept, Node, Table},
    search::{self, Leaf as _, Node as _},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ffi::c_void,
    ptr,
    sync::atomic::Ordering,
};

/// Nodes have this many slots.
pub struct Tree<const SLOTS: usize> {
    nodes: RefCell<Vec<NodeData<SLOTS>>>,
    head: Cell<Option<usize>>,
    any_free: Cell<bool>,
    kept: Cell<Option<(usize, u32)>>,
}

struct NodeData<const SLOTS: usize> {
    shift: u32,
    offset: u32,
    parent: Option<usize>,
    children: [Option<usize>; SLOTS],
    slots: [*mut c_void; SLOTS],
    free: u64,
    count: u32,
    freed: bool,
}

#[derive(Clone, Copy)]
pub struct NodeRef<'tree, const SLOTS: usize> {
    tree: &'tree Tree<SLOTS>,
    index: usize,
}

impl<const SLOTS: usize> NodeRef<'_, SLOTS> {
    fn with<R>(self, f: impl FnOnce(&mut NodeData<SLOTS>) -> R) -> R {
        let node = &mut self.tree.nodes.borrow_mut()[self.index];
        assert!(!node.freed, "a node that was freed");
        f(node)
    }
}

impl<const SLOTS: usize> search::Node for NodeRef<'_, SLOTS> {
    const SLOTS: u32 = SLOTS as u32;

    fn shift(self) -> u32 {
        self.with(|node| node.shift)
    }

    fn child(self, offset: u32) -> Option<Self> {
        let tree = self.tree;
        let child = self.with(|node| node.children[offset as usize]);
        child.map(|index| Self { tree, index })
    }

    fn free(self) -> u64 {
        self.with(|node| node.free)
    }
}

impl<const SLOTS: usize> search::Leaf for NodeRef<'_, SLOTS> {
    type Found = *mut c_void;

    fn slot(self, offset: u32) -> Option<*mut c_void> {
        let slot = self.with(|node| node.slots[offset as usize]);
        Some(slot).filter(|slot| !slot.is_null())
    }
}

impl<const SLOTS: usize> Node for NodeRef<'_, SLOTS> {
    fn offset(self) -> u32 {
        self.with(|node| node.offset)
    }

    fn parent(self) -> Option<Self> {
        let tree = self.tree;
        let parent = self.with(|node| node.parent);
        parent.map(|index| Self { tree, index })
    }

    fn set_free(self, free: u64) {
        self.with(|node| node.free = free)
    }

    fn count(self) -> u32 {
        self.with(|node| node.count)
    }

    fn set_count(self, count: u32) {
        self.with(|node| node.count = count)
    }

    fn set_slot(self, offset: u32, pid: *mut c_void, _: Ordering) {
        self.with(|node| node.slots[offset as usize] = pid)
    }
}

impl<'tree, const SLOTS: usize> Table for &'tree Tree<SLOTS> {
    type Node = NodeRef<'tree, SLOTS>;

    fn head(&self) -> Option<Self::Node> {
        self.head.get().map(|index| self.node(index))
    }

    fn kept(&self) -> Option<Kept<Self::Node>> {
        let kept = self.kept.get();
        kept.map(|(index, base)| Kept {
            leaf: self.node(index),
            base,
        })
    }

    fn set_kept(&self, kept: Option<Kept<Self::Node>>) {
        self.kept.set(kept.map(|kept| (kept.leaf.index, kept.base)));
    }

    fn remove(&self, nr: u32) {
        Tree::remove(self, nr);
    }
}

impl<const SLOTS: usize> Tree<SLOTS> {
    const BITS: u32 = SLOTS.ilog2();
    const ALL: u64 = u64::MAX >> (64 - SLOTS);

    pub fn new() -> Self {
        Self {
            nodes: RefCell::default(),
            head: Cell::new(None),
            any_free: Cell::new(true),
            kept: Cell::new(None),
        }
    }

    fn node(&self, index: usize) -> NodeRef<'_, SLOTS> {
        NodeRef { tree: self, index }
    }

    fn offset(shift: u32, nr: u32) -> u32 {
        (nr >> shift) % SLOTS as u32
    }

    /// One more than the highest number below a node with this shift.
    fn reach(shift: u32) -> u32 {
        (SLOTS as u32) << shift
    }

    fn create(&self, shift: u32, offset: u32, parent: Option<usize>) -> usize {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(NodeData {
            shift,
            offset,
            parent,
            children: [None; SLOTS],
            slots: [ptr::null_mut(); SLOTS],
            free: Self::ALL,
            count: 0,
            freed: false,
        });
        nodes.len() - 1
    }

    fn destroy(&self, index: usize) {
        self.node(index).with(|node| node.freed = true);
    }

    /// `radix_tree_extend`: `nr` has a place below the head.
    fn extend(&self, nr: u32) {
        let mut shift = self
            .head
            .get()
            .map_or(0, |head| self.node(head).shift() + Self::BITS);
        if self
            .head
            .get()
            .is_some_and(|head| nr < Self::reach(self.node(head).shift()))
        {
            return;
        }
        let Some(mut head) = self.head.get() else {
            while nr >= Self::reach(shift) {
                shift += Self::BITS;
            }
            self.head.set(Some(self.create(shift, 0, None)));
            return;
        };
        loop {
            let above = self.create(shift, 0, None);
            self.node(above).with(|node| {
                node.children[0] = Some(head);
                node.count = 1;
                if !self.any_free.replace(true) {
                    node.free &= !1;
                }
            });
            self.node(head).with(|node| node.parent = Some(above));
            self.head.set(Some(above));
            head = above;
            if nr < Self::reach(shift) {
                return;
            }
            shift += Self::BITS;
        }
    }

    /// The lowest free number from `start` on below a node, by its bits alone. `base` is its first number.
    fn lowest(&self, index: usize, base: u32, start: u32) -> Option<u32> {
        let node = self.node(index);
        let shift = node.shift();
        (0..SLOTS as u32).find_map(|offset| {
            let from = base + (offset << shift);
            if node.free() & 1 << offset == 0 || start >= from + (1 << shift) {
                return None;
            }
            match node.child(offset) {
                Some(child) => self.lowest(child.index, from, start),
                None => Some(from.max(start)),
            }
        })
    }

    /// `idr_alloc`: the lowest free number from `start` to `max`.
    pub fn alloc(&self, start: u32, max: u32) -> Option<u32> {
        let below = |head: usize| self.lowest(head, 0, start);
        let reach = self
            .head
            .get()
            .map_or(0, |head| Self::reach(self.node(head).shift()));
        let nr = self
            .head
            .get()
            .filter(|_| self.any_free.get())
            .and_then(below);
        let nr = nr.unwrap_or(start.max(reach));
        if nr > max {
            return None;
        }
        self.extend(nr);
        let mut index = self.head.get().expect("a head");
        while self.node(index).shift() != 0 {
            let shift = self.node(index).shift();
            let offset = Self::offset(shift, nr);
            index = match self.node(index).child(offset) {
                Some(child) => child.index,
                None => {
                    let child = self.create(shift - Self::BITS, offset, Some(index));
                    self.node(index).with(|node| {
                        node.children[offset as usize] = Some(child);
                        node.count += 1;
                    });
                    child
                }
            };
        }
        self.node(index).with(|node| node.count += 1);
        self.clear_bit(index, Self::offset(0, nr));
        Some(nr)
    }

    /// `node_tag_clear`.
    fn clear_bit(&self, mut index: usize, mut offset: u32) {
        loop {
            let node = self.node(index);
            node.set_free(node.free() & !(1 << offset));
            if node.free() != 0 {
                return;
            }
            offset = node.offset();
            match node.parent() {
                Some(parent) => index = parent.index,
                None => return self.any_free.set(false),
            }
        }
    }

    fn leaf_of(&self, nr: u32) -> NodeRef<'_, SLOTS> {
        let mut node = self.node(self.head.get().expect("a head"));
        while node.shift() != 0 {
            node = node.child(Self::offset(node.shift(), nr)).expect("a child");
        }
        node
    }

    /// `idr_replace`.
    pub fn replace(&self, nr: u32, pid: *mut c_void) {
        self.leaf_of(nr)
            .set_slot(Self::offset(0, nr), pid, Ordering::Release);
    }

    /// `idr_remove`.
    fn remove(&self, nr: u32) {
        let mut node = self.leaf_of(nr);
        let offset = Self::offset(0, nr);
        assert_eq!(node.free() & 1 << offset, 0, "{nr} is free");
        let (mut at, mut bit) = (Some(node), offset);
        // `node_tag_set`.
        while let Some(node) = at.filter(|node| node.free() & 1 << bit == 0) {
            node.set_free(node.free() | 1 << bit);
            bit = node.offset();
            at = node.parent();
            if at.is_none() {
                self.any_free.set(true);
            }
        }
        node.set_slot(offset, ptr::null_mut(), Ordering::Relaxed);
        node.set_count(node.count() - 1);
        // `delete_node`.
        while node.count() == 0 {
            let parent = node.parent();
            let offset = node.offset() as usize;
            self.destroy(node.index);
            match parent {
                Some(parent) => parent.with(|node| {
                    node.children[offset] = None;
                    node.count -= 1;
                }),
                None => return self.head.set(None),
            }
            node = parent.expect("a parent");
        }
        self.shrink();
    }

    /// `radix_tree_shrink`.
    fn shrink(&self) {
        while let Some(head) = self.head.get().map(|head| self.node(head)) {
            let Some(child) = head.child(0).filter(|_| head.count() == 1) else {
                return;
            };
            child.with(|node| node.parent = None);
            self.head.set(Some(child.index));
            if head.free() & 1 == 0 {
                self.any_free.set(false);
            }
            self.destroy(head.index);
        }
    }

    /// Fails unless the table has what `taken` has, and the invariants of `chain::leaf` hold.
    pub fn check(&self, taken: &BTreeMap<u32, *mut c_void>) {
        let mut seen = 0;
        if let Some(head) = self.head.get() {
            assert_eq!(
                self.any_free.get(),
                self.node(head).free() != 0,
                "the head's bit"
            );
            self.check_node(self.node(head), 0, taken, &mut seen);
        }
        assert_eq!(seen, taken.len(), "numbers in the table");
        let there = self
            .nodes
            .borrow()
            .iter()
            .filter(|node| !node.freed)
            .count();
        assert_eq!(there, self.reachable(), "nodes");
    }

    /// `find_pid_ns`.
    pub fn find(&self, nr: u32) -> Option<*mut c_void> {
        search::find(self.head.get().map(|head| self.node(head)), nr)
    }

    /// `find_ge_pid`.
    pub fn find_from(&self, nr: u32) -> Option<*mut c_void> {
        search::find_from(|| self.head.get().map(|head| self.node(head)), nr)
    }

    fn check_node(
        &self,
        node: NodeRef<'_, SLOTS>,
        base: u32,
        taken: &BTreeMap<u32, *mut c_void>,
        seen: &mut usize,
    ) {
        let mut count = 0;
        for offset in 0..SLOTS as u32 {
            let from = base + (offset << node.shift());
            let is_free = match node.child(offset) {
                Some(child) => {
                    self.check_node(child, from, taken, seen);
                    count += 1;
                    child.free() != 0
                }
                None if node.shift() == 0 => {
                    let slot = node.slot(offset);
                    assert_eq!(slot.as_ref(), taken.get(&from), "{from}");
                    count += u32::from(taken.contains_key(&from));
                    *seen += usize::from(taken.contains_key(&from));
                    !taken.contains_key(&from)
                }
                None => true,
            };
            assert_eq!(node.free() & 1 << offset != 0, is_free, "the bit of {from}");
        }
        if self.kept.get() == Some((node.index, base)) {
            count += 1;
        }
        assert_eq!(node.count(), count, "the count of the node of {base}");
        assert_ne!(count, 0, "nobody needs the node of {base}");
    }

    fn reachable(&self) -> usize {
        fn below<const SLOTS: usize>(node: NodeRef<'_, SLOTS>) -> usize {
            1 + (0..SLOTS as u32)
                .filter_map(|offset| node.child(offset))
                .map(below)
                .sum::<usize>()
        }
        self.head.get().map_or(0, |head| below(self.node(head)))
    }
}
