// SPDX-License-Identifier: GPL-2.0

//! Numbers in the leaves of a number table, against a table that is obviously right, by millions of random steps; and what
//! another processor may see of them.

use crate::{
    leaf::{self, Node, Table},
    number::{self, Request},
    search,
    tree::Tree,
};
use std::{
    collections::BTreeMap,
    ffi::c_void,
    sync::atomic::Ordering, //
};

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % u64::from(limit)) as u32
    }
}

/// A namespace's numbers: the table, and what must be in it.
struct Numbers<const SLOTS: usize> {
    tree: Tree<SLOTS>,
    taken: BTreeMap<u32, *mut c_void>,
    cursor: u32,
    pid_max: u32,
    pids: usize,
}

impl<const SLOTS: usize> Numbers<SLOTS> {
    fn new(pid_max: u32) -> Self {
        Self {
            tree: Tree::new(),
            taken: BTreeMap::new(),
            cursor: 0,
            pid_max,
            pids: 0,
        }
    }

    fn pid(&mut self) -> *mut c_void {
        self.pids += 8;
        self.pids as *mut c_void
    }

    /// What mainline gives next.
    fn expected(&self) -> Option<u32> {
        let Request::Next { min, max } = number::next(self.cursor, self.pid_max as i32) else {
            unreachable!()
        };
        let (min, max) = (min as u32, max as u32);
        let start = self.cursor.max(min);
        let free = |nr: &u32| !self.taken.contains_key(nr);
        (start..max).chain(min..start.min(max)).find(free)
    }

    /// The kernel's `idr_alloc_cyclic`.
    fn take_cyclic(&mut self) -> Option<u32> {
        let Request::Next { min, max } = number::next(self.cursor, self.pid_max as i32) else {
            unreachable!()
        };
        let max = max as u32 - 1;
        let start = self.cursor.max(min as u32);
        let nr = self
            .tree
            .alloc(start, max)
            .or_else(|| self.tree.alloc(min as u32, max))?;
        self.cursor = nr + 1;
        Some(nr)
    }

    /// As `Pidmap::next`, `advance` and `publish` do it. Now and then another level has no number, which uses this one up, or
    /// no memory: then it begins anew, and the lock was free meanwhile.
    fn fork(&mut self, random: &mut Random) {
        let expected = self.expected();
        let nr = leaf::next(&&self.tree, self.cursor).filter(|nr| (1..self.pid_max).contains(nr));
        let nr = nr.or_else(|| {
            let nr = self.take_cyclic()?;
            leaf::keep(&&self.tree, nr);
            self.cursor = nr;
            // Whoever must look again finds the same.
            assert_eq!(leaf::next(&&self.tree, nr), Some(nr));
            Some(nr)
        });
        assert_eq!(nr, expected);
        let Some(nr) = nr else {
            return;
        };
        match random.below(16) {
            0 => self.cursor = nr + 1,
            1 => {}
            _ => {
                let pid = self.pid();
                leaf::give(&&self.tree, nr, pid);
                self.cursor = nr + 1;
                self.taken.insert(nr, pid);
            }
        }
    }

    /// As the kernel's own `alloc_pid` does it, which may run beside ours.
    fn kernel_forks(&mut self) {
        let expected = self.expected();
        let nr = self.take_cyclic();
        assert_eq!(nr, expected);
        if let Some(nr) = nr {
            let pid = self.pid();
            self.tree.replace(nr, pid);
            self.taken.insert(nr, pid);
        }
    }

    fn choose(&mut self, nr: u32) {
        let taken = self.tree.alloc(nr, nr);
        assert_eq!(taken.is_none(), self.taken.contains_key(&nr));
        if taken.is_some() {
            let pid = self.pid();
            leaf::show(&&self.tree, nr, pid);
            self.taken.insert(nr, pid);
        }
    }

    fn exit(&mut self, random: &mut Random, kernels: bool) {
        if self.taken.is_empty() {
            return;
        }
        let which = random.below(self.taken.len() as u32) as usize;
        let nr = *self.taken.keys().nth(which).expect("a number");
        self.taken.remove(&nr);
        if kernels {
            (&self.tree).remove(nr);
        } else {
            leaf::give_back(&&self.tree, nr);
        }
    }

    /// As `find_pid_ns` and `find_ge_pid` do it.
    fn look_up(&self, nr: u32) {
        assert_eq!(self.tree.find(nr).as_ref(), self.taken.get(&nr), "{nr}");
        let from = self.taken.range(nr..).next().map(|(_, pid)| *pid);
        assert_eq!(self.tree.find_from(nr), from, "from {nr} on");
    }

    fn step(&mut self, random: &mut Random, most: usize) {
        match random.below(100) {
            0..=44 if self.taken.len() < most => self.fork(random),
            45..=84 => self.exit(random, false),
            85..=88 if self.taken.len() < most => self.kernel_forks(),
            89..=92 => self.exit(random, true),
            93..=94 => self.choose(1 + random.below(self.pid_max - 1)),
            95 => leaf::let_go(&&self.tree),
            96 => self.cursor = random.below(self.pid_max + 2),
            97 => self.pid_max = 301 + random.below(2000),
            _ => self.exit(random, false),
        }
    }
}

fn play<const SLOTS: usize>(seed: u64, steps: u32, most: usize, check_every: u32) {
    let mut random = Random(seed);
    let mut numbers = Numbers::<SLOTS>::new(1000);
    for step in 0..steps {
        numbers.step(&mut random, most);
        numbers.look_up(random.below(2 * numbers.pid_max));
        if step % check_every == 0 {
            numbers.tree.check(&numbers.taken);
        }
    }
    while !numbers.taken.is_empty() {
        numbers.exit(&mut random, false);
    }
    numbers.tree.check(&numbers.taken);
    leaf::let_go(&&numbers.tree);
    numbers.tree.check(&numbers.taken);
    assert!((&numbers.tree).head().is_none(), "nothing is left");
}

#[test]
fn a_table_has_what_it_must_have_after_each_step() {
    for seed in 1..=10 {
        play::<64>(seed, 2_000, 40, 1);
        play::<4>(seed, 2_000, 40, 1);
    }
}

#[test]
fn a_table_that_is_full_most_of_the_time() {
    for seed in 1..=4 {
        play::<64>(seed, 20_000, 3_000, 50);
        play::<16>(seed, 20_000, 3_000, 50);
        play::<4>(seed, 20_000, 3_000, 50);
    }
}

/// What no table has, as the kernel is asked for it: negative numbers, and the highest.
#[test]
fn numbers_that_nobody_has() {
    for most in [2, 70, 5_000] {
        let mut numbers = Numbers::<64>::new(4 << 20);
        (1..most).for_each(|nr| numbers.choose(nr * 3));
        for nr in [
            0,
            1,
            4 << 20,
            i32::MAX as u32,
            -1i32 as u32,
            i32::MIN as u32,
        ] {
            numbers.look_up(nr);
        }
    }
}

/// Few numbers, far from each other.
#[test]
fn a_table_of_holes() {
    fn play<const SLOTS: usize>() {
        let mut random = Random(1);
        let mut numbers = Numbers::<SLOTS>::new(4 << 20);
        for _ in 0..200 {
            let nr = 1 + random.below(numbers.pid_max - 1);
            if !numbers.taken.contains_key(&nr) {
                numbers.choose(nr);
            }
            for near in nr.saturating_sub(SLOTS as u32 + 1)..=nr + 1 {
                numbers.look_up(near);
            }
            numbers.look_up(random.below(numbers.pid_max));
            if random.below(3) == 0 {
                numbers.exit(&mut random, false);
            }
        }
        numbers.tree.check(&numbers.taken);
    }
    play::<64>();
    play::<4>();
}

#[test]
fn a_million_steps() {
    play::<64>(1, 1_000_000, 200, 1_000);
}

/// What another processor sees while numbers are given and given back: explored by `loom`, with the lock as a mutex.
mod concurrently {
    use super::*;
    use crate::leaf::Kept;
    use loom::{
        cell::UnsafeCell,
        sync::{
            atomic::{AtomicPtr, AtomicU64},
            Arc, Mutex,
        },
        thread,
    };
    use std::cell::Cell;

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
}
