// SPDX-License-Identifier: GPL-2.0

//! The default actions, where the kernel would not let them happen to an init.

use super::{
    fall, report,
    siglock::{
        clear_jobctl_pending,
        set_jobctl_pending,
        wake_up_state,
        OwnSiglock,
        Process,
        Thread, //
    },
    sigset::Sigset,
    verdict::{
        self,
        Action,
        Sender,
        SIGKILL, //
    },
};
use crate::{
    bindings,
    imports::kernel_fn,
    module::Loaded,
    object::{
        setters,
        Siginfo, //
    },
    task::Current,
};
use core::ptr;
use kernel::prelude::*;

/// Lets the default action of `sig`, which the current init is taking in `get_signal`, begin as in any process.
/// Returns the signal with which `get_signal` has to go on. `info` is that signal's, which `sender` has sent.
///
/// May sleep; gives the `siglock` up meanwhile and takes it again.
pub(super) fn begin(siglock: OwnSiglock<'_>, sig: c_int, info: &Siginfo, sender: Sender) -> c_int {
    let process = siglock.me().process();
    if process.is_ending() {
        return sig;
    }
    match verdict::default_action(sig) {
        Action::Terminate => {
            report::acted(siglock.me(), sig, true);
            fall::begin(siglock.me().active_ns(), sig, sender);
            // Not protected any more, and on its way out: `get_signal` sees to the rest.
            end_process(process, sig);
            sig
        }
        Action::Core => {
            report::acted(siglock.me(), sig, true);
            fall::begin(siglock.me().active_ns(), sig, sender);
            dump(siglock, sig, info);
            SIGKILL
        }
        Action::Stop => {
            stop(siglock, sig);
            // The protection drops the signal, and `get_signal` goes on with the stop.
            sig
        }
        Action::Nothing => sig,
    }
}

/// Begins to end a process for `sig`, as `kernel/signal.c: complete_signal` does for a fatal signal.
pub(super) fn end_process(process: &Process, sig: c_int) {
    process.flags().set(bindings::SIGNAL_GROUP_EXIT);
    process.group_exit_code().set(sig);
    process.group_stop_count().set(0);
    for t in process.threads() {
        clear_jobctl_pending(t, bindings::JOBCTL_PENDING_MASK as c_ulong);
        t.pending().signals().add(SIGKILL);
        wake(t, Wake::Die);
    }
}

setters! {
    Current {
        // Only the task itself writes them.
        set_flags(u32) = flags;
    }
}

/// Dumps core and ends the process (`kernel/signal.c: get_signal`, from `fatal`).
///
/// `get_signal` must not be told of `sig` afterwards, or it would begin to dump again.
fn dump(mut siglock: OwnSiglock<'_>, sig: c_int, info: &Siginfo) {
    // Whoever takes the dump decides how long that is, and the module stays meanwhile. One that is about to go takes
    // none.
    let loaded = Loaded::get();
    if loaded.is_some() {
        siglock.released(|| {
            let me = Current::get();
            me.set_flags(me.flags() | bindings::PF_SIGNALED);
            #[cfg(CONFIG_PROC_EVENTS)]
            kernel_fn::proc_coredump_connector(&me);
            #[cfg(CONFIG_COREDUMP)]
            kernel_fn::vfs_coredump(info);
            #[cfg(not(CONFIG_COREDUMP))]
            let _ = info;
        });
    }
    // A dump has ended the others already, or another thread ends them by an `exit`, an `execve` or another signal.
    let process = siglock.me().process();
    if process.is_ending() {
        fall::check(siglock.me());
    } else {
        end_process(process, sig);
    }
}

/// Begins a group stop (`kernel/signal.c: get_signal`, `do_signal_stop`), unless the process group is
/// orphaned or a SIGCONT came in between. Never sleeps.
fn stop(mut siglock: OwnSiglock<'_>, sig: c_int) {
    let orphaned = siglock.released(|| kernel_fn::is_current_pgrp_orphaned() != 0);
    let me = siglock.me();
    let process = me.process();
    if orphaned
        || process.is_ending()
        || me.has_jobctl(bindings::JOBCTL_STOP_PENDING)
        || !me.has_jobctl(bindings::JOBCTL_STOP_DEQUEUED)
    {
        return;
    }
    report::acted(me, sig, true);
    if process.flags().get() & bindings::SIGNAL_STOP_STOPPED == 0 {
        process.group_exit_code().set(sig);
    }
    process.group_stop_count().set(0);
    let stop = bindings::JOBCTL_STOP_PENDING | bindings::JOBCTL_STOP_CONSUME | sig as u32;
    for t in process.threads() {
        let is_me = ptr::eq(t, me);
        let stopped = !is_me && t.has_jobctl(bindings::JOBCTL_STOPPED);
        if stopped || !set_jobctl_pending(t, stop as c_ulong) {
            continue;
        }
        let count = process.group_stop_count();
        count.set(count.get() + 1);
        if is_me {
            continue;
        }
        if t.ptrace() & bindings::PT_SEIZED == 0 {
            wake(t, Wake::Look);
        } else {
            set_jobctl_pending(t, bindings::JOBCTL_TRAP_NOTIFY as c_ulong);
            let listening = t.has_jobctl(bindings::JOBCTL_LISTENING);
            wake(
                t,
                if listening {
                    Wake::TellTracer
                } else {
                    Wake::Look
                },
            );
        }
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
fn wake(t: &Thread, why: Wake) {
    let state = match why {
        Wake::Die if !t.has_jobctl(bindings::JOBCTL_PTRACE_FROZEN) => {
            t.remove_jobctl(bindings::JOBCTL_STOPPED | bindings::JOBCTL_TRACED);
            bindings::TASK_WAKEKILL | bindings::__TASK_TRACED
        }
        Wake::TellTracer => {
            t.remove_jobctl(bindings::JOBCTL_TRACED);
            bindings::__TASK_TRACED
        }
        Wake::Die | Wake::Look => 0,
    };
    wake_up_state(t, state);
}
