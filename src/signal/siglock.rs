// SPDX-License-Identifier: GPL-2.0

//! A held `siglock` (`struct sighand_struct`), and what it protects.
//!
//! [`Siglocked`] and [`OwnSiglock`] are made where the kernel calls with the lock held, and are the only way to a
//! [`Thread`], a [`Process`] and a [`Queue`]: a reference to one of those says that the lock is held for as long as the
//! reference. What may take the lock away, or entries out of a queue, wants the only reference to the lock.
//!
//! What RCU protects stays as well.

use super::{
    info::Info,
    pending::{
        Entry,
        Queue, //
    },
    protected::{
        elements,
        Linked,
        ReadOnly, //
    },
};
use crate::{
    bindings::{
        self,
        kuid_t,
        list_head,
        pid_type,
        signal_struct,
        sigset_t,
        task_struct, //
    },
    chain::HasPid,
    edge::exports,
    object::{
        fields,
        Cred,
        FromC,
        IntoC,
        Object,
        Pid,
        PidNs,
        RcuReader,
        Task, //
    },
};
use core::{
    cell::Cell,
    mem::offset_of,
    ops::Deref, //
};
use kernel::{
    ffi::c_ulong,
    prelude::*,
    types::Opaque, //
};

/// A thread of a process whose `siglock` is held.
#[repr(transparent)]
pub(crate) struct Thread(Task);

// SAFETY: It is: a `Task` is, too.
unsafe impl Object for Thread {
    type C = task_struct;
}

// SAFETY: That is its link in the process.
unsafe impl Linked for Thread {
    const LINK: usize = offset_of!(task_struct, thread_node);
}

impl Deref for Thread {
    type Target = Task;

    #[inline(always)]
    fn deref(&self) -> &Task {
        &self.0
    }
}

fields! {
    Thread {
        /// Its process, of which the lock is.
        fixed process: &Process = signal;
        /// The handler that its process has for `sig`, which is from 1 to 64, or what stands for one.
        fixed handler(sig: c_int): bindings::__sighandler_t = *sighand, action[(sig - 1) as usize].sa.sa_handler;
        /// The same, where it stands.
        part handler_place(sig: c_int): &Cell<bindings::__sighandler_t> = *sighand, action[(sig - 1) as usize].sa.sa_handler;
        /// The `SA_` flags of `sig`.
        fixed action_flags(sig: c_int): c_ulong = *sighand, action[(sig - 1) as usize].sa.sa_flags;
        /// The signals that it blocks.
        part blocked: &Cell<sigset_t> = blocked;
        /// While it waits in `sigtimedwait`: those that it blocks otherwise.
        part real_blocked: &Cell<sigset_t> = real_blocked;
        /// What is pending for it alone.
        part pending: &Queue = pending;
        /// `JOBCTL_` bits.
        part jobctl: &Cell<c_ulong> = jobctl;
        /// What a tracer may ask for during a stop.
        part ptrace_message: &Cell<c_ulong> = ptrace_message;
    }
}

/// A process whose `siglock` is held.
#[repr(transparent)]
pub(crate) struct Process(Opaque<signal_struct>);

// SAFETY: It is.
unsafe impl Object for Process {
    type C = signal_struct;
}

fields! {
    Process {
        /// Its pid: it has one for as long as it has threads with this lock.
        fixed pid: &Pid = pids[bindings::pid_type_PIDTYPE_TGID as usize];
        /// `SIGNAL_` bits.
        part flags: &Cell<u32> = flags;
        /// What its parent is told.
        part group_exit_code: &Cell<c_int> = group_exit_code;
        /// How many threads have yet to stop.
        part group_stop_count: &Cell<c_int> = group_stop_count;
        /// The thread whose `execve` ends all others.
        fixed group_exec_task: *mut task_struct = group_exec_task;
        /// The thread that was chosen last to take a signal that the first choice did not want.
        fixed curr_target: &Thread = curr_target;
        /// What is pending for any of its threads.
        part pending: &Queue = shared_pending;
        /// The head of the list of threads.
        part thread_head: &ReadOnly<list_head> = thread_head;
    }
}

fields! {
    Task {
        /// Its `PT_` bits: 0 if nobody traces it. Written under `tasklist_lock`.
        once ptrace: u32 = ptrace;
    }
}

fields! {
    Cred {
        /// The user.
        fixed uid: kuid_t = uid;
    }
}

// SAFETY: With the lock held interrupts are off, for which every grace period waits. (With PREEMPT_RT they are not: see
// Kbuild.)
unsafe impl RcuReader for Thread {}

// SAFETY: A task loses its pid under this lock, and with it the lock.
unsafe impl HasPid for Thread {}

impl Thread {
    /// The queue of what is sent to it with this `type_`.
    #[inline]
    pub(super) fn queue(&self, type_: pid_type) -> &Queue {
        if type_ == bindings::pid_type_PIDTYPE_PID {
            self.pending()
        } else {
            self.process().pending()
        }
    }

    /// The namespace that it sees itself in.
    #[inline]
    pub(super) fn active_ns(&self) -> &PidNs {
        HasPid::active_ns(self)
    }

    /// Whether one of these `JOBCTL_` bits is set.
    #[inline]
    pub(super) fn has_jobctl(&self, bits: u32) -> bool {
        self.jobctl().get() & bits as c_ulong != 0
    }

    /// Takes these `JOBCTL_` bits away.
    pub(super) fn remove_jobctl(&self, bits: u32) {
        let jobctl = self.jobctl();
        jobctl.set(jobctl.get() & !bits as c_ulong);
    }
}

impl Process {
    /// Whether the kernel protects it from signals: as the first process of all, or as a namespace's init.
    #[inline]
    pub(super) fn is_unkillable(&self) -> bool {
        self.flags().get() & bindings::SIGNAL_UNKILLABLE != 0
    }

    /// Whether its threads are on their way out whatever they take: it ends, or one's `execve` ends all others.
    pub(super) fn is_ending(&self) -> bool {
        self.is_exiting() || !self.group_exec_task().is_null()
    }

    /// Whether a signal or an exit ends it.
    #[inline]
    pub(super) fn is_exiting(&self) -> bool {
        self.flags().get() & bindings::SIGNAL_GROUP_EXIT != 0
    }

    /// Its only thread, if there is one alone, but for those that exit and those that only work for the kernel.
    #[inline]
    pub(super) fn only_thread(&self) -> Option<&Thread> {
        let others = bindings::PF_EXITING | bindings::PF_USER_WORKER;
        let mut threads = self.threads().filter(|t| t.flags() & others == 0);
        threads.next().filter(|_| threads.next().is_none())
    }

    /// Its threads (`include/linux/sched/signal.h: __for_each_thread`).
    pub(super) fn threads(&self) -> impl Iterator<Item = &Thread> {
        // SAFETY: Threads come and go under the lock.
        unsafe { elements(self.thread_head(), |link| link.next) }
    }
}

/// The `siglock` of a thread's process, held.
pub(crate) struct Siglocked<'l>(&'l Thread);

impl<'l> Siglocked<'l> {
    /// The thread. Signals may be sent while it is looked at.
    #[inline(always)]
    pub(super) fn thread(&self) -> &'l Thread {
        self.0
    }

    /// The same for a while, to be given to somebody.
    #[inline(always)]
    pub(super) fn reborrow(&mut self) -> Siglocked<'_> {
        Siglocked(self.0)
    }

    /// The entries of a `queue` of the process or of the thread, first to last.
    pub(super) fn entries<'a>(&'a self, queue: &'a Queue) -> impl Iterator<Item = &'a Entry> {
        self.entries_by(queue, |link| link.next)
    }

    /// The same, last to first: one that was added just now is found at once, however many there are.
    pub(super) fn entries_backwards<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> impl Iterator<Item = &'a Entry> {
        self.entries_by(queue, |link| link.prev)
    }

    /// The same; `step` is from a link to the next one that is looked at.
    #[inline(always)]
    fn entries_by<'a>(
        &'a self,
        queue: &'a Queue,
        step: fn(&list_head) -> *mut list_head,
    ) -> impl Iterator<Item = &'a Entry> {
        // SAFETY: Entries go under the lock, which only a `&mut self` allows to anybody.
        unsafe { elements(queue.head(), step) }
    }
}

impl Task {
    /// Does `f` with the `siglock` of its process, which is not held yet. Never sleeps, if `f` does not.
    ///
    /// # Safety
    ///
    /// Something must keep the task from being reaped meanwhile: `tasklist_lock` does.
    pub(super) unsafe fn with_siglock<R>(&self, f: impl FnOnce(&Thread) -> R) -> R {
        // SAFETY: The caller's promise: what is not reaped has a `sighand`. A `Thread` is a task whose lock is held.
        unsafe {
            let siglock = &raw mut (*(*self.as_ptr()).sighand).siglock;
            let flags = bindings::pidns_spin_lock_irqsave(siglock);
            let result = f(Thread::from_ptr(self.as_ptr()));
            bindings::pidns_spin_unlock_irqrestore(siglock, flags);
            result
        }
    }
}

/// The `siglock` of the thread that is passed must be held for as long as this and all that comes of it is used, and nobody
/// else use another of the same lock meanwhile.
impl FromC for Siglocked<'_> {
    type C = *mut task_struct;

    #[inline(always)]
    unsafe fn from_c(t: *mut task_struct) -> Self {
        // SAFETY: The caller's promise.
        Self(unsafe { FromC::from_c(t) })
    }
}

impl Deref for Siglocked<'_> {
    type Target = Thread;

    #[inline(always)]
    fn deref(&self) -> &Thread {
        self.0
    }
}

impl IntoC for &mut Siglocked<'_> {
    type C = *mut task_struct;

    #[inline(always)]
    fn into_c(self) -> *mut task_struct {
        self.0.as_ptr()
    }
}

exports! {
    // Takes these `JOBCTL_` bits away.
    clear_jobctl_pending(t: &Thread, bits: c_ulong) = __SCT__pidns_task_clear_jobctl_pending;
    // Sets these `JOBCTL_` bits, and says so: not of a thread that dies already.
    set_jobctl_pending(t: &Thread, bits: c_ulong) -> bool = __SCT__pidns_task_set_jobctl_pending;
    // Tells a thread to look for signals: wakes it in an interruptible sleep, and in this state.
    wake_up_state(t: &Thread, state: u32) = __SCT__pidns_signal_wake_up_state;
    // Wakes a thread, whatever it waits for.
    wake_process(t: &Thread) -> c_int = wake_up_process;
    // Sends a signal, which may take others out of the queues.
    send(
        sig: c_int, info: Info<'_>, t: &mut Siglocked<'_>, type_: pid_type, force: bool
    ) -> c_int = __SCT__pidns___send_signal_locked;
}

/// The current task's own `siglock`, held by somebody who allows that it is given up for a while.
pub(super) struct OwnSiglock<'l>(Siglocked<'l>);

impl<'l> OwnSiglock<'l> {
    /// # Safety
    ///
    /// `me` must be the current task, and `get_signal` have taken the lock: that had interrupts on before, and allows
    /// that the lock is given up. What has come of `me` before may be used until then.
    #[inline(always)]
    pub(super) unsafe fn of_get_signal(me: Siglocked<'l>) -> Self {
        Self(me)
    }

    /// The current task. What is read of it does not outlast the lock.
    #[inline(always)]
    pub(super) fn me(&self) -> &Thread {
        self.0.thread()
    }

    /// As somebody else's, which stays held.
    #[inline(always)]
    pub(super) fn locked(&mut self) -> Siglocked<'_> {
        self.0.reborrow()
    }

    /// The same for a while, to be given to somebody.
    #[inline(always)]
    pub(super) fn reborrow(&mut self) -> OwnSiglock<'_> {
        OwnSiglock(self.0.reborrow())
    }

    /// Gives the lock up, does `f`, which may sleep, and takes it again.
    pub(super) fn released<R>(&mut self, f: impl FnOnce() -> R) -> R {
        // SAFETY: It is held, and given up until it is taken again: nothing that it protects is looked at meanwhile.
        unsafe {
            bindings::pidns_siglock_release();
            let result = f();
            bindings::pidns_siglock_take();
            result
        }
    }
}
