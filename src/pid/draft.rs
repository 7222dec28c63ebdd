// SPDX-License-Identifier: GPL-2.0

//! A `struct pid` in the making: raw memory of its level's cache, until every level has its number.

use crate::{
    bindings::{
        self,
        pid_t,
        upid, //
    },
    chain::{
        number::{
            self,
            Request, //
        },
        Pidmap, //
    },
    imports::{cache_alloc, kernel_fn},
    namespace::{
        self,
        Reference, //
    },
    object::{
        Object,
        Pid,
        PidNs,
        Upid, //
    },
};
use core::{
    mem::{
        offset_of,
        ManuallyDrop, //
    },
    slice, //
};
use kernel::prelude::*;

/// A pid of a namespace that `'a` keeps. Nobody else knows of it; dropping frees it.
///
/// # Invariants
///
/// `pid` is memory of the cache of `ns`, complete but for its numbers, for which there is room at each level. It has
/// those of the levels below `next`, and each is the number and the namespace of its level. `next` is `ns`, or above it.
pub(super) struct Draft<'a> {
    pid: *mut bindings::pid,
    /// Goes to the pid in the end, and back in `pidfs_free_pid`.
    ns: Reference,
    /// The innermost namespace in which it has no number yet.
    next: Option<&'a PidNs>,
}

impl<'a> Draft<'a> {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(super) fn new(ns: &'a PidNs) -> Result<Self> {
        // SAFETY: The cache is that of the pids of `ns`, and this its memory, with nothing in it. The kernel's own pid
        // knows the classes of the locks.
        let pid = unsafe {
            let memory = cache_alloc(ns.pid_cachep(), bindings::GFP_KERNEL);
            let new: *mut bindings::pid = memory.cast();
            if new.is_null() {
                return Err(ENOMEM);
            }
            (*new).level = ns.level();
            bindings::refcount_set(&raw mut (*new).count, 1);
            bindings::pidns_init_pid_locks(new, namespace::boot_pid());
            (*new).tasks = Default::default();
            (*new).inodes = Default::default();
            kernel_fn::pidfs_prepare_pid(new);
            new
        };
        Ok(Self {
            pid,
            ns: Reference::get(ns),
            next: Some(ns),
        })
    }

    /// The place of the numbers: the flexible array at the end.
    #[inline]
    fn numbers(&self) -> *mut upid {
        let offset = offset_of!(bindings::pid, numbers);
        self.pid.wrapping_byte_add(offset).cast()
    }

    /// The numbers that it has.
    #[inline]
    fn taken(&self) -> &[Upid] {
        let first = self.next.map_or(0, |ns| ns.level() as usize + 1);
        let end = self.ns.level() as usize + 1;
        // SAFETY: By the invariant, those from `first` to the last are there; `Upid` is transparent.
        unsafe { slice::from_raw_parts(self.numbers().add(first).cast(), end - first) }
    }

    /// Takes a number at each level, for which lookups find nothing yet. Under the lock, which it may let go for a while.
    #[inline]
    fn number(&mut self, mut map: Pidmap, chosen: &[pid_t]) -> (Pidmap, Result) {
        let mut chosen = chosen.iter();
        let mut retried = false;
        while let Some(ns) = self.next {
            let request = match chosen.as_slice().first() {
                Some(&nr) => Request::Exactly(nr),
                None => number::next(ns.cursor(), ns.pid_max()),
            };
            let nr = match map.take(ns, request) {
                Ok(nr) => nr,
                // The reserve serves one table, and there are several: reserve again, once for each.
                // The lock may be dropped: the levels' numbers need not be taken at the same time.
                Err(error) if error == ENOMEM && !retried => {
                    retried = true;
                    drop(map);
                    map = Pidmap::lock_preloaded();
                    continue;
                }
                Err(error) => return (map, Err(error)),
            };
            retried = false;
            chosen.next();
            // SAFETY: By the invariant there is room at the level of `ns`, which gets its number.
            unsafe {
                *self.numbers().add(ns.level() as usize) = upid {
                    nr,
                    ns: ns.as_ptr(),
                }
            };
            self.next = ns.parent();
            if let Err(refusal) = number::init_first(nr, !ns.child_reaper().is_null()) {
                return (map, Err(refusal.into()));
            }
        }
        (map, Ok(()))
    }

    /// Takes the pid's number at each level and makes it visible at all of them, or does neither: it is the caller's,
    /// and must be released before it goes.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `EEXIST` if a chosen number is in use, `EAGAIN` if all are, `EINVAL` if it would be the first in its namespace
    /// and not 1, `ENOMEM`. That too, an old promise of `fork(2)`, if a namespace on the way takes no more tasks: it is
    /// checked after every other error, because `copy_process` checks the innermost alone: a number must not appear
    /// above a dead one's reaper.
    #[inline]
    pub(super) fn publish(mut self, chosen: &[pid_t]) -> Result<&'a Pid> {
        let mut map = Pidmap::lock_preloaded();
        map.rewind_if_unused(&self.ns);
        let (mut map, mut result) = self.number(map, chosen);
        if result.is_ok() && self.taken().iter().any(|upid| map.is_dead(upid.ns())) {
            result = Err(ENOMEM);
        }
        if let Err(error) = result {
            for upid in self.taken() {
                map.give_back(upid);
            }
            return Err(error);
        }
        let draft = ManuallyDrop::new(self);
        // SAFETY: It is complete: every level has its number, taken for it. Nobody but the caller frees it.
        unsafe {
            let pid = Pid::from_ptr(draft.pid);
            map.publish(pid);
            Ok(pid)
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // SAFETY: Nobody else knows of it, and it came from this cache, which `self.ns`, dropped
        // after this, keeps.
        unsafe {
            bindings::kmem_cache_free(self.ns.pid_cachep(), self.pid.cast());
        }
    }
}
