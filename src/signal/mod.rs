// SPDX-License-Identifier: GPL-2.0

//! Which signals a namespace's init receives: from inside what it asked for, from outside whatever any
//! process would.
//!
//! `SIGNAL_UNKILLABLE` is how the kernel knows an init, and it stays set for as long as the init lives:
//! every path that the module does not touch goes on protecting it. What comes from outside is led
//! around it, in the two places that ask for it: where a signal is sent ([`send`]) and where it is
//! taken ([`take`], [`ptrace`]). Between the two, each queued signal itself tells where it came
//! from ([`queue`]).

mod act;
mod behind;
mod init;
pub(crate) mod mode;
pub(crate) mod ptrace;
mod queue;
pub(crate) mod send;
mod set;
mod shield;
pub(crate) mod take;
pub(crate) mod verdict;

use crate::{
    bindings::{self, pid_namespace, task_struct},
    pid::{numbers, numbers_below},
};
use core::ptr;

/// Whether the kernel protects `t` from signals: as the first process of all, or as a namespace's init.
///
/// # Safety
///
/// The `siglock` of `t` must be held.
#[inline]
unsafe fn is_unkillable(t: *const task_struct) -> bool {
    // SAFETY: Who has a `sighand` has a `signal`, whose flags the lock protects.
    unsafe { (*(*t).signal).flags & bindings::SIGNAL_UNKILLABLE != 0 }
}

/// Whether `task` has no number in `ns`: it is not in there, nor below
/// (`kernel/pid.c: __task_pid_nr_ns`, `pid_nr_ns`). Of the first namespace ask [`is_nobody`].
///
/// # Safety
///
/// `task` must be the current one, or held by RCU; `ns` must be held.
#[inline]
unsafe fn is_outside(task: *const task_struct, ns: *const pid_namespace) -> bool {
    // SAFETY: The caller's promise. A pid is freed after an RCU grace period; a task that has been reaped has
    // none.
    unsafe {
        let pid = (&raw const (*task).thread_pid).read_volatile();
        pid.is_null()
            || numbers_below(pid, (*ns).level)
                .first()
                .is_none_or(|upid| !ptr::eq(upid.ns, ns))
    }
}

/// Whether `task` has no number in the first namespace: it has been reaped, or it is an idle task, which has 0.
///
/// # Safety
///
/// `task` must be the current one, or held by RCU.
#[inline]
unsafe fn is_nobody(task: *const task_struct) -> bool {
    // SAFETY: As in `is_outside`; every pid has a number in the first namespace.
    unsafe {
        let pid = (&raw const (*task).thread_pid).read_volatile();
        pid.is_null() || (*numbers(pid)).nr == 0
    }
}

#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_signal)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_task_is_nobody() {
        // SAFETY: The first processor's is there for ever.
        assert!(unsafe { is_nobody(&raw const bindings::init_task) });
    }

    #[test]
    fn the_current_task_is_somebody() {
        // SAFETY: It is the current task.
        assert!(!unsafe { is_nobody(bindings::get_current()) });
    }
}
