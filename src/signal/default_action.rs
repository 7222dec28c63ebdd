// SPDX-License-Identifier: GPL-2.0

//! The default actions, where the kernel would not let them happen to an init.

use super::{
    report,
    siginfo::Info,
    siglock::{
        Own,
        Siglocked, //
    },
    verdict::{
        self,
        Action,
        SIGKILL, //
    },
};
use crate::{
    bindings,
    imports::kernel_fn,
    module::Loaded,
    object::Object, //
};
use kernel::prelude::*;

/// Lets the default action of `sig`, which the current init `me` is taking with `info`, begin as in any process. Returns
/// the signal with which `get_signal` has to go on.
///
/// May sleep; gives the `siglock` up meanwhile and takes it again.
pub(super) fn begin(me: &mut Own<'_>, sig: c_int, info: Info) -> c_int {
    if me.is_ending() {
        return sig;
    }
    match verdict::default_action(sig) {
        Action::Terminate => {
            report::acted(me);
            // Not protected any more, and on its way out: `get_signal` sees to the rest.
            end_process(me, sig);
            sig
        }
        Action::Core => {
            report::acted(me);
            dump(me, sig, info);
            SIGKILL
        }
        Action::Stop => {
            stop(me, sig);
            // The protection drops the signal, and `get_signal` goes on with the stop.
            sig
        }
        Action::Nothing => sig,
    }
}

/// Begins to end the process of `t` for `sig`, as `kernel/signal.c: complete_signal` does for a fatal signal.
pub(super) fn end_process(t: &Siglocked<'_>, sig: c_int) {
    t.set_signal_flags(bindings::SIGNAL_GROUP_EXIT);
    t.set_group_exit_code(sig);
    t.set_group_stop_count(0);
    for thread in t.threads() {
        thread.clear_jobctl_pending(bindings::JOBCTL_PENDING_MASK);
        thread.add_pending(SIGKILL);
        wake(&thread, Wake::Die);
    }
}

/// Dumps core and ends the process (`kernel/signal.c: get_signal`, from `fatal`).
///
/// `get_signal` must not be told of `sig` afterwards, or it would begin to dump again.
fn dump(me: &mut Own<'_>, sig: c_int, info: Info) {
    // Whoever takes the dump decides how long that is, and while the task may sleep, it keeps the module. One that is
    // about to go takes none.
    let loaded = Loaded::get();
    if loaded.is_some() {
        let task = me.as_ptr();
        // SAFETY: The current task, which takes a signal with `info`, does what `get_signal` does.
        me.released(|| unsafe {
            (*task).flags |= bindings::PF_SIGNALED;
            #[cfg(CONFIG_PROC_EVENTS)]
            kernel_fn::proc_coredump_connector(task);
            #[cfg(CONFIG_COREDUMP)]
            kernel_fn::vfs_coredump(info.as_ptr());
        });
    }
    // A dump has ended the others already.
    if !me.is_ending() {
        end_process(me, sig);
    }
}

/// Begins a group stop (`kernel/signal.c: get_signal`, `do_signal_stop`), unless the process group is
/// orphaned or a SIGCONT came in between.
fn stop(me: &mut Own<'_>, sig: c_int) {
    let orphaned = me.released(kernel_fn::is_current_pgrp_orphaned) != 0;
    if orphaned
        || me.is_ending()
        || me.has_jobctl(bindings::JOBCTL_STOP_PENDING)
        || !me.has_jobctl(bindings::JOBCTL_STOP_DEQUEUED)
    {
        return;
    }
    report::acted(me);
    if me.signal_flags() & bindings::SIGNAL_STOP_STOPPED == 0 {
        me.set_group_exit_code(sig);
    }
    me.set_group_stop_count(0);
    let stop = bindings::JOBCTL_STOP_PENDING | bindings::JOBCTL_STOP_CONSUME | sig as u32;
    for thread in me.threads() {
        let is_me = thread.is(me);
        let stopped = !is_me && thread.has_jobctl(bindings::JOBCTL_STOPPED);
        if stopped || !thread.set_jobctl_pending(stop) {
            continue;
        }
        me.set_group_stop_count(me.group_stop_count() + 1);
        if is_me {
            continue;
        }
        if thread.ptrace() & bindings::PT_SEIZED == 0 {
            wake(&thread, Wake::Look);
        } else {
            thread.set_jobctl_pending(bindings::JOBCTL_TRAP_NOTIFY);
            let listening = thread.has_jobctl(bindings::JOBCTL_LISTENING);
            wake(
                &thread,
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
fn wake(t: &Siglocked<'_>, why: Wake) {
    let clear = |bits: u32| t.set_jobctl(t.jobctl() & !(bits as c_ulong));
    let state = match why {
        Wake::Die if !t.has_jobctl(bindings::JOBCTL_PTRACE_FROZEN) => {
            clear(bindings::JOBCTL_STOPPED | bindings::JOBCTL_TRACED);
            bindings::TASK_WAKEKILL | bindings::__TASK_TRACED
        }
        Wake::TellTracer => {
            clear(bindings::JOBCTL_TRACED);
            bindings::__TASK_TRACED
        }
        Wake::Die | Wake::Look => 0,
    };
    t.wake_up(state);
}
