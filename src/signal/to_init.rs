// SPDX-License-Identifier: GPL-2.0

//! A signal on its way to a namespace's init.

use super::{
    default_action, fall,
    info::{
        Info,
        Kind, //
    },
    queue, report, sender,
    settings::Rule,
    shield::Shield,
    siginfo::{
        looks_different,
        rewrite, //
    },
    siglock::{
        send,
        Siglocked,
        Thread, //
    },
    sigset::Sigset,
    verdict::{
        self,
        Action,
        Disposition,
        Sender,
        Verdict,
        SIGKILL,
        SIGSTOP, //
    },
};
use crate::{
    bindings::{
        self,
        pid_type, //
    },
    events,
    imports::kernel_fn,
    object::{
        Object,
        PidNs,
        Siginfo, //
    },
    task::Current,
};
use core::ptr;
use kernel::prelude::*;

/// A signal that the current task `me` sends to an init, or to one thread of it.
pub(super) struct Sent<'l> {
    pub(super) sig: c_int,
    pub(super) info: Info<'l>,
    /// `info`, if that names a sender.
    pub(super) named: Option<&'l Siginfo>,
    pub(super) t: Siglocked<'l>,
    pub(super) type_: pid_type,
    pub(super) me: Current,
    pub(super) sender: Option<Sender>,
}

impl Sent<'_> {
    /// Sends it; `ns` is the target's namespace, not the initial one, and the target belongs to its init. Never sleeps.
    ///
    /// Returns what `send_signal_locked` returns: 0, or `-EAGAIN` if a queue is full.
    #[inline(always)]
    pub(super) fn send(mut self, ns: &PidNs) -> c_int {
        let t = self.t.thread();
        // No caller of the kernel's has another number; one that had would be mainline's affair.
        if !verdict::is_signal(self.sig) {
            return self.pass_on(self.info);
        }
        let (rule, said) = (Rule::of(ns), self.sender);
        let mut told = said;
        if rule != Rule::Mainline {
            told = sender::behind(said, &self.me, self.sig, self.info, t, self.type_, ns);
        }
        if rule == Rule::TwoSided {
            self.sender = told;
        }
        if self.sig == SIGKILL && !self.may_be_inside() {
            fall::cut_short(t);
        }
        let disposition = t.disposition(self.sig);
        let verdict = if t.process().is_unkillable() {
            let held = t.holds(self.sig);
            let judge =
                |two_sided, sender| verdict::judge(two_sided, self.sig, sender, disposition, held);
            let verdict = judge(rule != Rule::Mainline, told);
            // Before it acts: what is told here must not wait for what it does.
            report::sent(ns, t, self.sig, told, disposition, verdict);
            let verdict = match rule {
                Rule::Tell => judge(false, said),
                Rule::Mainline | Rule::TwoSided => verdict,
            };
            if matches!(verdict, Verdict::Ignore | Verdict::Drop) && self.leaves_nothing() {
                return 0;
            }
            Some(verdict)
        } else {
            if rule == Rule::TwoSided && self.comes_too_late(disposition) {
                report::sent(ns, t, self.sig, self.sender, disposition, Verdict::Drop);
                return 0;
            }
            // On its way out.
            None
        };
        let mut seen;
        let info = match self.named {
            Some(named) if looks_different(t, &self.me, said) => {
                seen = named.copy();
                rewrite(&mut seen, named, t, &self.me, said);
                Info::of(&seen)
            }
            _ => self.info,
        };
        self.carry_out(info, verdict.filter(|_| rule == Rule::TwoSided))
    }

    /// Does what the `verdict` on it says, or what mainline does; `info` is what the target sees.
    #[inline(always)]
    fn carry_out(&mut self, info: Info<'_>, verdict: Option<Verdict>) -> c_int {
        let (sig, type_) = (self.sig, self.type_);
        match (self.sender, verdict) {
            (_, None) => self.pass_on(info),
            // A tracer may have come since the verdict, without the lock: then it is queued after all.
            (Some(Sender::Inside) | None, _) if sig == SIGSTOP => {
                send_stop_from_inside(self.t.reborrow(), info, type_)
            }
            (_, Some(Verdict::Ignore | Verdict::Drop)) => self.pass_on(info),
            (Some(sender), Some(verdict)) if sender.acts() => {
                send_acting(self.t.reborrow(), sig, info, type_, sender, verdict)
            }
            _ if self.needs_shield() && self.may_be_inside() => {
                send_behind_shield(self.t.reborrow(), sig, info, type_)
            }
            _ => self.pass_on(info),
        }
    }

    /// As mainline.
    #[inline(always)]
    fn pass_on(&mut self, info: Info<'_>) -> c_int {
        let force = verdict::force(self.sender);
        send(self.sig, info, &mut self.t, self.type_, force)
    }

    /// Whether nothing at all happens if this is ignored or dropped. Mainline would find the same, discard the pending
    /// signals that a stop or a SIGCONT undoes, and tell its tracepoint.
    #[inline]
    fn leaves_nothing(&self) -> bool {
        verdict::default_action(self.sig) != Action::Stop
            && self.sig != bindings::SIGCONT as c_int
            && !events::signal_generate_is_on()
    }

    /// Whether a task inside may be behind it.
    #[inline]
    fn may_be_inside(&self) -> bool {
        sender::may_be_inside(self.sender, &self.me, self.sig, self.info, &self.t)
    }

    /// Whether it must not reach an init on its way out, which the kernel protects no longer: a fault or a signal ends it,
    /// and it may yet have to dump core. Nothing from inside is to come first, or cut that short. The fault itself comes
    /// here too.
    #[cold]
    fn comes_too_late(&self, disposition: Disposition) -> bool {
        let ends = disposition == Disposition::Default
            && verdict::default_action(self.sig) != Action::Nothing;
        ends && self.may_be_inside()
    }

    /// Whether the kernel could end the process at once, when this is queued: there is a handler, or its target blocks
    /// it or is traced. `kernel/signal.c: complete_signal` does not ask whether this is an init:
    ///
    /// * for another thread, which does not block it and finds no handler; it is to take it, to no effect;
    /// * in the middle of an `execve`, which resets handlers without a lock. By then no other thread runs code of its own, and threads
    ///   come and go under the lock. A task that sends to itself is in no `execve`.
    #[inline(always)]
    fn needs_shield(&self) -> bool {
        let t = self.t.thread();
        let only = t.process().only_thread();
        let at_risk = if t.blocks(self.sig) {
            // The first thread may have exited, and block it still.
            self.type_ != bindings::pid_type_PIDTYPE_PID
                && !only.is_some_and(|only| ptr::eq(only, t))
        } else {
            only.is_some_and(|only| !ptr::eq(only.as_ptr(), self.me.as_ptr()))
        };
        at_risk && verdict::default_action(self.sig) == Action::Terminate
    }
}

/// Sends a signal from inside that must not end its target at once.
#[inline(never)]
fn send_behind_shield(t: Siglocked<'_>, sig: c_int, info: Info<'_>, type_: pid_type) -> c_int {
    let mut shield = Shield::raise(t, sig);
    send(sig, info, &mut shield.target, type_, false)
}

/// Sends a SIGSTOP from inside. It is queued if a tracer sees it first. Whoever takes it would not be asked whether it
/// may stop an init.
#[inline(never)]
fn send_stop_from_inside(mut t: Siglocked<'_>, info: Info<'_>, type_: pid_type) -> c_int {
    let queue = t.thread().queue(type_);
    let alone = !queue.signals().has(SIGSTOP);
    let result = send(SIGSTOP, info, &mut t, type_, false);
    if result == 0 && alone && queue.signals().has(SIGSTOP) {
        queue::mark(t, queue, SIGSTOP, info, Sender::Inside);
    }
    result
}

/// Sends a signal from a `sender` whose signals act as on any process, now or when they are taken.
#[inline(never)]
fn send_acting(
    mut locked: Siglocked<'_>,
    sig: c_int,
    info: Info<'_>,
    type_: pid_type,
    sender: Sender,
    verdict: Verdict,
) -> c_int {
    if sig == SIGKILL {
        return send(sig, info, &mut locked, type_, true);
    }
    let t = locked.thread();
    let to_group = type_ == bindings::pid_type_PIDTYPE_PGID && matches!(info.kind(), Kind::Kernel);
    fall::sent(t.active_ns(), sig, to_group);
    let queue = t.queue(type_);
    let queued = verdict != Verdict::Keep && sig != SIGSTOP;
    let ends = verdict == Verdict::Act && verdict::default_action(sig) == Action::Terminate;
    let choice = if ends {
        Choice::of(t, sig, type_)
    } else {
        Choice::Nobody
    };
    // Also where there is a handler: an `execve` may take it away at any moment.
    let result = if queued {
        let mut shield = Shield::raise(locked.reborrow(), sig);
        send(sig, info, &mut shield.target, type_, true)
    } else {
        send(sig, info, &mut locked, type_, true)
    };
    if result == 0 && t.process().is_exiting() {
        // `t` blocks it, another thread was chosen to take it, and the process ended at once.
        report::acted(t, sig, false);
        fall::begin(t.active_ns(), sig, sender);
    } else if result == 0 && queue.signals().has(sig) {
        if choice.takes(t, sig) {
            report::acted(t, sig, false);
            fall::begin(t.active_ns(), sig, sender);
            default_action::end_process(t.process(), sig);
        } else {
            queue::mark(locked, queue, sig, info, sender);
        }
    }
    result
}

/// Puts a signal of this `sender`'s, which acts, that the current init `me` has dequeued, and blocks after all, back into the queue of
/// `type_`. If the process ends already, nobody would take it. Never sleeps.
pub(super) fn queue_again(
    me: Siglocked<'_>,
    sig: c_int,
    info: &Siginfo,
    type_: pid_type,
    sender: Sender,
) {
    if !me.process().is_exiting() {
        // Nobody can be told that the queue is full: as in mainline.
        send_acting(me, sig, info.into(), type_, sender, Verdict::Keep);
    }
}

/// Which thread the kernel chooses to take what is sent (`kernel/signal.c: complete_signal`).
enum Choice {
    /// The one that it is sent to.
    First,
    /// One that is `curr_target` afterwards.
    Another,
    Nobody,
}

impl Choice {
    /// Before `sig` is sent to `t`.
    fn of(t: &Thread, sig: c_int, type_: pid_type) -> Self {
        if wants(t, sig) {
            Self::First
        } else if type_ != bindings::pid_type_PIDTYPE_PID
            && t.process().threads().any(|t| wants(t, sig))
        {
            Self::Another
        } else {
            Self::Nobody
        }
    }

    /// Afterwards: whether that would have ended the process at once. Not if the thread waits for it (`sigtimedwait`).
    fn takes(self, t: &Thread, sig: c_int) -> bool {
        let chosen = match self {
            Self::First => t,
            Self::Another => t.process().curr_target(),
            Self::Nobody => return false,
        };
        !chosen.real_blocked().has(sig)
    }
}

/// Whether it would choose `t` itself to take `sig` (`kernel/signal.c: wants_signal`). Not asked about SIGKILL.
fn wants(t: &Thread, sig: c_int) -> bool {
    !t.blocked().has(sig)
        && t.flags() & bindings::PF_EXITING == 0
        && !t.has_jobctl(bindings::JOBCTL_STOPPED | bindings::JOBCTL_TRACED)
        && (kernel_fn::task_curr(t) != 0 || !kernel_fn::task_sigpending(t))
}
