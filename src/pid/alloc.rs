// SPDX-License-Identifier: GPL-2.0

//! `alloc_pid`: a chain for a task that is being born.

use super::{
    draft::Draft,
    free, //
};
use crate::{
    bindings::{
        self,
        pid,
        pid_t, //
    },
    chain::number,
    hook::callbacks,
    imports::kernel_fn,
    module::Inside,
    object::{
        Object,
        Pid,
        PidNs,
        UserNs, //
    },
};
use core::slice;
use kernel::prelude::*;

callbacks! {
    /// Replaces `kernel/pid.c: alloc_pid`, to its contract and errnos. Called without locks, may sleep.
    pub(crate) fn alloc_pid(ns: &PidNs, set_tid: *mut pid_t, set_tid_size: usize) -> *mut pid {
        let _inside = Inside::enter();
        let chosen = if set_tid_size == 0 {
            &[]
        } else {
            // SAFETY: The kernel's: `set_tid` has `set_tid_size` entries in kernel memory.
            unsafe { slice::from_raw_parts(set_tid, set_tid_size) }
        };
        match allocate(ns, chosen) {
            Ok(pid) => pid.as_ptr(),
            Err(error) => error.to_ptr(),
        }
    }
}

/// Whether the current task may have the `chosen` numbers in `ns` and each namespace above it.
///
/// # Errors
///
/// `EINVAL` for a number out of range, `EPERM` without the capability in the level's owner.
#[inline]
fn check(ns: &PidNs, chosen: &[pid_t]) -> Result {
    let mut level_ns = Some(ns);
    for &nr in chosen {
        let ns = level_ns.ok_or(EINVAL)?;
        number::choose(nr, ns.pid_max())?;
        if !may_choose(ns.user_ns()) {
            return Err(EPERM);
        }
        level_ns = ns.parent();
    }
    Ok(())
}

/// Whether the current task may choose numbers in a namespace of `user_ns`
/// (`include/linux/capability.h: checkpoint_restore_ns_capable`).
pub(crate) fn may_choose(user_ns: &UserNs) -> bool {
    kernel_fn::ns_capable(user_ns, bindings::CAP_CHECKPOINT_RESTORE as i32)
        || kernel_fn::ns_capable(user_ns, bindings::CAP_SYS_ADMIN as i32)
}

/// A pid of `ns`, which the caller owns. May sleep.
#[inline]
fn allocate<'a>(ns: &'a PidNs, chosen: &[pid_t]) -> Result<&'a Pid> {
    if chosen.len() > ns.level() as usize + 1 {
        return Err(EINVAL);
    }
    let draft = Draft::new(ns)?;
    check(ns, chosen)?;
    let pid = draft.publish(chosen)?;
    if !ns.is_initial() {
        kernel_fn::__ns_ref_active_get(ns.common());
    }
    // SAFETY: `pid` is complete and ours until we return it; no task is attached to it.
    unsafe {
        if kernel_fn::pidfs_add_pid(pid.as_ptr()) != 0 {
            free::release(pid);
            return Err(ENOMEM);
        }
    }
    Ok(pid)
}

/// In the kernel, built with `PIDNS_KUNIT=1`: pids without tasks.
#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_alloc)]
mod tests {
    use super::*;
    use kernel::sync::rcu;

    /// A pid of the initial namespace.
    struct Allocated(&'static Pid);

    impl Allocated {
        fn new(chosen: &[pid_t]) -> Result<Self> {
            allocate(PidNs::initial(), chosen).map(Self)
        }

        fn nr(&self) -> i32 {
            self.0.numbers()[0].nr()
        }
    }

    impl Drop for Allocated {
        fn drop(&mut self) {
            // SAFETY: No task was attached.
            unsafe { free::release(self.0) }
        }
    }

    fn find(nr: i32) -> Option<*mut pid> {
        PidNs::initial()
            .find(nr, &rcu::read_lock())
            .map(Object::as_ptr)
    }

    #[test]
    fn a_pid_is_found_by_its_number_until_it_is_freed() -> Result {
        let pid = Allocated::new(&[])?;
        let nr = pid.nr();
        assert_eq!(find(nr), Some(pid.0.as_ptr()));
        drop(pid);
        assert_eq!(find(nr), None);
        Ok(())
    }

    #[test]
    fn a_chosen_number_is_had_once() -> Result {
        let pid = Allocated::new(&[])?;
        let nr = pid.nr();
        assert_eq!(Allocated::new(&[nr]).err(), Some(EEXIST));
        drop(pid);
        assert_eq!(Allocated::new(&[nr])?.nr(), nr);
        Ok(())
    }

    /// Through several leaves of the table, given back in another order: the kernel's own lookups find those that are there,
    /// and no others.
    #[test]
    fn many_come_and_go() -> Result {
        const COUNT: usize = 300;
        let mut pids = KVec::with_capacity(COUNT, GFP_KERNEL)?;
        for _ in 0..COUNT {
            let pid = Allocated::new(&[])?;
            assert_eq!(find(pid.nr()), Some(pid.0.as_ptr()));
            pids.push(Some(pid), GFP_KERNEL)?;
        }
        for turn in 0..COUNT {
            // 7 and 300 have no common divisor.
            let pid = pids[turn * 7 % COUNT].take().ok_or(EINVAL)?;
            let nr = pid.nr();
            drop(pid);
            assert_eq!(find(nr), None);
            for pid in pids.iter().flatten() {
                assert_eq!(find(pid.nr()), Some(pid.0.as_ptr()));
            }
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_chosen() {
        assert_eq!(Allocated::new(&[0]).err(), Some(EINVAL));
        assert_eq!(Allocated::new(&[-1]).err(), Some(EINVAL));
        assert_eq!(Allocated::new(&[i32::MAX]).err(), Some(EINVAL));
        assert_eq!(Allocated::new(&[1000, 1000]).err(), Some(EINVAL));
    }
}
