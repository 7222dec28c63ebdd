// SPDX-License-Identifier: GPL-2.0

//! A signal on its way to a namespace's init.

use super::{
    act, mode, queue, set,
    shield::Shield,
    verdict::{self, Action, Disposition, Sender, Verdict, SIGKILL, SIGSTOP},
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

/// A signal that is being sent to an init, or to one thread of it, whose `siglock` is held.
pub(super) struct Sent {
    sig: c_int,
    info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
    sender: Option<Sender>,
}

impl Sent {
    #[inline]
    pub(super) fn new(
        sig: c_int,
        info: *mut kernel_siginfo,
        t: *mut task_struct,
        type_: pid_type,
        sender: Option<Sender>,
    ) -> Self {
        Self {
            sig,
            info,
            t,
            type_,
            sender,
        }
    }

    /// Sends it. Sleeps never.
    ///
    /// Gives what `send_signal_locked` gives: 0, or `-EAGAIN` if a queue is full.
    ///
    /// # Safety
    ///
    /// The fields must be what that gets, with the target's `siglock` held; `ns` is the target's
    /// namespace, not the first, and the target belongs to its init.
    #[inline(never)]
    pub(super) unsafe fn send(mut self, ns: *mut pid_namespace) -> c_int {
        // SAFETY: The caller's promise, for all that follows.
        unsafe {
            let two_sided = mode::two_sided();
            if two_sided {
                self.look_behind(ns);
            }
            if !super::is_unkillable(self.t) {
                return self.send_to_dying(ns, two_sided);
            }
            let disposition = disposition(self.t, self.sig);
            let verdict = verdict::judge(
                two_sided,
                self.sig,
                self.sender,
                disposition,
                self.is_held(),
            );
            // Before it acts: what is told here must not wait for what it does.
            observe::signal::sent(ns, self.t, self.sig, self.sender, disposition, verdict);
            match (self.sender, verdict) {
                _ if !two_sided => self.pass_on(),
                // A tracer may have come since the verdict, without the lock: then it is queued after all.
                (Some(Sender::Inside) | None, _) if self.sig == SIGSTOP => {
                    self.send_stop_from_inside()
                }
                (_, Verdict::Ignore | Verdict::Drop) => self.drop_it(),
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
                Self::new(sig, info, me, type_, Some(Sender::Ancestor))
                    .send_from_outside(Verdict::Keep);
            }
        }
    }

    /// Nothing stays of it. Mainline would find the same, discard the pending signals that a stop or a SIGCONT undoes,
    /// and tell its tracepoint.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn drop_it(&self) -> c_int {
        let undoes = verdict::default_action(self.sig) == Action::Stop
            || self.sig == bindings::SIGCONT as c_int;
        // SAFETY: The promise of `send`; the tracepoint's key is an atomic counter.
        unsafe {
            if undoes || tracepoint_is_on() {
                self.pass_on()
            } else {
                0
            }
        }
    }

    /// As mainline.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn pass_on(&self) -> c_int {
        let force = verdict::force(self.sender);
        // SAFETY: The promise of `send`.
        unsafe { kernel_fn::__send_signal_locked(self.sig, self.info, self.t, self.type_, force) }
    }

    /// Names the task behind a signal that the kernel sends: an exiting one that hangs its session up, or one
    /// that begins to trace an init of its own. Also behind one that claims to be a timer's. And names the kernel where
    /// no task is behind it: as in mainline, SIGKILL and SIGSTOP act then.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn look_behind(&mut self, ns: *mut pid_namespace) {
        // SAFETY: The promise of `send`.
        unsafe {
            let me = bindings::get_current();
            let outside = || super::is_outside(me, ns);
            if self.sender.is_none() {
                // The kernel's own timers do not come this way: this one is in a task's words.
                if (*self.info).__bindgen_anon_1.si_code == bindings::SI_TIMER {
                    self.sender = Some(if outside() {
                        Sender::Ancestor
                    } else {
                        Sender::Inside
                    });
                }
                return;
            }
            if self.sender == Some(Sender::Ancestor) {
                // Nobody: a driver's worker, or whoever an interrupt has met.
                if (*me).flags & bindings::PF_KTHREAD != 0 || !bindings::pidns_in_task() {
                    self.sender = Some(Sender::Kernel);
                }
                return;
            }
            if self.sender != Some(Sender::Kernel) {
                return;
            }
            if self.hangs_up() && outside() {
                self.sender = Some(Sender::Ancestor);
            } else if self.attaches() && !outside() {
                self.sender = Some(Sender::Inside);
            }
        }
    }

    /// Whether the current task hangs the target up because it exits: as the leader of the session
    /// that both are in, or as the last that kept the target's process group from being orphaned.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn hangs_up(&self) -> bool {
        // SAFETY: The promise of `send`. Of the sessions only the addresses are compared: if either changes
        // meanwhile, the answer is that of an instant before or after.
        unsafe {
            if self.sig != bindings::SIGHUP as c_int {
                return false;
            }
            let me = bindings::get_current();
            let session = |task: *mut task_struct| {
                (*(*task).signal).pids[bindings::pid_type_PIDTYPE_SID as usize]
            };
            (*me).flags & bindings::PF_EXITING != 0 && session(me) == session(self.t)
        }
    }

    /// Whether it is the SIGSTOP of a current task that has just begun to trace the target
    /// (`kernel/ptrace.c: ptrace_attach`).
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    #[inline]
    unsafe fn attaches(&self) -> bool {
        // SAFETY: The promise of `send`. If it is so, the current task holds the `tasklist_lock` that protects both.
        unsafe {
            self.sig == SIGSTOP
                && (*self.t).ptrace != 0
                && ptr::eq((*self.t).parent, bindings::get_current())
        }
    }

    /// It reaches an init on its way out, which the kernel protects no longer: a fault or a signal ends it, and it may
    /// yet have to dump core. Nothing from inside is to come first, or cut that short. The fault itself comes here too.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn send_to_dying(&self, ns: *mut pid_namespace, two_sided: bool) -> c_int {
        // SAFETY: The promise of `send`.
        unsafe {
            let disposition = disposition(self.t, self.sig);
            let ends = disposition == Disposition::Default
                && verdict::default_action(self.sig) != Action::Nothing;
            let by_task = match self.sender {
                Some(Sender::Inside) => true,
                // The fault itself has a code above 0, which a task can claim only towards itself.
                None => (*self.info).__bindgen_anon_1.si_code <= 0,
                Some(Sender::Kernel | Sender::Ancestor) => false,
            };
            if two_sided && ends && by_task {
                let drop = Verdict::Drop;
                observe::signal::sent(ns, self.t, self.sig, self.sender, disposition, drop);
                return 0;
            }
            self.pass_on()
        }
    }

    /// Whether nobody decides about it now (`kernel/signal.c: sig_ignored`).
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn is_held(&self) -> bool {
        // SAFETY: The promise of `send`.
        unsafe { self.is_blocked() || (*self.t).ptrace != 0 && self.sig != SIGKILL }
    }

    /// Whether its target blocks it, also as one that `sigtimedwait` waits for.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
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
    unsafe fn send_from_inside(&self) -> c_int {
        // SAFETY: The promise of `send`.
        unsafe {
            let signal = (*self.t).signal;
            let elsewhere = !ptr::eq(self.t, bindings::get_current());
            let alone =
                elsewhere && ptr::eq((*signal).thread_head.next, (*signal).thread_head.prev);
            let for_all = self.type_ != bindings::pid_type_PIDTYPE_PID;
            let _shield = (verdict::default_action(self.sig) == Action::Terminate
                && (alone || for_all && self.is_blocked()))
            .then(|| Shield::raise(signal, self.sig));
            self.pass_on()
        }
    }

    /// It is queued if a tracer sees it first. Whoever takes it would not be asked whether it may stop an init.
    ///
    /// # Safety
    ///
    /// As for [`Sent::send`].
    unsafe fn send_stop_from_inside(&self) -> c_int {
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
    unsafe fn send_from_outside(&self, verdict: Verdict) -> c_int {
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

/// Whether somebody looks at the kernel's tracepoint for signals that are sent.
///
/// # Safety
///
/// The module must be loaded as a whole.
unsafe fn tracepoint_is_on() -> bool {
    #[cfg(CONFIG_TRACEPOINTS)]
    // SAFETY: The caller's promise: the tracepoint was found. Its key is a counter that is read at once.
    return unsafe {
        let key = &raw const (*SIGNAL_GENERATE.get()).key.key.enabled.counter;
        key.read_volatile() > 0
    };
    #[cfg(not(CONFIG_TRACEPOINTS))]
    false
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
