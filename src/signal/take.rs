// SPDX-License-Identifier: GPL-2.0

//! The other side: an init takes a signal.

use super::{
    act,
    init::disposition,
    is_init, mode, queue, trace,
    verdict::{Disposition, SIGKILL, SIGSTOP},
};
use crate::{
    bindings::{self, kernel_siginfo, pid_type, sigset_t, task_struct},
    hook::original,
    observe,
    pid::active_ns,
};
use core::ptr;
use kernel::{ffi::c_ulong, prelude::*};

/// Wraps `kernel/signal.c: dequeue_signal`: what an init takes from outside, and has said nothing about, acts
/// as on any process.
///
/// Sleeps only while it dumps core. Gives the `siglock` up while something acts, which those who call
/// for `get_signal` allow.
///
/// # Safety
///
/// The kernel's: the current task's `siglock` is held.
pub(crate) unsafe extern "C" fn dequeue_signal(
    mask: *mut sigset_t,
    info: *mut kernel_siginfo,
    type_: *mut pid_type,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let me = bindings::get_current();
        // `sigtimedwait` and `signalfd` bring a mask of their own: they take, and nothing acts.
        if !is_init(me, active_ns(me)) || !ptr::eq(mask, &raw const (*me).blocked) {
            return original::dequeue_signal(mask, info, type_);
        }
        let before = if mode::two_sided() {
            queue::from_outside(me)
        } else {
            0
        };
        let sig = original::dequeue_signal(mask, info, type_);
        if sig == 0 {
            return 0;
        }
        let outside = before != 0 && queue::from_outside(me) != before;
        let immutable = (*(*me).sighand).action[(sig - 1) as usize].sa.sa_flags
            & bindings::SA_IMMUTABLE as c_ulong
            != 0;
        if (*me).ptrace != 0 && sig != SIGKILL && !immutable {
            trace::hand_over(outside, *type_);
            return sig;
        }
        take(me, sig, info, outside)
    }
}

/// The current init takes `sig` to act on it. Gives the signal with which `get_signal` has to go on.
///
/// # Safety
///
/// As for [`act::begin`].
pub(super) unsafe fn take(
    me: *mut task_struct,
    sig: c_int,
    info: *mut kernel_siginfo,
    outside: bool,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let disposition = disposition(me, sig);
        observe::signal::taken(me, sig, outside, disposition);
        // `get_signal` lets SIGKILL and SIGSTOP pass: nobody inside can have sent them.
        if outside && disposition == Disposition::Default && !matches!(sig, SIGKILL | SIGSTOP) {
            act::begin(sig, info)
        } else {
            sig
        }
    }
}
