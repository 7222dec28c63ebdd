// SPDX-License-Identifier: GPL-2.0

//! A traced init: its tracer sees each signal first, and says which it is to take.

use super::{init::Sent, is_outside, is_unkillable, mode, set, take::take, verdict::Sender};
use crate::{
    bindings::{self, kernel_siginfo, pid_type},
    hook::{original, Loaded},
    pid::active_ns,
};
use kernel::{ffi::c_ulong, prelude::*};

/// In `task_struct.ptrace_message`, which is 0 but during a stop: `dequeue_signal` has just taken a signal that
/// `ptrace_stop` is about to show to the tracer, under one hold of the `siglock`.
const HANDED_OVER: c_ulong = 0x7069_646e_7300_0000;
/// The signal came from outside.
const OUTSIDE: c_ulong = 1;
/// It came from inside. If neither is set, it does not matter.
const INSIDE: c_ulong = 2;
/// It was the process's, not the thread's.
const SHARED: c_ulong = 4;

/// Tells [`ptrace_stop`] about the signal that the current init has dequeued, and leaves it a reference to the
/// module: it stays there for as long as the tracer likes. If the module goes, nobody is told, and the stop is
/// the kernel's alone.
///
/// # Safety
///
/// The `siglock` must be held until `ptrace_stop` is called.
pub(super) unsafe fn hand_over(sender: Option<Sender>, type_: pid_type) {
    let Some(loaded) = Loaded::get() else {
        return;
    };
    loaded.leave();
    let mut message = HANDED_OVER;
    message |= match sender {
        Some(Sender::Ancestor) => OUTSIDE,
        Some(Sender::Inside) => INSIDE,
        _ => 0,
    };
    if type_ != bindings::pid_type_PIDTYPE_PID {
        message |= SHARED;
    }
    // SAFETY: Only the task itself writes it, under the lock.
    unsafe { (*bindings::get_current()).ptrace_message = message };
}

/// Whether the current task is an init that shows a signal to its tracer.
pub(crate) fn is_handed_over() -> bool {
    // SAFETY: The current task's own word.
    let message = unsafe { (*bindings::get_current()).ptrace_message };
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
    // SAFETY: Left by `hand_over`, and told of once.
    let _loaded = unsafe { Loaded::adopt() };
    // SAFETY: The caller's promise. RCU keeps the tracer while it is asked where it stands; the original
    // gives the lock up and takes it again.
    unsafe {
        let me = bindings::get_current();
        let ns = active_ns(me);
        let handed = (*me).ptrace_message;
        (*me).ptrace_message = 0;
        bindings::rcu_read_lock();
        // Who attaches becomes the parent without the `siglock`, and has done so when this is set.
        let attached = !(&raw const (*me).ptracer_cred).read_volatile().is_null();
        let tracer_outside = attached && is_outside((*me).parent, ns);
        bindings::rcu_read_unlock();

        let sig = original::ptrace_stop(exit_code, why, message, info);
        if sig == 0 || info.is_null() || !is_unkillable(me) {
            return sig;
        }
        let injected = sig != exit_code;
        let sender = match (mode::two_sided(), injected) {
            (false, _) => None,
            (true, true) if tracer_outside => Some(Sender::Ancestor),
            (true, true) => Some(Sender::Inside),
            (true, false) if handed & OUTSIDE != 0 => Some(Sender::Ancestor),
            (true, false) if handed & INSIDE != 0 => Some(Sender::Inside),
            (true, false) => None,
        };
        if sender == Some(Sender::Ancestor) && sig != (*info).__bindgen_anon_1.si_signo {
            name_tracer(info, sig);
        }
        // What is blocked, or comes after a fatal signal, the kernel sends again, as the init's own.
        if !set::has(&(*me).blocked, sig) && !bindings::pidns_fatal_signal_pending(me) {
            let sig = take(me, sig, info, sender);
            // An end that has begun `get_signal` sees by itself; a signal the kernel would send again.
            let ends = bindings::pidns_fatal_signal_pending(me);
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
        Sent::queue_again(sig, info, type_);
        0
    }
}

/// Makes `info` say what the kernel would: that the tracer sent `sig` (`kernel/signal.c: ptrace_signal`). The
/// tracer is outside, and has no number here.
///
/// # Safety
///
/// The current task's `siglock` must be held, and `info` be its own.
unsafe fn name_tracer(info: *mut kernel_siginfo, sig: c_int) {
    // SAFETY: The caller's promise; zero is a `siginfo`. RCU keeps the tracer's credentials.
    unsafe {
        info.write_bytes(0, 1);
        let told = &mut (*info).__bindgen_anon_1;
        told.si_signo = sig;
        told.si_code = bindings::SI_USER as c_int;
        bindings::rcu_read_lock();
        let me = bindings::get_current();
        let tracer = (*(*(*me).parent).real_cred).uid;
        told._sifields._kill._uid = bindings::from_kuid_munged((*(*me).cred).user_ns, tracer);
        bindings::rcu_read_unlock();
    }
}
