// SPDX-License-Identifier: GPL-2.0

//! Who sends a signal: also where it does not say so itself.

use super::{
    info::Info,
    siglock::Thread,
    terminal,
    verdict::{
        self,
        Scope,
        Sender,
        SIGKILL,
        SIGSTOP, //
    },
};
use crate::{
    bindings::{
        self,
        pid_type, //
    },
    imports::kernel_fn,
    object::{
        Object,
        Pid,
        PidNs,
        Siginfo,
        Task, //
    },
    task::Current,
};
use core::ptr;
use kernel::prelude::*;

/// The sender of `sig`, which the current task `me` sends to `t`, of an init of `ns`, with `info`, and which itself
/// says that `said` is.
///
/// Names the task behind a signal that the kernel sends: an exiting one that hangs its session up, or one
/// that begins to trace an init of its own. Also behind one that claims to be a timer's. And names the kernel where
/// no task is behind it: as in mainline, SIGKILL and SIGSTOP act then. Also who has typed a signal
/// at a terminal. And says whether an init sends to itself.
#[inline]
pub(super) fn behind(
    said: Option<Sender>,
    me: &Current,
    sig: c_int,
    info: Info<'_>,
    t: &Thread,
    type_: pid_type,
    ns: &PidNs,
) -> Option<Sender> {
    let outside = || is_outside(me.pid(t), ns);
    match said {
        // The kernel's own timers do not come this way: this one is in a task's words.
        None if info
            .siginfo()
            .is_some_and(|info| info.code() == bindings::SI_TIMER) =>
        {
            Some(if outside() {
                Sender::Ancestor
            } else {
                Sender::Inside
            })
        }
        // Nobody: a driver's worker, or whoever an interrupt has met.
        Some(Sender::Ancestor)
            if me.flags() & bindings::PF_KTHREAD != 0 || !kernel_fn::in_task() =>
        {
            Some(Sender::Kernel)
        }
        Some(Sender::Inside) if is_to_itself(me, sig, info, t, type_) => Some(Sender::Itself),
        Some(Sender::Kernel)
            if type_ == bindings::pid_type_PIDTYPE_PGID
                && me.flags() & bindings::PF_KTHREAD != 0
                && terminal::is_from_outside(me, sig, ns) =>
        {
            Some(Sender::Ancestor)
        }
        Some(Sender::Kernel) if hangs_up(me, sig, t) && outside() => Some(Sender::Ancestor),
        Some(Sender::Kernel) if attaches(me, sig, t) && !outside() => Some(Sender::Inside),
        said => said,
    }
}

/// Whether a task inside may be behind a signal of this `sender`, which the current task `me` sends to `t`: by a call of its
/// own, or because it had the kernel send it, as for an open file or at a terminal. Behind the rest is an ancestor; the
/// kernel, which sends SIGKILL in its own name where memory is short or a limit was reached; or a fault.
#[inline]
pub(super) fn may_be_inside(
    sender: Option<Sender>,
    me: &Current,
    sig: c_int,
    info: Info<'_>,
    t: &Thread,
) -> bool {
    match sender {
        Some(Sender::Ancestor) => false,
        Some(Sender::Inside | Sender::Itself) => true,
        Some(Sender::Kernel) if sig == SIGKILL => false,
        Some(Sender::Kernel) | None => !is_own_fault(me, info, t),
    }
}

/// Whether the current task `me`, which sends `sig` to `t`, asks its own process to take it. SIGKILL and SIGSTOP, about
/// which an init cannot say anything, are no such request. While it is traced nothing is: what the kernel has shown to a
/// tracer it sends once more, in the init's own name, if that blocks it.
#[inline]
fn is_to_itself(me: &Current, sig: c_int, info: Info<'_>, t: &Thread, type_: pid_type) -> bool {
    let scope = match type_ {
        bindings::pid_type_PIDTYPE_PID => Scope::Thread,
        bindings::pid_type_PIDTYPE_TGID => Scope::Process,
        _ => Scope::Many,
    };
    ptr::eq(me.signal(), t.signal())
        && me.ptrace() == 0
        && !matches!(sig, SIGKILL | SIGSTOP)
        && verdict::is_by_name(scope, info.siginfo().map(Siginfo::code))
}

/// Whether a signal with this `info`, which is not from a task by its words, is a fault of the current task `me`: that goes
/// to the task itself. (A task may claim so of one that it sends to itself, which is its own affair.) An interrupt that
/// sends a signal about an open file may have met the very task.
fn is_own_fault(me: &Current, info: Info<'_>, t: &Thread) -> bool {
    ptr::eq(t.as_ptr(), me.as_ptr())
        && info.siginfo().is_some_and(|info| {
            let (sig, code) = (info.signo() as c_uint, info.code());
            code > 0 && kernel_fn::siginfo_layout(sig, code) != bindings::siginfo_layout_SIL_POLL
        })
}

/// Whether the current task `me` hangs `t` up because it exits: as the leader of the session that both are in, or
/// as the last that kept the process group of `t` from being orphaned.
#[inline]
fn hangs_up(me: &Current, sig: c_int, t: &Thread) -> bool {
    sig == bindings::SIGHUP as c_int
        && me.flags() & bindings::PF_EXITING != 0
        && session_of(me) == session_of(t)
}

/// The address of the session of `task`. If that changes meanwhile, it is that of an instant before or after.
#[inline]
fn session_of(task: &Task) -> *const bindings::pid {
    task.signal().session()
}

/// Whether it is the SIGSTOP of the current task `me`, which has just begun to trace `t`
/// (`kernel/ptrace.c: ptrace_attach`). If it is so, that holds the `tasklist_lock`.
#[inline]
fn attaches(me: &Current, sig: c_int, t: &Thread) -> bool {
    sig == SIGSTOP && t.ptrace() != 0 && ptr::eq(t.parent(), me.as_ptr())
}

/// Whether a task with this pid has no number in `ns`: it is not in there, nor below, or it has been reaped
/// (`kernel/pid.c: __task_pid_nr_ns`, `pid_nr_ns`). Of the initial namespace ask [`is_nobody`].
#[inline]
pub(super) fn is_outside(pid: Option<&Pid>, ns: &PidNs) -> bool {
    pid.is_none_or(|pid| pid.is_outside(ns))
}

/// Whether a task with this pid has no number in the initial namespace: it has been reaped, or it is an idle task,
/// which has 0.
#[inline]
pub(super) fn is_nobody(pid: Option<&Pid>) -> bool {
    pid.and_then(|pid| pid.numbers().first())
        .is_none_or(|upid| upid.nr() == 0)
}

#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_signal)]
mod tests {
    use super::*;
    use kernel::sync::rcu;

    #[test]
    fn an_idle_task_is_nobody() {
        assert!(is_nobody(Task::boot().pid(&rcu::read_lock())));
    }

    #[test]
    fn the_current_task_is_somebody() {
        assert!(!is_nobody(Current::get().pid(&rcu::read_lock())));
    }
}
