// SPDX-License-Identifier: GPL-2.0

//! The other side: an init is given a signal to take.

use super::{
    ptrace,
    queue::Next,
    siginfo::Info,
    siglock::Own,
    sigset,
    take::take,
    two_sided,
    verdict::SIGKILL, //
};
use crate::{
    bindings::{
        self,
        kernel_siginfo,
        pid_type,
        sigset_t, //
    },
    imports::original,
};
use kernel::prelude::*;

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
        let me = Own::new();
        // `sigtimedwait` and `signalfd` bring a mask of their own: they take, and nothing acts.
        if !me.is_unkillable() || !me.is_blocked_set(mask) {
            return original::dequeue_signal(mask, info, type_);
        }
        dequeue_by_init(me, mask, info, type_)
    }
}

/// The same, of one that the kernel protects and that asks on behalf of `get_signal`; not the fast path.
///
/// # Safety
///
/// As for [`dequeue_signal`]; `mask` is what the current task `me` blocks.
#[cold]
#[inline(never)]
unsafe fn dequeue_by_init(
    mut me: Own<'_>,
    mask: *mut sigset_t,
    info: *mut kernel_siginfo,
    type_: *mut pid_type,
) -> c_int {
    // SAFETY: The caller's promise.
    let dequeue = |mask| unsafe { original::dequeue_signal(mask, info, type_) };
    if me.active_ns().is_initial() {
        return dequeue(mask);
    }
    loop {
        let next = Next::of(&me);
        // A timer's signal that is out of date must not lead to another, of which nothing is known here.
        let mut only = sigset::all_but(next.timer.unwrap_or(SIGKILL));
        let sig = dequeue(match next.timer {
            Some(_) => &raw mut only,
            None => mask,
        });
        if sig == 0 {
            if next.timer.is_some() {
                continue;
            }
            return 0;
        }
        // SAFETY: The caller's promise: what was just written there is valid, and the current task's own.
        let (info, type_) = unsafe { (Info::new(info), *type_) };
        let sender = if two_sided::is_on() {
            next.sender(info.code())
        } else {
            None
        };
        let immutable = me.action(sig).sa_flags & bindings::SA_IMMUTABLE as c_ulong != 0;
        if me.ptrace() != 0 && sig != SIGKILL && !immutable {
            ptrace::hand_over(&me, sender, type_);
            return sig;
        }
        let sig = take(&mut me, sig, info, sender);
        if sig != 0 {
            return sig;
        }
    }
}
