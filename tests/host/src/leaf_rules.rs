// SPDX-License-Identifier: GPL-2.0

//! Numbers in the leaves of a number table, against a table that is obviously right, by millions of random steps.

use crate::{
    leaf::{self, Table},
    number::{self, Request},
    tree::Tree, //
};
use std::{
    collections::BTreeMap,
    ffi::c_void, //
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
