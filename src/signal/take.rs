// SPDX-License-Identifier: GPL-2.0

//! The other side: an init takes a signal.

use super::{
    act,
    init::disposition,
    is_unkillable, mode, ptrace,
    queue::Next,
    set,
    verdict::{Disposition, Sender, SIGKILL, SIGSTOP},
};
use crate::{
    bindings::{self, kernel_siginfo, pid_type, sigset_t, task_struct},
    hook::original,
    observe,
    pid::{active_ns, is_first},
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
        if !is_unkillable(me) || !ptr::eq(mask, &raw const (*me).blocked) {
            return original::dequeue_signal(mask, info, type_);
        }
        dequeue_by_init(me, mask, info, type_)
    }
}

/// The same, of whom the kernel protects and who asks on behalf of `get_signal`; not the fast path.
///
/// # Safety
///
/// As for [`dequeue_signal`]; `me` is the current task, and `mask` what it blocks.
#[cold]
#[inline(never)]
unsafe fn dequeue_by_init(
    me: *mut task_struct,
    mask: *mut sigset_t,
    info: *mut kernel_siginfo,
    type_: *mut pid_type,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        if is_first(active_ns(me)) {
            return original::dequeue_signal(mask, info, type_);
        }
        loop {
            let next = Next::of(me, mask);
            // A timer's signal that is out of date must not lead to another, of which nothing is known here.
            let mut only = set::all_but(next.timer.unwrap_or(SIGKILL));
            let mask = match next.timer {
                Some(_) => &raw mut only,
                None => mask,
            };
            let sig = original::dequeue_signal(mask, info, type_);
            if sig == 0 {
                if next.timer.is_some() {
                    continue;
                }
                return 0;
            }
            let sender = if mode::two_sided() {
                next.sender(&*info)
            } else {
                None
            };
            let immutable = (*(*me).sighand).action[(sig - 1) as usize].sa.sa_flags
                & bindings::SA_IMMUTABLE as c_ulong
                != 0;
            if (*me).ptrace != 0 && sig != SIGKILL && !immutable {
                ptrace::hand_over(sender, *type_);
                return sig;
            }
            let sig = take(me, sig, info, sender);
            if sig != 0 {
                return sig;
            }
        }
    }
}

/// The current init takes `sig` to act on it: one that `sender`, if that is known, has sent. Gives the signal with
/// which `get_signal` has to go on; 0 if it must not see this one.
///
/// # Safety
///
/// As for [`act::begin`].
#[inline]
pub(super) unsafe fn take(
    me: *mut task_struct,
    sig: c_int,
    info: *mut kernel_siginfo,
    sender: Option<Sender>,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let disposition = disposition(me, sig);
        if disposition == Disposition::Handler && sender.is_none() {
            observe::signal::handled(me, sig);
            return sig;
        }
        take_by_rule(me, sig, info, sender, disposition)
    }
}

/// The same, of a signal with that `disposition`; not the fast path.
///
/// # Safety
///
/// As for [`act::begin`].
#[inline(never)]
unsafe fn take_by_rule(
    me: *mut task_struct,
    sig: c_int,
    info: *mut kernel_siginfo,
    sender: Option<Sender>,
    disposition: Disposition,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        observe::signal::taken(me, sig, sender, disposition);
        match sender {
            // `get_signal` protects nobody from these two.
            Some(Sender::Inside) if matches!(sig, SIGKILL | SIGSTOP) => 0,
            Some(Sender::Ancestor)
                if disposition == Disposition::Default && !matches!(sig, SIGKILL | SIGSTOP) =>
            {
                act::begin(sig, info)
            }
            _ => sig,
        }
    }
}
