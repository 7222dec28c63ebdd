// SPDX-License-Identifier: GPL-2.0

//! A traced init: its tracer sees each signal first, and says which it is to take.

use super::{
    sender::is_task_outside,
    siginfo::Info,
    siglock::Own,
    take::take,
    to_init::Sent,
    two_sided,
    verdict::Sender, //
};
use crate::{
    bindings::{
        self,
        kernel_siginfo,
        pid_type, //
    },
    imports::{
        kernel_fn,
        original, //
    },
    module::Loaded,
    object::{
        Object,
        Task,
        UserNs, //
    },
    task::Current,
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// In `task_struct.ptrace_message`, which is 0 but during a stop: `dequeue_signal` has just taken a signal that
/// `ptrace_stop` is about to show to the tracer, under one hold of the `siglock`.
const HANDED_OVER: c_ulong = 0x7069_646e_7300_0000;
/// The signal came from outside.
const OUTSIDE: c_ulong = 1;
/// It came from inside. If neither is set, it does not matter.
const INSIDE: c_ulong = 2;
/// It was the process's, not the thread's.
const SHARED: c_ulong = 4;

/// Tells [`ptrace_stop`] about the signal that the current init `me` has dequeued, and leaves it a reference to the
/// module: it stays there for as long as the tracer likes. If the module goes, nobody is told, and the stop is
/// the kernel's alone.
///
/// The `siglock` is held until `ptrace_stop` is called.
pub(super) fn hand_over(me: &Own<'_>, sender: Option<Sender>, type_: pid_type) {
    let Some(loaded) = Loaded::get() else {
        return;
    };
    loaded.into_raw();
    let mut message = HANDED_OVER;
    message |= match sender {
        Some(Sender::Ancestor) => OUTSIDE,
        Some(Sender::Inside) => INSIDE,
        _ => 0,
    };
    if type_ != bindings::pid_type_PIDTYPE_PID {
        message |= SHARED;
    }
    me.set_ptrace_message(message);
}

/// Whether the current task is an init that shows a signal to its tracer.
pub(crate) fn is_handed_over() -> bool {
    // SAFETY: The current task's own word.
    let message = unsafe { (*Current::get().as_ptr()).ptrace_message };
    message & !(OUTSIDE | INSIDE | SHARED) == HANDED_OVER
}

/// Wraps `kernel/signal.c: ptrace_stop` when an init shows a signal to its tracer: a signal that the tracer
/// lets pass acts by where it came from, and another one by where the tracer stands.
///
/// Sleeps for as long as the tracer likes, and keeps the module meanwhile.
///
/// # Safety
///
/// The kernel's: the current task's `siglock` is held, and [`is_handed_over`].
pub(crate) unsafe extern "C" fn ptrace_stop(
    exit_code: c_int,
    why: c_int,
    message: c_ulong,
    info: *mut kernel_siginfo,
) -> c_int {
    // SAFETY: Left by `hand_over`, and told of once. The lock is held.
    let (_loaded, me) = unsafe { (Loaded::from_raw(), Own::new()) };
    let handed = me.ptrace_message();
    me.set_ptrace_message(0);
    let tracer_outside = is_tracer_outside(&me);

    // SAFETY: The caller's promise. The original gives the lock up and takes it again.
    let (sig, mut me) = unsafe {
        let sig = original::ptrace_stop(exit_code, why, message, info);
        (sig, Own::new())
    };
    if sig == 0 || info.is_null() || !me.is_unkillable() {
        return sig;
    }
    // SAFETY: The caller's promise: it is the current task's own.
    let info = unsafe { Info::new(info) };
    let injected = sig != exit_code;
    let sender = match (two_sided::is_on(), injected) {
        (false, _) => None,
        (true, true) if tracer_outside => Some(Sender::Ancestor),
        (true, true) => Some(Sender::Inside),
        (true, false) if handed & OUTSIDE != 0 => Some(Sender::Ancestor),
        (true, false) if handed & INSIDE != 0 => Some(Sender::Inside),
        (true, false) => None,
    };
    if sender == Some(Sender::Ancestor) && info.words().is_some_and(|(signo, _)| signo != sig) {
        // The tracer is outside, and has no number here.
        info.rewrite(sig, tracer_uid(&me));
    }
    // What is blocked, or comes after a fatal signal, the kernel sends again, as the init's own.
    if !me.blocks(sig) && !kernel_fn::fatal_signal_pending(&me) {
        let sig = take(&mut me, sig, info, sender);
        // An end that has begun `get_signal` sees by itself; a signal the kernel would send again.
        let ends = kernel_fn::fatal_signal_pending(&me);
        return if ends { 0 } else { sig };
    }
    if sender != Some(Sender::Ancestor) {
        return sig;
    }
    let type_ = if handed & SHARED != 0 {
        bindings::pid_type_PIDTYPE_TGID
    } else {
        bindings::pid_type_PIDTYPE_PID
    };
    Sent::queue_again(&me, sig, info, type_);
    0
}

/// Whether the tracer of `me` has no number in its namespace.
fn is_tracer_outside(me: &Own<'_>) -> bool {
    // RCU keeps the tracer while it is asked where it stands.
    let rcu = rcu::read_lock();
    // SAFETY: Who attaches becomes the parent without the `siglock`, and has done so when this is set.
    unsafe {
        let attached = !(&raw const (*me.as_ptr()).ptracer_cred)
            .read_volatile()
            .is_null();
        attached && is_task_outside(Task::from_ptr(me.parent()), me.active_ns(), &rcu)
    }
}

/// The user of the tracer of `me`, as that sees it, as the kernel would say that the tracer sent a signal
/// (`kernel/signal.c: ptrace_signal`).
fn tracer_uid(me: &Own<'_>) -> u32 {
    let _rcu = rcu::read_lock();
    // SAFETY: RCU keeps the tracer, and its credentials.
    unsafe {
        let uid = (*(*me.parent()).real_cred).uid;
        let user_ns = UserNs::from_ptr((*(*me.as_ptr()).cred).user_ns);
        kernel_fn::from_kuid_munged(user_ns, uid)
    }
}
