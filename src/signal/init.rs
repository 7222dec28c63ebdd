// SPDX-License-Identifier: GPL-2.0

//! A signal on its way to a namespace's init.

use super::{
    act, behind, mode, queue,
    send::{as_seen_by, looks_different},
    set,
    shield::Shield,
    verdict::{self, Action, Disposition, Origin, Sender, Verdict, SIGKILL, SIGSTOP},
};
#[cfg(CONFIG_TRACEPOINTS)]
use crate::hook::SIGNAL_GENERATE;
use crate::{
    bindings::{self, kernel_siginfo, pid_namespace, pid_type, sigpending, task_struct},
    hook::kernel_fn,
    observe,
};
use core::ptr;
use kernel::prelude::*;

/// `SIG_IGN`, which bindgen takes for a function.
const SIG_IGN: usize = 1;

/// A signal that the current task `me` sends to an init, or to one thread of it, whose `siglock` is held.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) sig: c_int,
    pub(super) info: *mut kernel_siginfo,
    pub(super) t: *mut task_struct,
    pub(super) type_: pid_type,
    pub(super) me: *const task_struct,
    pub(super) origin: Origin,
    pub(super) sender: Option<Sender>,
}

impl Sent {
    /// Sends it. Sleeps never.
    ///
    /// Gives what `send_signal_locked` gives: 0, or `-EAGAIN` if a queue is full.
    ///
    /// # Safety
    ///
    /// The fields must be what that gets, with the target's `siglock` held; `ns` is the target's
    /// namespace, not the first, and the target belongs to its init.
    #[inline]
    pub(super) unsafe fn send(mut self, ns: *mut pid_namespace) -> c_int {
        // SAFETY: The caller's promise, for all that follows.
        unsafe {
            let two_sided = mode::two_sided();
            let named = self.sender;
            if two_sided {
                self.sender = behind::sender(&self, ns);
            }
            let disposition = disposition(self.t, self.sig);
            let told = |verdict| {
                observe::signal::sent(ns, self.t, self.sig, self.sender, disposition, verdict);
            };
            if !super::is_unkillable(self.t) {
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
    }

    /// Does what the `verdict` on it says; there is none on what an init gets on its way out. The sender whom it has
    /// `named` is shown as its target sees him.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline(always)]
    unsafe fn carry_out(
        mut self,
        verdict: Option<Verdict>,
        two_sided: bool,
        named: Option<Sender>,
    ) -> c_int {
        // SAFETY: The promise of `send`; an `info` of this origin names its sender.
        unsafe {
            let mut seen = (matches!(self.origin, Origin::Named { .. })
                && looks_different(self.t, self.me, named))
            .then(|| as_seen_by(self.t, self.info, self.me, named));
            if let Some(seen) = &mut seen {
                self.info = seen;
            }
            let verdict = match verdict {
                Some(verdict) if two_sided => verdict,
                _ => return self.pass_on(),
            };
            match (self.sender, verdict) {
                // A tracer may have come since the verdict, without the lock: then it is queued after all.
                (Some(Sender::Inside) | None, _) if self.sig == SIGSTOP => {
                    self.send_stop_from_inside()
                }
                (_, Verdict::Ignore | Verdict::Drop) => self.pass_on(),
                (Some(Sender::Ancestor), _) => self.send_from_outside(verdict),
                (Some(Sender::Inside) | None, _) => self.send_from_inside(),
                (Some(Sender::Kernel), _) => self.pass_on(),
            }
        }
    }

    /// Puts a signal from outside that the current init has dequeued, and blocks after all, back into its
    /// queue. If the process ends already, nobody would take it. Sleeps never.
    ///
    /// # Safety
    ///
    /// The `siglock` must be held; `sig` and `info` are what was dequeued from the queue of `type_`.
    pub(super) unsafe fn queue_again(sig: c_int, info: *mut kernel_siginfo, type_: pid_type) {
        // SAFETY: The caller's promise. Nobody can be told that the queue is full: as in mainline.
        unsafe {
            let me = bindings::get_current();
            if (*(*me).signal).flags & bindings::SIGNAL_GROUP_EXIT == 0 {
                Self {
                    sig,
                    info,
                    t: me,
                    type_,
                    me,
                    origin: Origin::Unnamed,
                    sender: Some(Sender::Ancestor),
                }
                .send_from_outside(Verdict::Keep);
            }
        }
    }

    /// Whether nothing at all happens if this is ignored or dropped. Mainline would find the same, discard the pending
    /// signals that a stop or a SIGCONT undoes, and tell its tracepoint.
    #[inline]
    fn leaves_nothing(&self) -> bool {
        let undoes = verdict::default_action(self.sig) == Action::Stop
            || self.sig == bindings::SIGCONT as c_int;
        #[cfg(CONFIG_TRACEPOINTS)]
        // SAFETY: The tracepoint was found when the module was loaded.
        let undoes = undoes || unsafe { observe::events::is_on(SIGNAL_GENERATE.get()) };
        !undoes
    }

    /// As mainline.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn pass_on(&self) -> c_int {
        let force = verdict::force(self.sender);
        // SAFETY: The promise of `send`.
        unsafe { kernel_fn::__send_signal_locked(self.sig, self.info, self.t, self.type_, force) }
    }

    /// Whether it must not reach an init on its way out, which the kernel protects no longer: a fault or a signal ends
    /// it, and it may yet have to dump core. Nothing from inside is to come first, or cut that short. The fault itself
    /// comes here too.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[cold]
    unsafe fn comes_too_late(self, disposition: Disposition) -> bool {
        let ends = disposition == Disposition::Default
            && verdict::default_action(self.sig) != Action::Nothing;
        let by_task = match self.sender {
            Some(Sender::Inside) => true,
            // SAFETY: The promise of `send`: what has no sender has an `info`. The fault itself has a code above
            // 0, which a task can claim only towards itself.
            None => unsafe { (*self.info).__bindgen_anon_1.si_code <= 0 },
            Some(Sender::Kernel | Sender::Ancestor) => false,
        };
        ends && by_task
    }

    /// Whether nobody decides about it now (`kernel/signal.c: sig_ignored`).
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn is_held(&self) -> bool {
        // SAFETY: The promise of `send`.
        unsafe { self.is_blocked() || (*self.t).ptrace != 0 && self.sig != SIGKILL }
    }

    /// Whether its target blocks it, also as one that `sigtimedwait` waits for.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn is_blocked(&self) -> bool {
        // SAFETY: The promise of `send`.
        unsafe {
            set::has(&(*self.t).blocked, self.sig) || set::has(&(*self.t).real_blocked, self.sig)
        }
    }

    /// It is queued: there is a handler, or its target blocks it or is traced. It is from inside, or it names no
    /// sender, as anybody's `siginfo` can. The kernel would end the process at
    /// once (`kernel/signal.c: complete_signal` does not ask whether this is an init):
    ///
    /// * for another thread, which does not block it and finds no handler; it is to take it, to no effect;
    /// * in the middle of an `execve`, which resets handlers without a lock. By then the thread is alone, and threads
    ///   come and go under the lock. Who sends to himself is in no `execve`.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn send_from_inside(&self) -> c_int {
        // SAFETY: The promise of `send`.
        unsafe {
            let signal = (*self.t).signal;
            let alone = ptr::eq((*signal).thread_head.next, (*signal).thread_head.prev);
            let at_risk = if alone {
                !ptr::eq(self.t, self.me) && !self.is_blocked()
            } else {
                self.type_ != bindings::pid_type_PIDTYPE_PID && self.is_blocked()
            };
            if at_risk && verdict::default_action(self.sig) == Action::Terminate {
                return (*self).send_behind_shield();
            }
            self.pass_on()
        }
    }

    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline(never)]
    unsafe fn send_behind_shield(self) -> c_int {
        // SAFETY: The promise of `send`.
        unsafe {
            let _shield = Shield::raise((*self.t).signal, self.sig);
            self.pass_on()
        }
    }

    /// It is queued if a tracer sees it first. Whoever takes it would not be asked whether it may stop an init.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn send_stop_from_inside(self) -> c_int {
        // SAFETY: The promise of `send`.
        unsafe {
            let pending = self.pending();
            let alone = !set::has(&(*pending).signal, self.sig);
            let result = self.pass_on();
            if result == 0 && alone && set::has(&(*pending).signal, self.sig) {
                queue::mark(pending, self.t, self.sig, self.info, Sender::Inside);
            }
            result
        }
    }

    /// It acts as on any process, now or when it is taken.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn send_from_outside(self, verdict: Verdict) -> c_int {
        if self.sig == SIGKILL {
            // SAFETY: The promise of `send`.
            return unsafe { self.pass_on() };
        }
        // SAFETY: As above.
        unsafe {
            let pending = self.pending();
            let queued = verdict != Verdict::Keep && self.sig != SIGSTOP;
            let takes = verdict == Verdict::Act && queued && self.target_wants();
            // What its target blocks, the kernel queues, and asks nothing about inits. The target then
            // is not ended by the send itself, unless another thread is chosen to take it. Also where there is a handler:
            // an `execve` may take it away at any moment, without a lock.
            if queued {
                set::add(&mut (*self.t).real_blocked, self.sig);
            }
            let result = self.pass_on();
            if queued {
                set::remove(&mut (*self.t).real_blocked, self.sig);
            }
            let signal = (*self.t).signal;
            if result == 0 && (*signal).flags & bindings::SIGNAL_GROUP_EXIT != 0 {
                // Another thread was chosen to take it, and the process ended at once.
                observe::signal::acted(self.t);
            } else if result == 0 && set::has(&(*pending).signal, self.sig) {
                if takes && verdict::default_action(self.sig) == Action::Terminate {
                    observe::signal::acted(self.t);
                    act::end_process(signal, self.sig);
                } else {
                    queue::mark(pending, self.t, self.sig, self.info, Sender::Ancestor);
                }
            }
            result
        }
    }

    /// The queue that it goes to.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn pending(&self) -> *mut sigpending {
        // SAFETY: The promise of `send`.
        unsafe {
            if self.type_ == bindings::pid_type_PIDTYPE_PID {
                &raw mut (*self.t).pending
            } else {
                &raw mut (*(*self.t).signal).shared_pending
            }
        }
    }

    /// Whether the kernel would choose the target itself to take the signal
    /// (`kernel/signal.c: wants_signal`). Not asked about SIGKILL.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn target_wants(&self) -> bool {
        let t = self.t;
        // SAFETY: The promise of `send`.
        unsafe {
            !set::has(&(*t).blocked, self.sig)
                && (*t).flags & bindings::PF_EXITING == 0
                && !act::jobctl(t, bindings::JOBCTL_STOPPED | bindings::JOBCTL_TRACED)
                && (kernel_fn::task_curr(t) != 0 || !bindings::pidns_task_sigpending(t))
        }
    }
}

/// What the init has said that `sig` shall do.
///
/// # Safety
///
/// The `siglock` of `t` must be held.
pub(super) unsafe fn disposition(t: *const task_struct, sig: c_int) -> Disposition {
    // SAFETY: The caller's promise; `sig` is from 1 to 64.
    let handler = unsafe { (*(*t).sighand).action[(sig - 1) as usize].sa.sa_handler };
    match handler {
        None => Disposition::Default,
        Some(handler) if handler as usize == SIG_IGN => Disposition::Ignored,
        Some(_) => Disposition::Handler,
    }
}
