// SPDX-License-Identifier: GPL-2.0

//! The other side: an init is given a signal to take.

use super::{
    ptrace,
    queue::Next,
    settings,
    siglock::{
        OwnSiglock,
        Siglocked, //
    },
    sigset,
    take::take,
    verdict::{
        self,
        SIGKILL, //
    },
    window, //
};
use crate::{
    bindings::{
        self,
        pid_type,
        sigset_t, //
    },
    hook::wrap,
    imports::original,
    object::{
        Object,
        Siginfo, //
    },
    task::Current,
};
use core::{
    cell::Cell,
    ptr, //
};
use kernel::{
    ffi::c_ulong,
    prelude::*, //
};

wrap! {
    /// Wraps `kernel/signal.c: dequeue_signal`: what an init takes from outside, and has said nothing about, acts
    /// as on any process. The current task's `siglock` is held.
    ///
    /// Sleeps only while it dumps core. Gives the `siglock` up while something acts, which those who call
    /// for `get_signal` allow.
    fn dequeue_signal(
        mask: &Cell<sigset_t>,
        info: &Siginfo,
        type_: &Cell<pid_type>,
    ) -> c_int, original, me: Siglocked<'_> = Current::get().as_ptr() => {
        // `sigtimedwait` and `signalfd` bring a mask of their own: they take, and nothing acts.
        if !me.process().is_unkillable() || !ptr::eq(mask, me.blocked()) {
            return original();
        }
        // SAFETY: The caller is `get_signal`, which itself gives the lock up.
        let siglock = unsafe { OwnSiglock::of_get_signal(me) };
        dequeue_by_init(siglock, info, type_)
    }
}

/// Takes a signal of those that the current task does not block, or `only` those. The kernel may give the `siglock`
/// up for an instant.
#[inline]
fn dequeue(
    siglock: &mut OwnSiglock<'_>,
    only: Option<&Cell<sigset_t>>,
    info: &Siginfo,
    type_: &Cell<pid_type>,
) -> c_int {
    let mask = only.unwrap_or(siglock.me().blocked()).as_ptr();
    // SAFETY: The lock is held, and everything valid.
    unsafe { original::dequeue_signal(mask, info.as_ptr(), type_.as_ptr()) }
}

/// The same as [`dequeue_signal`], of whom the kernel protects and who asks on behalf of `get_signal`; not the fast
/// path.
#[cold]
#[inline(never)]
fn dequeue_by_init(mut siglock: OwnSiglock<'_>, info: &Siginfo, type_: &Cell<pid_type>) -> c_int {
    if siglock.me().active_ns().is_initial() {
        return dequeue(&mut siglock, None, info, type_);
    }
    ptrace::take_back(siglock.me());
    loop {
        let locked = siglock.locked();
        let next = Next::of(&locked);
        let (sig, sender) = match next.of_timer() {
            None => {
                let sender = next.sender();
                (dequeue(&mut siglock, None, info, type_), sender)
            }
            Some(timers) => {
                let also_acts = next.also_acts();
                // One that is out of date must not lead to another, of which nothing is known here.
                let only = sigset::all_but(timers);
                window::open(siglock.me(), timers);
                let sig = dequeue(&mut siglock, Some(&only), info, type_);
                let arrived = window::close(siglock.me());
                if sig == 0 {
                    continue;
                }
                // In its place the kernel may have taken another of the same number: if an ancestor has sent one, or the
                // init itself, that acts in any case.
                let acts = [also_acts, arrived]
                    .into_iter()
                    .flatten()
                    .reduce(verdict::further);
                (sig, acts.filter(|_| info.code() != bindings::SI_TIMER))
            }
        };
        if sig == 0 {
            return 0;
        }
        let me = siglock.me();
        let sender = sender.filter(|_| settings::is_two_sided(me.active_ns()));
        let immutable = me.action_flags(sig) & bindings::SA_IMMUTABLE as c_ulong != 0;
        if !immutable && sig != SIGKILL && me.ptrace() != 0 {
            ptrace::hand_over(me, sig, sender, type_.get());
            return sig;
        }
        let sig = take(siglock.reborrow(), sig, info, sender);
        if sig != 0 {
            return sig;
        }
    }
}
