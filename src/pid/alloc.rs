// SPDX-License-Identifier: GPL-2.0

//! `alloc_pid`: a chain for a task that is being born.

use super::{
    free, is_first,
    map::{reaper, Pidmap, Preload},
    number::{self, Request},
    numbers,
};
use crate::{
    bindings::{self, pid, pid_namespace, pid_t},
    hook::{kernel_fn, Inside},
    namespace::{self, Reference},
};
use core::{mem::ManuallyDrop, ptr, slice};
use kernel::{error::to_result, prelude::*};

const LEVELS: usize = bindings::MAX_PID_NS_LEVEL as usize + 1;

/// Replaces `kernel/pid.c: alloc_pid`, to its contract and errnos.
///
/// # Safety
///
/// The kernel's: `ns` is held by the caller, and `set_tid` has `set_tid_size` entries in kernel
/// memory. Called without locks, may sleep.
pub(crate) unsafe extern "C" fn alloc_pid(
    ns: *mut pid_namespace,
    set_tid: *mut pid_t,
    set_tid_size: usize,
) -> *mut pid {
    let _inside = Inside::enter();
    let chosen = if set_tid_size == 0 {
        &[]
    } else {
        // SAFETY: The caller's promise.
        unsafe { slice::from_raw_parts(set_tid, set_tid_size) }
    };
    // SAFETY: The caller's promise.
    match unsafe { allocate(ns, chosen) } {
        Ok(pid) => pid,
        Err(error) => error.to_ptr(),
    }
}

/// The `pid_max` of `ns` and of each namespace above it, read once so that checks and search agree.
///
/// Checks the `chosen` numbers, and the right to choose them, on the way.
///
/// # Errors
///
/// `EINVAL` for a number out of range, `EPERM` without the capability in the level's owner.
///
/// # Safety
///
/// `ns` must be valid, and `chosen` not longer than its levels.
#[inline]
unsafe fn limits(ns: *mut pid_namespace, chosen: &[pid_t]) -> Result<[i32; LEVELS]> {
    let mut limits = [0; LEVELS];
    let mut level_ns = ns;
    for (depth, limit) in limits.iter_mut().enumerate() {
        // SAFETY: A namespace holds its parent. `pid_max` is a sysctl: volatile.
        *limit = unsafe { ptr::read_volatile(&raw const (*level_ns).pid_max) };
        if let Some(&nr) = chosen.get(depth) {
            number::choose(nr, *limit)?;
            // SAFETY: As above.
            if !may_choose(unsafe { (*level_ns).user_ns }) {
                return Err(EPERM);
            }
        }
        // SAFETY: As above.
        level_ns = unsafe { (*level_ns).parent };
        if level_ns.is_null() {
            break;
        }
    }
    Ok(limits)
}

/// Whether the current task may choose numbers in a namespace of `user_ns`, which is held
/// (`include/linux/capability.h: checkpoint_restore_ns_capable`).
pub(crate) fn may_choose(user_ns: *mut bindings::user_namespace) -> bool {
    // SAFETY: A pid namespace holds its owner.
    unsafe {
        bindings::ns_capable(user_ns, bindings::CAP_CHECKPOINT_RESTORE as i32)
            || bindings::ns_capable(user_ns, bindings::CAP_SYS_ADMIN as i32)
    }
}

/// A `struct pid` that is not visible yet; dropping frees it.
struct Draft {
    pid: *mut pid,
    ns: Reference,
}

impl Draft {
    /// # Safety
    ///
    /// `ns` must be valid.
    #[inline]
    unsafe fn new(ns: *mut pid_namespace) -> Result<Self> {
        // SAFETY: `ns` is valid; its cache makes room for a number at each of its levels.
        unsafe {
            let pid: *mut pid =
                bindings::kmem_cache_alloc_noprof((*ns).pid_cachep, bindings::GFP_KERNEL).cast();
            if pid.is_null() {
                return Err(ENOMEM);
            }
            let draft = Self {
                pid,
                ns: Reference::get(ns),
            };
            (*pid).level = (*ns).level;
            bindings::refcount_set(&raw mut (*pid).count, 1);
            bindings::pidns_init_pid_locks(pid, namespace::boot_pid());
            (*pid).tasks = Default::default();
            (*pid).inodes = Default::default();
            kernel_fn::pidfs_prepare_pid(pid);
            Ok(draft)
        }
    }

    /// The pid is complete; its reference to its namespace goes back in `pidfs_free_pid`.
    #[inline]
    fn finish(self) -> *mut pid {
        let draft = ManuallyDrop::new(self);
        draft.pid
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // SAFETY: Nobody else knows of it, and it came from this cache, which `self.ns`, dropped
        // after this, keeps.
        unsafe { bindings::kmem_cache_free((*self.ns.as_ptr()).pid_cachep, self.pid.cast()) };
    }
}

/// # Safety
///
/// `ns` must be held by the caller.
#[inline]
unsafe fn allocate(ns: *mut pid_namespace, chosen: &[pid_t]) -> Result<*mut pid> {
    // SAFETY: `ns` is valid.
    let level = unsafe { (*ns).level as usize };
    if chosen.len() > level + 1 {
        return Err(EINVAL);
    }
    // SAFETY: `ns` is valid.
    let draft = unsafe { Draft::new(ns)? };
    // SAFETY: `ns` is valid, and `chosen` no longer than its levels.
    let limits = unsafe { limits(ns, chosen)? };
    // SAFETY: The draft is not visible to anybody yet, and `limits` are those of its levels.
    unsafe { number_all_levels(&draft, chosen, &limits)? };

    let pid = draft.finish();
    if !is_first(ns) {
        // SAFETY: `ns` is held by `pid`.
        unsafe { kernel_fn::__ns_ref_active_get(&raw mut (*ns).ns) };
    }
    // SAFETY: `pid` is complete and ours until we return it.
    if let Err(_error) = to_result(unsafe { kernel_fn::pidfs_add_pid(pid) }) {
        // SAFETY: As above; no task is attached to it.
        unsafe { free::release(pid) };
        return Err(ENOMEM);
    }
    Ok(pid)
}

/// The lock, with memory reserved for one number table.
struct Held {
    map: Pidmap,
    _preload: Preload,
}

impl Held {
    #[inline]
    fn new() -> Self {
        let preload = Preload::new();
        Self {
            map: Pidmap::lock(),
            _preload: preload,
        }
    }
}

/// Gives the draft its number at each level and makes it visible at all of them, or does neither.
///
/// May sleep.
///
/// # Safety
///
/// The draft must be that of `alloc_pid`'s caller, and `limits` those of its levels.
#[inline]
unsafe fn number_all_levels(draft: &Draft, chosen: &[pid_t], limits: &[i32; LEVELS]) -> Result {
    let ns = draft.ns.as_ptr();
    // SAFETY: The draft is valid and has an entry for each level; it holds `ns`.
    let (numbers, level) = unsafe { (numbers(draft.pid), (*draft.pid).level as usize) };
    let mut level_ns = ns;
    let mut taken = 0;
    let mut retried = false;
    let mut held = Held::new();

    // SAFETY: The draft holds `ns`, and a namespace holds its parent.
    unsafe { held.map.rewind_if_unused(ns) };
    let result = loop {
        if taken > level {
            // SAFETY: Every level has its number.
            break unsafe { publish(&mut held.map, draft.pid) };
        }
        // SAFETY: As above.
        let nr = unsafe {
            let request = match chosen.get(taken) {
                Some(&nr) => Request::Exactly(nr),
                None => number::next(held.map.cursor(level_ns), limits[taken]),
            };
            held.map.take(level_ns, request)
        };
        let nr = match nr {
            Ok(nr) => nr,
            // The reserve serves one table, and there are several: reserve again, once for each.
            // The lock may be dropped: the levels' numbers need not be taken at the same time.
            Err(error) if error == ENOMEM && !retried => {
                retried = true;
                drop(held);
                held = Held::new();
                continue;
            }
            Err(error) => break Err(error),
        };
        retried = false;
        // SAFETY: As above.
        let has_init = unsafe {
            let upid = numbers.add(level - taken);
            (*upid).nr = nr;
            (*upid).ns = level_ns;
            !reaper(level_ns).is_null()
        };
        taken += 1;
        if let Err(refusal) = number::init_first(nr, has_init) {
            break Err(refusal.into());
        }
        // SAFETY: As above.
        level_ns = unsafe { (*level_ns).parent };
    };
    if result.is_err() {
        for depth in 0..taken {
            // SAFETY: These levels have the numbers that were taken above.
            unsafe {
                let upid = numbers.add(level - depth);
                held.map.give_back((*upid).ns, (*upid).nr);
            }
        }
    }
    result
}

/// Makes `pid` visible at every level.
///
/// # Errors
///
/// `ENOMEM`, an old promise of `fork(2)`, if a namespace on the way takes no more tasks. It is
/// checked here, after every other error, because `copy_process` checks the innermost alone: a
/// number must not appear above a dead one's reaper.
///
/// # Safety
///
/// `pid` must be complete, with its numbers taken.
#[inline]
unsafe fn publish(map: &mut Pidmap, pid: *mut pid) -> Result {
    // SAFETY: The caller's promise.
    unsafe {
        let numbers = slice::from_raw_parts(numbers(pid), (*pid).level as usize + 1);
        if numbers.iter().any(|upid| map.is_dead(upid.ns)) {
            return Err(ENOMEM);
        }
        for upid in numbers.iter().rev() {
            map.publish(upid.ns, upid.nr, pid);
        }
    }
    Ok(())
}

/// In the kernel, built with `PIDNS_KUNIT=1`: pids without tasks.
#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_alloc)]
mod tests {
    use super::*;
    use kernel::error::from_err_ptr;

    /// A pid of the first namespace.
    struct Pid(*mut pid);

    impl Pid {
        fn new(chosen: &mut [pid_t]) -> Result<Self> {
            let ns = &raw mut bindings::init_pid_ns;
            // SAFETY: The first namespace is always there; the test may sleep.
            from_err_ptr(unsafe { alloc_pid(ns, chosen.as_mut_ptr(), chosen.len()) }).map(Self)
        }

        fn nr(&self) -> i32 {
            // SAFETY: `self` holds it.
            unsafe { (*numbers(self.0)).nr }
        }
    }

    impl Drop for Pid {
        fn drop(&mut self) {
            // SAFETY: No task was attached.
            unsafe { free::free_pid(self.0) }
        }
    }

    fn find(nr: i32) -> *mut pid {
        // SAFETY: The pid is compared, not followed.
        unsafe { bindings::find_pid_ns(nr, &raw mut bindings::init_pid_ns) }
    }

    #[test]
    fn a_pid_is_found_by_its_number_until_it_is_freed() -> Result {
        let pid = Pid::new(&mut [])?;
        let nr = pid.nr();
        assert!(core::ptr::eq(find(nr), pid.0));
        drop(pid);
        assert!(find(nr).is_null());
        Ok(())
    }

    #[test]
    fn a_chosen_number_is_had_once() -> Result {
        let pid = Pid::new(&mut [])?;
        let nr = pid.nr();
        assert_eq!(Pid::new(&mut [nr]).err(), Some(EEXIST));
        drop(pid);
        assert_eq!(Pid::new(&mut [nr])?.nr(), nr);
        Ok(())
    }

    #[test]
    fn what_cannot_be_chosen() {
        assert_eq!(Pid::new(&mut [0]).err(), Some(EINVAL));
        assert_eq!(Pid::new(&mut [-1]).err(), Some(EINVAL));
        assert_eq!(Pid::new(&mut [i32::MAX]).err(), Some(EINVAL));
        assert_eq!(Pid::new(&mut [1000, 1000]).err(), Some(EINVAL));
    }
}
