// SPDX-License-Identifier: GPL-2.0

//! Who sends a signal: also where it does not say so itself.

use super::{
    siginfo::Info,
    siglock::Siglocked,
    verdict::{
        Sender,
        SIGSTOP, //
    },
};
use crate::{
    bindings,
    imports::kernel_fn,
    object::{
        Object,
        Pid,
        PidNs,
        Task, //
    },
    task::Current,
};
use core::ptr;
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// The sender of `sig`, which the current task `me` sends to `t` with `info`, and which itself says that `said` is.
/// `t` is an init of `ns`.
///
/// Names the task behind a signal that the kernel sends: an exiting one that hangs its session up, or one
/// that begins to trace an init of its own. Also behind one that claims to be a timer's. And names the kernel where
/// no task is behind it: as in mainline, SIGKILL and SIGSTOP act then.
#[inline]
pub(super) fn behind(
    said: Option<Sender>,
    me: &Current,
    sig: c_int,
    info: Info,
    t: &Siglocked<'_>,
    ns: &PidNs,
) -> Option<Sender> {
    match said {
        // The kernel's own timers do not come this way: this one is in a task's words.
        None if info.code() == bindings::SI_TIMER => Some(if is_outside(me, ns) {
            Sender::Ancestor
        } else {
            Sender::Inside
        }),
        // Nobody: a driver's worker, or whoever an interrupt has met.
        Some(Sender::Ancestor)
            if me.flags() & bindings::PF_KTHREAD != 0 || !kernel_fn::in_task() =>
        {
            Some(Sender::Kernel)
        }
        Some(Sender::Kernel) if hangs_up(me, sig, t) && is_outside(me, ns) => {
            Some(Sender::Ancestor)
        }
        Some(Sender::Kernel) if attaches(me, sig, t) && !is_outside(me, ns) => Some(Sender::Inside),
        said => said,
    }
}

/// Whether the current task `me` hangs `t` up because it exits: as the leader of the session that both are in, or
/// as the last that kept the process group of `t` from being orphaned.
#[inline]
fn hangs_up(me: &Current, sig: c_int, t: &Siglocked<'_>) -> bool {
    sig == bindings::SIGHUP as c_int
        && me.flags() & bindings::PF_EXITING != 0
        && session(me) == session(t)
}

/// The address of a session, by which it is compared: if it changes meanwhile, the answer is that of an instant before
/// or after.
fn session(task: &Task) -> *const bindings::pid {
    // SAFETY: Both that ask have a `signal`: the current task, and one whose `siglock` is held.
    unsafe { (*(*task.as_ptr()).signal).pids[bindings::pid_type_PIDTYPE_SID as usize] }
}

/// Whether it is the SIGSTOP of the current task `me`, which has just begun to trace `t`
/// (`kernel/ptrace.c: ptrace_attach`). If it is so, `me` holds the `tasklist_lock` that protects both.
#[inline]
fn attaches(me: &Current, sig: c_int, t: &Siglocked<'_>) -> bool {
    sig == SIGSTOP && t.ptrace() != 0 && ptr::eq(t.parent(), me.as_ptr())
}

/// Whether `me` has no number in `ns`: it is not in there, nor below
/// (`kernel/pid.c: __task_pid_nr_ns`, `pid_nr_ns`). Of the initial namespace ask [`is_nobody`].
#[inline(always)]
pub(super) fn is_outside(me: &Current, ns: &PidNs) -> bool {
    pid_of(me).is_none_or(|pid| pid.is_outside(ns))
}

/// The same of another task, found by RCU.
#[inline]
pub(super) fn is_task_outside(task: &Task, ns: &PidNs, rcu: &rcu::Guard) -> bool {
    task.pid(rcu).is_none_or(|pid| pid.is_outside(ns))
}

/// Whether `me` has no number in the initial namespace: it has been reaped, or it is an idle task, which has 0.
#[inline(always)]
pub(super) fn is_nobody(me: &Current) -> bool {
    has_no_number(pid_of(me))
}

/// The same, of what has this pid. Every pid has a number in the initial namespace.
#[inline(always)]
fn has_no_number(pid: Option<&Pid>) -> bool {
    pid.and_then(|pid| pid.numbers().first())
        .is_none_or(|upid| upid.nr() == 0)
}

/// The pid of the current task; none if it was reaped.
#[inline(always)]
fn pid_of(me: &Current) -> Option<&Pid> {
    // SAFETY: A task that runs has its pid until it has let go of it itself.
    unsafe { Pid::from_nullable(me.thread_pid()) }
}

#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_signal)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_task_is_nobody() {
        let rcu = rcu::read_lock();
        assert!(has_no_number(Task::boot().pid(&rcu)));
    }

    #[test]
    fn the_current_task_is_somebody() {
        assert!(!is_nobody(&Current::get()));
    }
}
