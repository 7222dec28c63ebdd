// SPDX-License-Identifier: GPL-2.0

//! A process's `siglock` is held: the only way to what that protects.

use super::sigset;
use crate::{
    bindings::{
        self,
        sigset_t, //
    },
    imports::kernel_fn,
    object::{
        Object,
        Pid,
        PidNs,
        Task, //
    },
    task::Current,
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr, //
};
use kernel::{
    container_of,
    prelude::*, //
};

/// A thread of a process whose `siglock` is held.
///
/// # Invariants
///
/// The lock is held for as long as this is borrowed, and so the thread has its `sighand`, its `signal` and its pid.
pub(super) struct Siglocked<'a>(*mut bindings::task_struct, PhantomData<&'a Task>);

impl Siglocked<'_> {
    /// # Safety
    ///
    /// `t` must be a thread of a process whose `siglock` the caller holds for as long as this is used.
    #[inline(always)]
    pub(super) unsafe fn new(t: *mut bindings::task_struct) -> Self {
        // INVARIANT: The caller's promise.
        Self(t, PhantomData)
    }

    /// The same, for a function that is passed one by value.
    #[inline(always)]
    pub(super) fn reborrow(&self) -> Siglocked<'_> {
        // INVARIANT: `self` is borrowed meanwhile.
        Siglocked(self.0, PhantomData)
    }

    /// The namespace that the thread sees itself in.
    #[inline(always)]
    pub(super) fn active_ns(&self) -> &PidNs {
        // SAFETY: By the invariant it has its pid.
        unsafe { self.active_ns_unchecked() }
    }

    /// The pid by which its process is known.
    #[inline(always)]
    pub(super) fn tgid(&self) -> &Pid {
        // SAFETY: By the invariant it has its `signal`, and that its pids.
        unsafe { Pid::from_ptr((*(*self.0).signal).pids[bindings::pid_type_PIDTYPE_TGID as usize]) }
    }

    /// The namespace of users that it is in.
    #[inline(always)]
    pub(super) fn user_ns(&self) -> *mut bindings::user_namespace {
        // SAFETY: RCU keeps its credentials, and those keep their namespace: the `siglock` has
        // interrupts off, for which every grace period waits. (With PREEMPT_RT it has not: see Kbuild.)
        unsafe { (*(&raw const (*self.0).real_cred).read_volatile()).user_ns }
    }

    /// Whether one of these `JOBCTL_` bits is set.
    #[inline(always)]
    pub(super) fn has_jobctl(&self, bits: u32) -> bool {
        self.jobctl() & bits as c_ulong != 0
    }

    /// Whether its process has but one thread.
    #[inline(always)]
    pub(super) fn is_alone(&self) -> bool {
        // SAFETY: By the invariant; the lock protects the list.
        unsafe {
            let head = &raw const (*(*self.0).signal).thread_head;
            ptr::eq((*head).next, (*head).prev)
        }
    }

    /// The threads of its process (`include/linux/sched/signal.h: __for_each_thread`).
    #[inline]
    pub(super) fn threads(&self) -> impl Iterator<Item = Siglocked<'_>> {
        // SAFETY: By the invariant; the lock protects the list, each link of which but the head is that of a thread.
        unsafe {
            let head = &raw const (*(*self.0).signal).thread_head;
            let mut link = (*head).next;
            core::iter::from_fn(move || {
                if ptr::eq(link, head) {
                    return None;
                }
                let thread = container_of!(link, bindings::task_struct, thread_node);
                link = (*link).next;
                // INVARIANT: They have one `siglock`.
                Some(Siglocked(thread, PhantomData))
            })
        }
    }

    /// Whether an `execve` of one of its threads ends all others.
    #[inline(always)]
    pub(super) fn has_exec(&self) -> bool {
        // SAFETY: By the invariant.
        unsafe { !(*(*self.0).signal).group_exec_task.is_null() }
    }

    /// What its process does about `sig`, which is from 1 to 64.
    #[inline(always)]
    pub(super) fn action(&self, sig: c_int) -> bindings::sigaction {
        // SAFETY: By the invariant; there is an action for each signal.
        unsafe { (*(*self.0).sighand).action[(sig - 1) as usize].sa }
    }

    /// Whether this is the set of signals that it blocks, and no other one's address.
    #[inline(always)]
    pub(super) fn is_blocked_set(&self, mask: *const sigset_t) -> bool {
        // SAFETY: The address of a part of what is valid.
        ptr::eq(mask, unsafe { &raw const (*self.0).blocked })
    }

    /// Whether its process blocks `sig` in this thread.
    #[inline(always)]
    pub(super) fn blocks(&self, sig: c_int) -> bool {
        sigset::has(&self.blocked(), sig)
    }

    /// Whether it waits for `sig` in `sigtimedwait`, or behaves as if it did.
    #[inline(always)]
    pub(super) fn really_blocks(&self, sig: c_int) -> bool {
        sigset::has(&self.real_blocked(), sig)
    }

    /// Has it behave so.
    #[inline(always)]
    pub(super) fn really_block(&self, sig: c_int) {
        let mut set = self.real_blocked();
        sigset::add(&mut set, sig);
        self.set_real_blocked(set);
    }

    /// Has it not behave so.
    #[inline(always)]
    pub(super) fn really_unblock(&self, sig: c_int) {
        let mut set = self.real_blocked();
        sigset::remove(&mut set, sig);
        self.set_real_blocked(set);
    }

    /// Makes one of its own signals pending, without a word about it.
    #[inline(always)]
    pub(super) fn add_pending(&self, sig: c_int) {
        let mut set = self.pending();
        sigset::add(&mut set, sig);
        self.set_pending(set);
    }

    /// `kernel/signal.c: task_clear_jobctl_pending`.
    pub(super) fn clear_jobctl_pending(&self, bits: u32) {
        // SAFETY: By the invariant.
        unsafe { kernel_fn::task_clear_jobctl_pending(self.0, bits as c_ulong) };
    }

    /// `kernel/signal.c: task_set_jobctl_pending`: false for one that is on its way out.
    pub(super) fn set_jobctl_pending(&self, bits: u32) -> bool {
        // SAFETY: By the invariant.
        unsafe { kernel_fn::task_set_jobctl_pending(self.0, bits as c_ulong) }
    }

    /// `kernel/signal.c: signal_wake_up_state`.
    pub(super) fn wake_up(&self, state: u32) {
        // SAFETY: By the invariant.
        unsafe { kernel_fn::signal_wake_up_state(self.0, state) };
    }
}

impl Deref for Siglocked<'_> {
    type Target = Task;

    #[inline(always)]
    fn deref(&self) -> &Task {
        // SAFETY: By the invariant.
        unsafe { Task::from_ptr(self.0) }
    }
}

/// What the lock protects, word by word, of the thread `t`.
macro_rules! protected {
    ($($(#[$meta:meta])* $get:ident, $set:ident: $type:ty = |$t:ident| $place:expr;)*) => {
        #[allow(dead_code, reason = "some are only read")]
        impl Siglocked<'_> {$(
            $(#[$meta])*
            #[inline(always)]
            pub(super) fn $get(&self) -> $type {
                let $t = self.0;
                // SAFETY: By the invariant.
                unsafe { $place }
            }

            /// Writes the same.
            #[inline(always)]
            pub(super) fn $set(&self, value: $type) {
                let $t = self.0;
                // SAFETY: By the invariant, and nobody else reads or writes it meanwhile but at once.
                unsafe { $place = value };
            }
        )*}
    };
}

protected! {
    /// The `SIGNAL_` flags of its process.
    signal_flags, set_signal_flags: u32 = |t| (*(*t).signal).flags;
    /// With what the process ends or stops.
    group_exit_code, set_group_exit_code: c_int = |t| (*(*t).signal).group_exit_code;
    /// How many threads have yet to stop.
    group_stop_count, set_group_stop_count: c_int = |t| (*(*t).signal).group_stop_count;
    /// Its `JOBCTL_` bits.
    jobctl, set_jobctl: c_ulong = |t| (*t).jobctl;
    /// Its `PT_` flags: 0 if nobody traces it.
    ptrace, set_ptrace: u32 = |t| (*t).ptrace;
    /// The signals that it blocks.
    blocked, set_blocked: sigset_t = |t| (*t).blocked;
    /// The signals that it blocks but for `sigtimedwait`.
    real_blocked, set_real_blocked: sigset_t = |t| (*t).real_blocked;
    /// Its own pending signals, not those of its process.
    pending, set_pending: sigset_t = |t| (*t).pending.signal;
    /// In a stop for its tracer, what that may ask for; 0 otherwise.
    ptrace_message, set_ptrace_message: c_ulong = |t| (*t).ptrace_message;
}

/// The current task, whose process's `siglock` is held.
pub(super) struct Own<'a>(Siglocked<'a>);

impl Own<'_> {
    /// # Safety
    ///
    /// The current task must hold its `siglock` for as long as this is used.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        // SAFETY: The caller's promise.
        Self(unsafe { Siglocked::new(Current::get().as_ptr()) })
    }

    /// Gives the lock up, and takes it again after `f`, which may sleep.
    pub(super) fn released<R>(&mut self, f: impl FnOnce() -> R) -> R {
        // SAFETY: It is held, and whatever was borrowed of it is not any more.
        unsafe { bindings::pidns_siglock_release() };
        let result = f();
        // SAFETY: The current task has its `sighand`.
        unsafe { bindings::pidns_siglock_take() };
        result
    }
}

impl<'a> Deref for Own<'a> {
    type Target = Siglocked<'a>;

    #[inline(always)]
    fn deref(&self) -> &Siglocked<'a> {
        &self.0
    }
}
