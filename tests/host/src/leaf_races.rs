// SPDX-License-Identifier: GPL-2.0

//! What another processor sees while numbers in a leaf are given and given back: explored by `loom`, with the lock as a
//! mutex.

use crate::{
    leaf::{self, Kept, Node, Table},
    search, //
};
use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{AtomicPtr, AtomicU64},
        Arc, Mutex,
    },
    thread,
};
use std::{
    cell::Cell,
    ffi::c_void,
    sync::atomic::Ordering, //
};

struct Leaf {
    slots: [AtomicPtr<c_void>; 2],
    /// The bits of free numbers.
    free: AtomicU64,
    /// The count, which the lock protects.
    locked: Mutex<u32>,
}

/// The leaf while the lock is held.
#[derive(Clone, Copy)]
struct Locked<'leaf> {
    leaf: &'leaf Leaf,
    count: &'leaf Cell<u32>,
}

impl search::Node for Locked<'_> {
    const SLOTS: u32 = 2;

    fn shift(self) -> u32 {
        0
    }
    fn child(self, _: u32) -> Option<Self> {
        None
    }
    fn free(self) -> u64 {
        self.leaf.free.load(Ordering::Relaxed)
    }
}

impl Node for Locked<'_> {
    fn offset(self) -> u32 {
        0
    }
    fn parent(self) -> Option<Self> {
        None
    }
    fn set_free(self, free: u64) {
        self.leaf.free.store(free, Ordering::Relaxed);
    }
    fn count(self) -> u32 {
        self.count.get()
    }
    fn set_count(self, count: u32) {
        self.count.set(count);
    }
    fn set_slot(self, offset: u32, pid: *mut c_void, order: Ordering) {
        self.leaf.slots[offset as usize].store(pid, order);
    }
}

impl<'leaf> Table for Locked<'leaf> {
    type Node = Locked<'leaf>;

    fn head(&self) -> Option<Self> {
        Some(*self)
    }
    fn kept(&self) -> Option<Kept<Self>> {
        Some(Kept {
            leaf: *self,
            base: 0,
        })
    }
    fn set_kept(&self, _: Option<Kept<Self>>) {}
    fn remove(&self, _: u32) {}
}

impl Leaf {
    fn new() -> Self {
        Self {
            slots: Default::default(),
            free: AtomicU64::new(0b11),
            // It is kept.
            locked: Mutex::new(1),
        }
    }

    fn locked<R>(&self, f: impl FnOnce(Locked<'_>) -> R) -> R {
        let mut state = self.locked.lock().expect("the lock");
        let count = Cell::new(*state);
        let result = f(Locked {
            leaf: self,
            count: &count,
        });
        *state = count.get();
        result
    }

    /// `find_pid_ns`.
    fn find(&self, nr: u32) -> Option<*mut c_void> {
        search::find(Some(Seen(self)), nr)
    }

    /// `find_ge_pid`.
    fn find_from(&self, nr: u32) -> Option<*mut c_void> {
        search::find_from(|| Some(Seen(self)), nr)
    }
}

/// The leaf as lookups see it.
#[derive(Clone, Copy)]
struct Seen<'leaf>(&'leaf Leaf);

impl search::Node for Seen<'_> {
    const SLOTS: u32 = 2;

    fn shift(self) -> u32 {
        0
    }
    fn child(self, _: u32) -> Option<Self> {
        None
    }
    fn free(self) -> u64 {
        self.0.free.load(Ordering::Relaxed)
    }
}

impl search::Leaf for Seen<'_> {
    type Found = *mut c_void;

    /// The kernel's reader is ordered by the address that it follows; here it acquires.
    fn slot(self, offset: u32) -> Option<*mut c_void> {
        let slot = self.0.slots[offset as usize].load(Ordering::Acquire);
        Some(slot).filter(|slot| !slot.is_null())
    }
}

/// Two tasks are born in one leaf while a third looks for them: it finds complete pids, or none; and they have
/// different numbers.
#[test]
fn what_is_found_is_complete() {
    loom::model(|| {
        let leaf = Arc::new(Leaf::new());
        let pids = Arc::new([UnsafeCell::new(0), UnsafeCell::new(0)]);
        let born: Vec<_> = (0..2)
            .map(|index| {
                let (leaf, pids) = (leaf.clone(), pids.clone());
                thread::spawn(move || {
                    // SAFETY: nobody else knows of it.
                    pids[index].with_mut(|pid| unsafe { *pid = 42 });
                    leaf.locked(|table| {
                        let nr = leaf::next(&table, 0).expect("a number");
                        let pid = &raw const pids[index];
                        leaf::give(&table, nr, pid.cast_mut().cast());
                        nr
                    })
                })
            })
            .collect();
        let found = [leaf.find(0), leaf.find(1), leaf.find_from(0)];
        for pid in found.into_iter().flatten() {
            let pid: *const UnsafeCell<i32> = pid.cast();
            // SAFETY: what is found is there until all have ended, and not written any more; loom tells if it is.
            assert_eq!(unsafe { (*pid).with(|pid| *pid) }, 42);
        }
        let mut numbers: Vec<u32> = born
            .into_iter()
            .map(|task| task.join().expect("a number"))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);
    });
}

/// A number that was given back is found no more by who comes after that, and may be given again.
#[test]
fn what_was_given_back_is_gone() {
    loom::model(|| {
        let leaf = Arc::new(Leaf::new());
        let (first, second) = (8 as *mut c_void, 16 as *mut c_void);
        leaf.locked(|table| leaf::give(&table, 0, first));
        let exits = {
            let leaf = leaf.clone();
            thread::spawn(move || leaf.locked(|table| leaf::give_back(&table, 0)))
        };
        let found = leaf.find(0);
        assert!(found.is_none() || found == Some(first));
        exits.join().expect("an exit");
        assert_eq!((leaf.find(0), leaf.find_from(0)), (None, None));
        leaf.locked(|table| {
            assert_eq!(leaf::next(&table, 0), Some(0));
            leaf::give(&table, 0, second);
        });
        assert_eq!(leaf.find(0), Some(second));
        assert_eq!(leaf.find_from(0), Some(second));
    });
}

/// Who has been found by a number is found from there on, too.
#[test]
fn who_was_met_is_listed() {
    loom::model(|| {
        let leaf = Arc::new(Leaf::new());
        let comes = 8 as *mut c_void;
        let born = {
            let leaf = leaf.clone();
            thread::spawn(move || leaf.locked(|table| leaf::give(&table, 0, comes)))
        };
        if leaf.find(0).is_some() {
            assert_eq!(leaf.find_from(0), Some(comes));
        }
        born.join().expect("a birth");
    });
}

/// Who has a number is never missed, whatever becomes of the one beside it.
#[test]
fn who_stays_is_found() {
    loom::model(|| {
        let leaf = Arc::new(Leaf::new());
        let (comes, stays) = (8 as *mut c_void, 16 as *mut c_void);
        leaf.locked(|table| leaf::give(&table, 1, stays));
        let other = {
            let leaf = leaf.clone();
            thread::spawn(move || {
                leaf.locked(|table| leaf::give(&table, 0, comes));
                leaf.locked(|table| leaf::give_back(&table, 0));
            })
        };
        let found = leaf.find_from(0);
        assert!(found == Some(comes) || found == Some(stays));
        assert_eq!(leaf.find_from(1), Some(stays));
        other.join().expect("the other");
    });
}
