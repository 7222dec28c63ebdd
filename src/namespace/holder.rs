// SPDX-License-Identifier: GPL-2.0

//! References of those who keep a pointer to a namespace in a structure of their own: procfs
//! mounts, FUSE connections, perf events, open files of SysV IPC, bpf iterators.
//!
//! Their structures are private to their files, so the reference is kept beside them, under the
//! structure's address. There are few of them, and those of the initial namespace are not counted.

use super::Reference;
use crate::{
    bindings,
    object::PidNs,
    task::Current, //
};
use core::{
    cell::UnsafeCell,
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    },
};
use kernel::prelude::*;

/// A reference for a structure that is about to be made.
pub(crate) struct Holder(Option<KBox<Entry>>);

struct Entry {
    key: usize,
    next: Option<KBox<Entry>>,
    ns: Reference,
}

const BUCKETS: usize = 64;

/// All references, by the address of their holder.
struct Table {
    /// Singly linked lists; only under `pidns_holders_lock`.
    buckets: UnsafeCell<[Option<KBox<Entry>>; BUCKETS]>,
    /// How many there are.
    count: AtomicUsize,
}

// SAFETY: The lock protects the lists; the count is atomic.
unsafe impl Sync for Table {}

static TABLE: Table = Table {
    buckets: UnsafeCell::new([const { None }; BUCKETS]),
    count: AtomicUsize::new(0),
};

impl Table {
    /// Runs `f` on the list of `key`. Any context.
    fn with_bucket<T>(&self, key: usize, f: impl FnOnce(&mut Option<KBox<Entry>>) -> T) -> T {
        // Holders are allocated structures: the low bits are alike.
        let bucket = (key >> 6 ^ key >> 12) % BUCKETS;
        // SAFETY: The lock is a static, and makes the lists ours until it is released.
        unsafe {
            let flags = bindings::pidns_spin_lock_irqsave(&raw mut bindings::pidns_holders_lock);
            let result = f(&mut (*self.buckets.get())[bucket]);
            bindings::pidns_spin_unlock_irqrestore(&raw mut bindings::pidns_holders_lock, flags);
            result
        }
    }
}

impl Holder {
    /// A reference to the current task's own namespace, unless that is the initial namespace. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn of_current() -> Result<Self> {
        Self::of(Current::get().active_ns())
    }

    /// A reference to `ns`, unless that is the initial namespace. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn of(ns: &PidNs) -> Result<Self> {
        if ns.is_initial() {
            return Ok(Self(None));
        }
        let entry = Entry {
            key: 0,
            next: None,
            ns: Reference::get(ns),
        };
        Ok(Self(Some(KBox::new(entry, GFP_KERNEL)?)))
    }

    /// A reference to the current task's own namespace, unless that is the initial namespace, for a function
    /// that cannot fail. May sleep.
    pub(crate) fn of_current_no_fail() -> Self {
        loop {
            // A few dozen bytes: the kernel itself does not let such an allocation fail.
            if let Ok(holder) = Self::of_current() {
                return holder;
            }
        }
    }

    /// The namespace.
    pub(crate) fn namespace(&self) -> &PidNs {
        match &self.0 {
            Some(entry) => &entry.ns,
            None => PidNs::initial(),
        }
    }

    /// Leaves the reference to the structure at `key`, until [`take`]. Any context.
    pub(crate) fn hold<T>(self, key: *const T) {
        let Some(mut entry) = self.0 else {
            return;
        };
        entry.key = key as usize;
        TABLE.count.fetch_add(1, Ordering::Relaxed);
        TABLE.with_bucket(key as usize, |head| {
            entry.next = head.take();
            *head = Some(entry);
        });
    }
}

/// A reference to the same namespace as the structure at `key` has, if it has one. May sleep.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn another<T>(key: *const T) -> Result<Holder> {
    let held = take(key);
    let copy = Holder::of(held.namespace());
    held.hold(key);
    copy
}

/// Takes over the reference of the structure at `key`, if it has one. Any context.
pub(crate) fn take<T>(key: *const T) -> Holder {
    // A holder is made before it goes, so a count of 0 is true for it.
    if TABLE.count.load(Ordering::Relaxed) == 0 {
        return Holder(None);
    }
    let entry = TABLE.with_bucket(key as usize, |head| {
        let mut link = head;
        while link.as_ref().is_some_and(|entry| entry.key != key as usize) {
            link = &mut link.as_mut()?.next;
        }
        let mut entry = link.take()?;
        *link = entry.next.take();
        Some(entry)
    });
    if entry.is_some() {
        TABLE.count.fetch_sub(1, Ordering::Relaxed);
    }
    Holder(entry)
}

/// In the kernel, built with `PIDNS_KUNIT=1`: the table against what it promises.
#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_holder)]
mod tests {
    use super::*;
    use crate::{
        bindings::pid_namespace,
        object::Object, //
    };
    use core::ptr;

    /// Holds of a namespace that is not in use, its count among them.
    struct Counter(KBox<pid_namespace>);

    impl Counter {
        fn new() -> Result<Self> {
            let counter = Self(KBox::new(pid_namespace::default(), GFP_KERNEL)?);
            // It starts high: these tests must not destroy it.
            counter.ns().counter().set(1000);
            Ok(counter)
        }

        fn ns(&self) -> &PidNs {
            // SAFETY: Ours.
            unsafe { PidNs::from_ptr(&raw const *self.0) }
        }

        fn holder(&self) -> Result<Holder> {
            Holder::of(self.ns())
        }

        fn count(&self) -> i32 {
            self.ns()
                .counter()
                .as_atomic()
                .load(kernel::sync::atomic::Relaxed)
                - 1000
        }
    }

    fn key(nr: usize) -> *const u8 {
        ptr::without_provenance(0x1000 + nr * 64)
    }

    #[test]
    fn a_reference_is_kept_until_it_is_taken() -> Result {
        let ns = Counter::new()?;
        for nr in 0..1000 {
            ns.holder()?.hold(key(nr));
        }
        assert_eq!(ns.count(), 1000);
        for nr in (0..1000).rev().step_by(2) {
            drop(take(key(nr)));
            drop(take(key(nr)));
        }
        assert_eq!(ns.count(), 500);
        for nr in 0..1000 {
            drop(take(key(nr)));
        }
        assert_eq!(ns.count(), 0);
        Ok(())
    }

    #[test]
    fn another_leaves_the_first_where_it_is() -> Result {
        let ns = Counter::new()?;
        ns.holder()?.hold(key(1));
        another(key(1))?.hold(key(2));
        another(key(3))?.hold(key(4));
        assert_eq!(ns.count(), 2);
        drop(take(key(4)));
        drop(take(key(1)));
        assert_eq!(ns.count(), 1);
        drop(take(key(2)));
        assert_eq!(ns.count(), 0);
        Ok(())
    }

    #[test]
    fn the_initial_namespace_is_not_counted() -> Result {
        Holder::of(PidNs::initial())?.hold(key(1));
        assert!(take(key(1)).0.is_none());
        Ok(())
    }
}
