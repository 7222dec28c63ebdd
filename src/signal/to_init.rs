// SPDX-License-Identifier: GPL-2.0

//! A signal on its way to a namespace's init.

use super::{
    default_action,
    queue::Queue,
    report, sender,
    shield::Shield,
    siginfo::{
        as_seen_by,
        looks_different,
        Info, //
    },
    siglock::{
        Own,
        Siglocked, //
    },
    two_sided,
    verdict::{
        self,
        Action,
        Disposition,
        Origin,
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
    imports::kernel_fn,
    object::{
        Object,
        PidNs, //
    },
    task::Current,
};
#[cfg(CONFIG_TRACEPOINTS)]
use crate::{
    events,
    imports::SIGNAL_GENERATE, //
};
use kernel::prelude::*;

/// A signal that the current task `me` sends to an init, or to one thread of it, whose `siglock` is held.
pub(super) struct Sent<'a> {
    pub(super) sig: c_int,
    pub(super) info: Info,
    pub(super) t: Siglocked<'a>,
    pub(super) type_: pid_type,
    pub(super) me: &'a Current,
    pub(super) origin: Origin,
    pub(super) sender: Option<Sender>,
}

impl Sent<'_> {
    /// Sends it to an init of `ns`, which is not the initial namespace. Never sleeps.
    ///
    /// Returns what `send_signal_locked` returns: 0, or `-EAGAIN` if a queue is full.
    #[inline(always)]
    pub(super) fn send(mut self, ns: &PidNs) -> c_int {
        let two_sided = two_sided::is_on();
        let named = self.sender;
        if two_sided {
            self.sender = sender::behind(self.sender, self.me, self.sig, self.info, &self.t, ns);
        }
        let disposition = self.t.disposition(self.sig);
        let told = |verdict| {
            report::sent(ns, &self.t, self.sig, self.sender, disposition, verdict);
        };
        if !self.t.is_unkillable() {
            if two_sided && self.comes_too_late(disposition) {
                told(Verdict::Drop);
                return 0;
            }
            return self.carry_out(None, two_sided, named);
        }
        let verdict = verdict::judge(
            two_sided,
            self.sig,
            self.sender,
            disposition,
            self.is_held(),
        );
        // Before it acts: what is told here must not wait for what it does.
        told(verdict);
        if matches!(verdict, Verdict::Ignore | Verdict::Drop) && self.leaves_nothing() {
            return 0;
        }
        self.carry_out(Some(verdict), two_sided, named)
    }

    /// Does what the `verdict` on it says; there is none on what an init gets on its way out. The sender that it has
    /// `named` is shown as its target sees it.
    #[inline(always)]
    fn carry_out(
        mut self,
        verdict: Option<Verdict>,
        two_sided: bool,
        named: Option<Sender>,
    ) -> c_int {
        let differs =
            matches!(self.origin, Origin::Named { .. }) && looks_different(&self.t, self.me, named);
        // SAFETY: Of this origin; what is seen of it outlives what is sent with it.
        let mut seen = differs.then(|| unsafe { as_seen_by(&self.t, self.info, self.me, named) });
        if let Some(seen) = &mut seen {
            // SAFETY: As above.
            self.info = unsafe { Info::new(seen) };
        }
        let verdict = match verdict {
            Some(verdict) if two_sided => verdict,
            _ => return self.pass_on(),
        };
        match (self.sender, verdict) {
            // A tracer may have come since the verdict, without the lock: then it is queued after all.
            (Some(Sender::Inside) | None, _) if self.sig == SIGSTOP => self.send_stop_from_inside(),
            (_, Verdict::Ignore | Verdict::Drop) => self.pass_on(),
            (Some(Sender::Ancestor), _) => self.send_from_outside(verdict),
            (Some(Sender::Inside) | None, _) => self.send_from_inside(),
            (Some(Sender::Kernel), _) => self.pass_on(),
        }
    }

    /// Puts a signal from outside that the current init has dequeued, and blocks after all, back into the
    /// queue of `type_`. If the process ends already, nobody would take it. Never sleeps.
    pub(super) fn queue_again(me: &Own<'_>, sig: c_int, info: Info, type_: pid_type) {
        if me.signal_flags() & bindings::SIGNAL_GROUP_EXIT == 0 {
            let sent = Sent {
                sig,
                info,
                t: me.reborrow(),
                type_,
                me: &Current::get(),
                origin: Origin::Unnamed,
                sender: Some(Sender::Ancestor),
            };
            // Nobody can be told that the queue is full: as in mainline.
            sent.send_from_outside(Verdict::Keep);
        }
    }

    /// Whether nothing at all happens if this is ignored or dropped. Mainline would find the same, discard the pending
    /// signals that a stop or a SIGCONT undoes, and tell its tracepoint.
    #[inline(always)]
    fn leaves_nothing(&self) -> bool {
        let undoes = verdict::default_action(self.sig) == Action::Stop
            || self.sig == bindings::SIGCONT as c_int;
        #[cfg(CONFIG_TRACEPOINTS)]
        // SAFETY: The tracepoint was found when the module was loaded.
        let undoes = undoes || unsafe { events::is_on(SIGNAL_GENERATE.get()) };
        !undoes
    }

    /// As mainline.
    #[inline(always)]
    fn pass_on(&self) -> c_int {
        let force = verdict::force(self.sender);
        send_locked(self.sig, self.info, &self.t, self.type_, force)
    }

    /// Whether it must not reach an init on its way out, which the kernel protects no longer: a fault or a signal ends
    /// it, and it may yet have to dump core. Nothing from inside is to come first, or cut that short. The fault itself
    /// comes here too.
    #[cold]
    fn comes_too_late(&self, disposition: Disposition) -> bool {
        let ends = disposition == Disposition::Default
            && verdict::default_action(self.sig) != Action::Nothing;
        let by_task = match self.sender {
            Some(Sender::Inside) => true,
            // What has no sender has an `info`. The fault itself has a code above 0, which a task can claim only
            // towards itself.
            None => self.info.code() <= 0,
            Some(Sender::Kernel | Sender::Ancestor) => false,
        };
        ends && by_task
    }

    /// Whether nobody decides about it now (`kernel/signal.c: sig_ignored`).
    #[inline(always)]
    fn is_held(&self) -> bool {
        self.is_blocked() || self.t.ptrace() != 0 && self.sig != SIGKILL
    }

    /// Whether its target blocks it, also as one that `sigtimedwait` waits for.
    #[inline(always)]
    fn is_blocked(&self) -> bool {
        self.t.blocks(self.sig) || self.t.really_blocks(self.sig)
    }

    /// It is queued: there is a handler, or its target blocks it or is traced. It is from inside, or it names no
    /// sender, as anybody's `siginfo` can. The kernel would end the process at
    /// once (`kernel/signal.c: complete_signal` does not ask whether this is an init):
    ///
    /// * for another thread, which does not block it and finds no handler; it is to take it, to no effect;
    /// * in the middle of an `execve`, which resets handlers without a lock. By then the thread is alone, and threads
    ///   come and go under the lock. A task that sends to itself is in no `execve`.
    #[inline(always)]
    fn send_from_inside(&self) -> c_int {
        let at_risk = if self.t.is_alone() {
            !self.t.is(self.me) && !self.is_blocked()
        } else {
            self.type_ != bindings::pid_type_PIDTYPE_PID && self.is_blocked()
        };
        if at_risk && verdict::default_action(self.sig) == Action::Terminate {
            return self.send_behind_shield();
        }
        self.pass_on()
    }

    #[inline(never)]
    fn send_behind_shield(&self) -> c_int {
        let _shield = Shield::raise(self.t.reborrow(), self.sig);
        self.pass_on()
    }

    /// It is queued if a tracer sees it first. Whoever takes it would not be asked whether it may stop an init.
    fn send_stop_from_inside(&self) -> c_int {
        let queue = Queue::of(&self.t, self.type_);
        let alone = !queue.has(self.sig);
        let result = self.pass_on();
        if result == 0 && alone && queue.has(self.sig) {
            queue.mark(self.sig, self.info, Sender::Inside);
        }
        result
    }

    /// It acts as on any process, now or when it is taken.
    fn send_from_outside(&self, verdict: Verdict) -> c_int {
        if self.sig == SIGKILL {
            return self.pass_on();
        }
        let (t, sig) = (&self.t, self.sig);
        let queue = Queue::of(t, self.type_);
        let queued = verdict != Verdict::Keep && sig != SIGSTOP;
        let takes = verdict == Verdict::Act && queued && self.target_wants();
        // What its target blocks, the kernel queues, and asks nothing about inits. The target then
        // is not ended by the send itself, unless another thread is chosen to take it. Also where there is a handler:
        // an `execve` may take it away at any moment, without a lock.
        if queued {
            t.really_block(sig);
        }
        let result = self.pass_on();
        if queued {
            t.really_unblock(sig);
        }
        if result == 0 && t.signal_flags() & bindings::SIGNAL_GROUP_EXIT != 0 {
            // Another thread was chosen to take it, and the process ended at once.
            report::acted(t);
        } else if result == 0 && queue.has(sig) {
            if takes && verdict::default_action(sig) == Action::Terminate {
                report::acted(t);
                default_action::end_process(t, sig);
            } else {
                queue.mark(sig, self.info, Sender::Ancestor);
            }
        }
        result
    }

    /// Whether the kernel would choose the target itself to take the signal
    /// (`kernel/signal.c: wants_signal`). Not asked about SIGKILL.
    fn target_wants(&self) -> bool {
        let t = &self.t;
        !t.blocks(self.sig)
            && t.flags() & bindings::PF_EXITING == 0
            && !t.has_jobctl(bindings::JOBCTL_STOPPED | bindings::JOBCTL_TRACED)
            && (kernel_fn::task_curr(t) != 0 || !kernel_fn::task_sigpending(t))
    }
}

/// The kernel's own send; with `force` SIGKILL and SIGSTOP act on an init.
#[inline(always)]
pub(super) fn send_locked(
    sig: c_int,
    info: Info,
    t: &Siglocked<'_>,
    type_: pid_type,
    force: bool,
) -> c_int {
    // SAFETY: The lock is held, and the rest is what the kernel's senders pass.
    unsafe { kernel_fn::__send_signal_locked(sig, info.as_ptr(), t.as_ptr(), type_, force) }
}
