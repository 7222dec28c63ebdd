// SPDX-License-Identifier: GPL-2.0

//! References of those who keep a pointer to a namespace in a structure of their own: procfs
//! mounts, FUSE connections, perf events, open files of SysV IPC, bpf iterators.
//!
//! Their structures are private to their files, so the reference is kept beside them, under the
//! structure's address. There are few of them, and those of the first namespace are not counted.

use super::Reference;
use crate::{
    bindings,
    pid::{current_ns, is_first},
};
use core::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::prelude::*;

/// A reference for a structure that is about to be made.
pub(crate) struct Holder(Option<KBox<Entry>>);

struct Entry {
    key: usize,
    next: *mut Entry,
    ns: Reference,
}

const BUCKETS: usize = 64;

/// All references, by the address of their holder.
struct Table {
    /// Heads of singly linked lists; only under `pidns_holders_lock`.
    buckets: UnsafeCell<[*mut Entry; BUCKETS]>,
    /// How many there are.
    count: AtomicUsize,
}

// SAFETY: The lock protects the lists; the count is atomic.
unsafe impl Sync for Table {}

static TABLE: Table = Table {
    buckets: UnsafeCell::new([ptr::null_mut(); BUCKETS]),
    count: AtomicUsize::new(0),
};

impl Table {
    /// Runs `f` on the list of `key`. Any context.
    fn with_bucket<T>(&self, key: usize, f: impl FnOnce(&mut *mut Entry) -> T) -> T {
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
    /// A reference to the current task's own namespace, unless that is the first. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn of_current() -> Result<Self> {
        // SAFETY: The current task's pid holds its namespace.
        unsafe { Self::of(current_ns()) }
    }

    /// A reference to `ns`, unless that is the first. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// Somebody must hold `ns` during the call.
    pub(crate) unsafe fn of(ns: *mut bindings::pid_namespace) -> Result<Self> {
        if is_first(ns) {
            return Ok(Self(None));
        }
        let entry = Entry {
            key: 0,
            next: ptr::null_mut(),
            // SAFETY: The caller's promise.
            ns: unsafe { Reference::get(ns) },
        };
        Ok(Self(Some(KBox::new(entry, GFP_KERNEL)?)))
    }

    /// A reference to the current task's own namespace, unless that is the first, for a function
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
    pub(crate) fn namespace(&self) -> *mut bindings::pid_namespace {
        match &self.0 {
            Some(entry) => entry.ns.as_ptr(),
            None => &raw mut bindings::init_pid_ns,
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
            entry.next = *head;
            *head = KBox::into_raw(entry);
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
    // SAFETY: `held` holds it, or it is the first.
    let copy = unsafe { Holder::of(held.namespace()) };
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
        let mut link: *mut *mut Entry = head;
        // SAFETY: The entries in the list are valid and ours under the lock.
        unsafe {
            while !(*link).is_null() {
                let entry = *link;
                if (*entry).key == key as usize {
                    *link = (*entry).next;
                    return Some(KBox::from_raw(entry));
                }
                link = &raw mut (*entry).next;
            }
        }
        None
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
    use crate::bindings::pid_namespace;

    /// Holds of a namespace that is not in use, its count among them.
    struct Held(KBox<pid_namespace>);

    impl Held {
        fn new() -> Result<Self> {
            let mut ns = KBox::new(pid_namespace::default(), GFP_KERNEL)?;
            // SAFETY: Ours alone. It starts high: these tests must not destroy it.
            unsafe { bindings::refcount_set(counter(&mut ns), 1000) };
            Ok(Self(ns))
        }

        fn holder(&mut self) -> Result<Holder> {
            // SAFETY: `self` holds it.
            unsafe { Holder::of(&mut *self.0) }
        }

        fn count(&mut self) -> i32 {
            // SAFETY: As above.
            unsafe { (*counter(&mut self.0)).refs.counter - 1000 }
        }
    }

    fn counter(ns: &mut pid_namespace) -> *mut bindings::refcount_t {
        &raw mut ns.ns.__bindgen_anon_1.__ns_ref
    }

    fn key(nr: usize) -> *const u8 {
        ptr::without_provenance(0x1000 + nr * 64)
    }

    #[test]
    fn a_reference_is_kept_until_it_is_taken() -> Result {
        let mut ns = Held::new()?;
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
        let mut ns = Held::new()?;
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
    fn the_first_namespace_is_not_counted() -> Result {
        // SAFETY: The first namespace is always there.
        unsafe { Holder::of(&raw mut bindings::init_pid_ns)? }.hold(key(1));
        assert!(take(key(1)).0.is_none());
        Ok(())
    }
}
