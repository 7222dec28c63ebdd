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
        protected,
        Linked,
        Protected,
        ReadOnly, //
    },
};
use crate::{
    bindings::{
        self,
        kuid_t,
        list_head,
        pid,
        pid_type,
        signal_struct,
        sigset_t,
        task_struct, //
    },
    hook::exports,
    object::{
        fields,
        Cred,
        IntoC,
        Object,
        Pid,
        PidNs,
        RcuReader,
        Task, //
    },
    task::Current,
};
use core::{
    cell::Cell,
    mem::offset_of,
    ops::Deref,
    ptr, //
};
use kernel::{
    ffi::c_ulong,
    prelude::*,
    types::Opaque, //
};

/// A thread of a process whose `siglock` is held.
#[repr(transparent)]
pub(super) struct Thread(Task);

// SAFETY: It is: a `Task` is, too.
unsafe impl Protected for Thread {
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

protected! {
    Thread {
        /// The signals that it blocks.
        pub(super) blocked: Cell<sigset_t> = blocked;
        /// While it waits in `sigtimedwait`: those that it blocks otherwise.
        pub(super) real_blocked: Cell<sigset_t> = real_blocked;
        /// What is pending for it alone.
        pub(super) pending: Queue = pending;
        /// `JOBCTL_` bits.
        pub(super) jobctl: Cell<c_ulong> = jobctl;
        /// What a tracer may ask for during a stop.
        pub(super) ptrace_message: Cell<c_ulong> = ptrace_message;
    }
}

/// A process whose `siglock` is held.
#[repr(transparent)]
pub(super) struct Process(Opaque<signal_struct>);

// SAFETY: It is.
unsafe impl Protected for Process {
    type C = signal_struct;
}

protected! {
    Process {
        /// `SIGNAL_` bits.
        pub(super) flags: Cell<u32> = flags;
        /// What its parent is told.
        pub(super) group_exit_code: Cell<c_int> = group_exit_code;
        /// How many threads have yet to stop.
        pub(super) group_stop_count: Cell<c_int> = group_stop_count;
        /// The thread whose `execve` ends all others.
        pub(super) group_exec_task: ReadOnly<*mut task_struct> = group_exec_task;
        /// What is pending for any of its threads.
        pub(super) pending: Queue = shared_pending;
        /// Its own pid, its group's and its session's.
        pub(super) pids: ReadOnly<[*mut pid; bindings::pid_type_PIDTYPE_MAX as usize]> = pids;
        /// The head of the list of threads.
        pub(super) thread_head: ReadOnly<list_head> = thread_head;
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

impl Thread {
    /// Its process.
    #[inline(always)]
    pub(super) fn process(&self) -> &Process {
        // SAFETY: Every task has one; the lock is the process's.
        unsafe { Process::at((*self.address()).signal) }
    }

    /// What its process does about `sig`, which is from 1 to 64.
    #[inline(always)]
    pub(super) fn handler(&self, sig: c_int) -> bindings::__sighandler_t {
        // SAFETY: The lock is in its `sighand`.
        unsafe {
            (*(*self.address()).sighand).action[(sig - 1) as usize]
                .sa
                .sa_handler
        }
    }

    /// The `SA_` flags of `sig`.
    #[inline(always)]
    pub(super) fn action_flags(&self, sig: c_int) -> c_ulong {
        // SAFETY: As above.
        unsafe {
            (*(*self.address()).sighand).action[(sig - 1) as usize]
                .sa
                .sa_flags
        }
    }

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
        // SAFETY: A task loses its pid under this lock, and with it the lock.
        unsafe { self.active_ns_unchecked() }
    }

    /// As whom the current task `me` acts.
    #[inline]
    pub(super) fn cred_of_current(&self, me: &Current) -> &Cred {
        // SAFETY: Only the task itself changes them, and RCU keeps them then.
        unsafe { Cred::from_ptr((*me.as_ptr()).cred) }
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
    /// Its pid.
    #[inline]
    pub(super) fn pid(&self) -> &Pid {
        // SAFETY: It has one for as long as it has threads with this lock.
        unsafe { Pid::from_ptr(self.pids().get()[bindings::pid_type_PIDTYPE_TGID as usize]) }
    }

    /// Whether the kernel protects it from signals: as the first process of all, or as a namespace's init.
    #[inline]
    pub(super) fn is_unkillable(&self) -> bool {
        self.flags().get() & bindings::SIGNAL_UNKILLABLE != 0
    }

    /// Whether its threads are on their way out whatever they take: it ends, or one's `execve` ends all others.
    pub(super) fn is_ending(&self) -> bool {
        self.is_exiting() || !self.group_exec_task().get().is_null()
    }

    /// Whether a signal or an exit ends it.
    #[inline]
    pub(super) fn is_exiting(&self) -> bool {
        self.flags().get() & bindings::SIGNAL_GROUP_EXIT != 0
    }

    /// Whether it has one thread.
    #[inline]
    pub(super) fn is_alone(&self) -> bool {
        let head = self.thread_head().get();
        ptr::eq(head.next, head.prev)
    }

    /// Its threads (`include/linux/sched/signal.h: __for_each_thread`).
    pub(super) fn threads(&self) -> impl Iterator<Item = &Thread> {
        // SAFETY: Threads come and go under the lock.
        unsafe { elements(self.thread_head(), |link| link.next) }
    }
}

/// The `siglock` of a thread's process, held.
pub(super) struct Siglocked<'l>(&'l Thread);

impl<'l> Siglocked<'l> {
    /// # Safety
    ///
    /// The `siglock` of `t` must be held for as long as this and all that comes of it is used, and nobody else may
    /// use another of the same lock meanwhile.
    #[inline(always)]
    pub(super) unsafe fn assume(t: *const task_struct) -> Self {
        // SAFETY: The caller's promise.
        Self(unsafe { Thread::at(t) })
    }

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

impl Deref for Siglocked<'_> {
    type Target = Thread;

    #[inline(always)]
    fn deref(&self) -> &Thread {
        self.0
    }
}

impl IntoC for &Thread {
    type C = *mut task_struct;

    #[inline(always)]
    fn into_c(self) -> *mut task_struct {
        self.address()
    }
}

impl IntoC for &mut Siglocked<'_> {
    type C = *mut task_struct;

    #[inline(always)]
    fn into_c(self) -> *mut task_struct {
        self.0.address()
    }
}

exports! {
    // Takes these `JOBCTL_` bits away.
    clear_jobctl_pending(t: &Thread, bits: c_ulong) = __SCT__pidns_task_clear_jobctl_pending;
    // Sets these `JOBCTL_` bits, and says so: not of a thread that dies already.
    set_jobctl_pending(t: &Thread, bits: c_ulong) -> bool = __SCT__pidns_task_set_jobctl_pending;
    // Tells a thread to look for signals: wakes it in an interruptible sleep, and in this state.
    wake_up_state(t: &Thread, state: u32) = __SCT__pidns_signal_wake_up_state;
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
        // SAFETY: It is held, and nothing that it protects is looked at meanwhile.
        unsafe { bindings::pidns_siglock_release() };
        let result = f();
        // SAFETY: It was given up above.
        unsafe { bindings::pidns_siglock_take() };
        result
    }
}
