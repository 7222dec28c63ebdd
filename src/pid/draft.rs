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
    /// The same.
    innermost: &'a PidNs,
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
            innermost: ns,
            next: Some(ns),
        })
    }

    /// The place of the numbers: the flexible array at the end.
    #[inline]
    fn numbers(&self) -> *mut upid {
        let offset = offset_of!(bindings::pid, numbers);
        self.pid.wrapping_byte_add(offset).cast()
    }

    /// Its number in `next`, which it has from now on.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it would be the first there and not 1.
    #[inline(always)]
    fn set_next(&mut self, ns: &'a PidNs, nr: i32) -> Result {
        // SAFETY: By the invariant there is room at the level of `ns`, which gets its number.
        unsafe {
            *self.numbers().add(ns.level() as usize) = upid {
                nr,
                ns: ns.as_ptr(),
            }
        };
        self.next = ns.parent();
        number::init_first(nr, !ns.child_reaper().is_null())?;
        Ok(())
    }

    /// The numbers that it has.
    #[inline]
    fn numbered(&self) -> &[Upid] {
        let first = self.next.map_or(0, |ns| ns.level() as usize + 1);
        let end = self.ns.level() as usize + 1;
        // SAFETY: By the invariant, those from `first` to the last are there; `Upid` is transparent.
        unsafe { slice::from_raw_parts(self.numbers().add(first).cast(), end - first) }
    }

    /// Finds the next number at each level, and takes none. Under the lock, which it may let go for a while: then it
    /// begins anew.
    #[inline(always)]
    fn find_next(&mut self, mut map: Pidmap) -> (Pidmap, Result) {
        let mut retries = self.innermost.level() + 1;
        let mut dead = false;
        while let Some(ns) = self.next {
            let nr = match map.next(ns) {
                Some(nr) => nr,
                None => match map.advance(ns) {
                    Ok(nr) => nr,
                    // Each time the reserve serves one table, whose leaf is kept from then on.
                    Err(error) if error == ENOMEM && retries > 0 => {
                        retries -= 1;
                        drop(map);
                        map = Pidmap::lock_preloaded();
                        (self.next, dead) = (Some(self.innermost), false);
                        continue;
                    }
                    Err(error) => return (map, Err(error)),
                },
            };
            dead |= map.is_dead(ns);
            if let Err(error) = self.set_next(ns, nr as i32) {
                return (map, Err(error));
            }
        }
        (map, if dead { Err(ENOMEM) } else { Ok(()) })
    }

    /// Takes a number at each level, for which lookups find nothing yet, beginning with those that are chosen. Under the
    /// lock, which it may let go for a while.
    #[cold]
    fn take_chosen(&mut self, mut map: Pidmap, chosen: &[pid_t]) -> (Pidmap, Result) {
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
            if let Err(error) = self.set_next(ns, nr) {
                return (map, Err(error));
            }
        }
        if self.numbered().iter().any(|upid| map.is_dead(upid.ns())) {
            return (map, Err(ENOMEM));
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
        let taken = !chosen.is_empty();
        let mut map = if taken {
            Pidmap::lock_preloaded()
        } else {
            Pidmap::lock()
        };
        map.rewind_if_unused(&self.ns);
        let (mut map, result) = if taken {
            self.take_chosen(map, chosen)
        } else {
            self.find_next(map)
        };
        if let Err(error) = result {
            for upid in self.numbered() {
                if taken {
                    map.give_back(upid);
                } else {
                    map.use_up(upid);
                }
            }
            return Err(error);
        }
        let draft = ManuallyDrop::new(self);
        // SAFETY: It is complete: every level has its number, found or taken for it under this lock, or taken before.
        // Nobody but the caller frees it.
        unsafe {
            let pid = Pid::from_ptr(draft.pid);
            if taken {
                map.publish::<true>(pid);
            } else {
                map.publish::<false>(pid);
            }
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
