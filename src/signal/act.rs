// SPDX-License-Identifier: GPL-2.0

//! The default actions, where the kernel would not let them happen to an init.

use super::{
    set,
    verdict::{self, Action, SIGKILL},
};
use crate::{
    bindings::{self, kernel_siginfo, list_head, signal_struct, task_struct},
    hook::{kernel_fn, Loaded},
    observe,
};
use core::ptr;
use kernel::{container_of, ffi::c_ulong, prelude::*};

/// Does `f` with every thread of a process (`include/linux/sched/signal.h: __for_each_thread`).
///
/// # Safety
///
/// The process's `siglock` must be held.
pub(super) unsafe fn for_each_thread(
    signal: *mut signal_struct,
    mut f: impl FnMut(*mut task_struct),
) {
    // SAFETY: The lock keeps the list; every link but the head is that of a thread.
    unsafe {
        let head: *mut list_head = &raw mut (*signal).thread_head;
        let mut next = (*head).next;
        while !ptr::eq(next, head) {
            f(container_of!(next, task_struct, thread_node));
            next = (*next).next;
        }
    }
}

/// Whether one of these `JOBCTL_` bits of `t` is set.
///
/// # Safety
///
/// The `siglock` of `t` must be held.
pub(super) unsafe fn jobctl(t: *const task_struct, bits: u32) -> bool {
    // SAFETY: The caller's promise.
    unsafe { (*t).jobctl & bits as c_ulong != 0 }
}

/// Lets the default action of `sig`, which the current init is taking, begin as in any process. Gives the
/// signal with which `get_signal` has to go on.
///
/// May sleep; gives the `siglock` up meanwhile and takes it again.
///
/// # Safety
///
/// The current task must be in `get_signal`, with its `siglock` held, and `info` be that signal's.
pub(super) unsafe fn begin(sig: c_int, info: *mut kernel_siginfo) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let me = bindings::get_current();
        if is_ending((*me).signal) {
            return sig;
        }
        match verdict::default_action(sig) {
            Action::Terminate => {
                observe::signal::acted(me);
                // Not protected any more, and on its way out: `get_signal` sees to the rest.
                end_process((*me).signal, sig);
                sig
            }
            Action::Core => {
                observe::signal::acted(me);
                dump(sig, info);
                SIGKILL
            }
            Action::Stop => {
                stop(sig);
                // The protection drops the signal, and `get_signal` goes on with the stop.
                sig
            }
            Action::Nothing => sig,
        }
    }
}

/// Whether the current thread is on its way out whatever it takes: its process ends, or another thread's
/// `execve` ends all others.
///
/// # Safety
///
/// The process's `siglock` must be held.
unsafe fn is_ending(signal: *const signal_struct) -> bool {
    // SAFETY: The caller's promise.
    unsafe {
        (*signal).flags & bindings::SIGNAL_GROUP_EXIT != 0 || !(*signal).group_exec_task.is_null()
    }
}

/// Begins to end a process for `sig`, as `kernel/signal.c: complete_signal` does for a fatal signal.
///
/// # Safety
///
/// Its `siglock` must be held.
pub(super) unsafe fn end_process(signal: *mut signal_struct, sig: c_int) {
    // SAFETY: The caller's promise.
    unsafe {
        (*signal).flags = bindings::SIGNAL_GROUP_EXIT;
        (*signal).group_exit_code = sig;
        (*signal).group_stop_count = 0;
        for_each_thread(signal, |t| {
            kernel_fn::task_clear_jobctl_pending(t, bindings::JOBCTL_PENDING_MASK as c_ulong);
            set::add(&mut (*t).pending.signal, SIGKILL);
            wake(t, Wake::Die);
        });
    }
}

/// Dumps core and ends the process (`kernel/signal.c: get_signal`, from `fatal`).
///
/// `get_signal` must not be told of `sig` afterwards, or it would begin to dump again.
///
/// # Safety
///
/// As for [`begin`].
unsafe fn dump(sig: c_int, info: *mut kernel_siginfo) {
    // Whoever takes the dump decides how long that is. A module that is about to go takes none.
    let loaded = Loaded::get();
    // SAFETY: The caller's promise. While the task may sleep, it keeps the module.
    unsafe {
        let me = bindings::get_current();
        if loaded.is_some() {
            bindings::pidns_siglock_release();
            (*me).flags |= bindings::PF_SIGNALED;
            #[cfg(CONFIG_PROC_EVENTS)]
            kernel_fn::proc_coredump_connector(me);
            #[cfg(CONFIG_COREDUMP)]
            kernel_fn::vfs_coredump(info);
            bindings::pidns_siglock_take();
        }
        // A dump has ended the others already.
        let signal = (*me).signal;
        if !is_ending(signal) {
            end_process(signal, sig);
        }
    }
}

/// Begins a group stop (`kernel/signal.c: get_signal`, `do_signal_stop`), unless the process group is
/// orphaned or a SIGCONT came in between.
///
/// # Safety
///
/// As for [`begin`].
unsafe fn stop(sig: c_int) {
    // SAFETY: The caller's promise. Nothing here sleeps.
    unsafe {
        bindings::pidns_siglock_release();
        let orphaned = kernel_fn::is_current_pgrp_orphaned() != 0;
        bindings::pidns_siglock_take();
        let me = bindings::get_current();
        let signal = (*me).signal;
        if orphaned
            || is_ending(signal)
            || jobctl(me, bindings::JOBCTL_STOP_PENDING)
            || !jobctl(me, bindings::JOBCTL_STOP_DEQUEUED)
        {
            return;
        }
        observe::signal::acted(me);
        if (*signal).flags & bindings::SIGNAL_STOP_STOPPED == 0 {
            (*signal).group_exit_code = sig;
        }
        (*signal).group_stop_count = 0;
        let stop = bindings::JOBCTL_STOP_PENDING | bindings::JOBCTL_STOP_CONSUME | sig as u32;
        for_each_thread(signal, |t| {
            let stopped = !ptr::eq(t, me) && jobctl(t, bindings::JOBCTL_STOPPED);
            if stopped || !kernel_fn::task_set_jobctl_pending(t, stop as c_ulong) {
                return;
            }
            (*signal).group_stop_count += 1;
            if ptr::eq(t, me) {
                return;
            }
            if (*t).ptrace & bindings::PT_SEIZED == 0 {
                wake(t, Wake::Look);
            } else {
                kernel_fn::task_set_jobctl_pending(t, bindings::JOBCTL_TRAP_NOTIFY as c_ulong);
                let listening = jobctl(t, bindings::JOBCTL_LISTENING);
                wake(
                    t,
                    if listening {
                        Wake::TellTracer
                    } else {
                        Wake::Look
                    },
                );
            }
        });
    }
}

/// Why a thread is woken.
enum Wake {
    /// To look what there is for it.
    Look,
    /// Out of a stop, to show its tracer another one.
    TellTracer,
    /// Out of whatever it can be killed in.
    Die,
}

/// Wakes a thread (`include/linux/sched/signal.h: signal_wake_up`, `ptrace_signal_wake_up`).
///
/// # Safety
///
/// The `siglock` of `t` must be held.
unsafe fn wake(t: *mut task_struct, why: Wake) {
    // SAFETY: The caller's promise.
    unsafe {
        let state = match why {
            Wake::Die if !jobctl(t, bindings::JOBCTL_PTRACE_FROZEN) => {
                let stopped = bindings::JOBCTL_STOPPED | bindings::JOBCTL_TRACED;
                (*t).jobctl &= !(stopped as c_ulong);
                bindings::TASK_WAKEKILL | bindings::__TASK_TRACED
            }
            Wake::TellTracer => {
                (*t).jobctl &= !(bindings::JOBCTL_TRACED as c_ulong);
                bindings::__TASK_TRACED
            }
            Wake::Die | Wake::Look => 0,
        };
        kernel_fn::signal_wake_up_state(t, state);
    }
}
