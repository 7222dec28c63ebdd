// SPDX-License-Identifier: GPL-2.0

//! The send side: who sent this signal, as its target sees it.

use super::{
    sender::{
        is_nobody,
        is_outside, //
    },
    siginfo::{
        as_seen_by,
        looks_different,
        Info, //
    },
    siglock::Siglocked,
    to_init::{
        send_locked,
        Sent, //
    },
    verdict::{
        self,
        Origin,
        Sender, //
    },
};
use crate::{
    bindings::{
        kernel_siginfo,
        pid_type,
        task_struct, //
    },
    task::Current,
};
use kernel::prelude::*;

/// Replaces `kernel/signal.c: send_signal_locked`: mainline's for all but namespaces' inits, with the part
/// that a kernel without pid namespaces was compiled without.
///
/// Any context; never sleeps.
///
/// # Safety
///
/// The kernel's: the `siglock` of `t` is held.
pub(crate) unsafe extern "C" fn send_signal_locked(
    sig: c_int,
    info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
) -> c_int {
    // SAFETY: The caller's promise.
    let (t, info) = unsafe { (Siglocked::new(t), Info::new(info)) };
    if t.active_ns().is_initial() {
        send_into_initial(sig, info, t, type_)
    } else {
        send_into(sig, info, t, type_)
    }
}

/// The same, to a task of the initial namespace, in which everybody has a number but [`is_nobody`]. For mainline that is
/// as if it came from an ancestor, and some kernel threads take it.
#[inline(never)]
fn send_into_initial(sig: c_int, info: Info, t: Siglocked<'_>, type_: pid_type) -> c_int {
    let me = Current::get();
    if is_nobody(&me) {
        return send_from_nobody(sig, info, t, type_);
    }
    let origin = info.origin();
    let sender = verdict::sender(origin, true);
    send_by(&me, origin, sender, sig, info, &t, type_)
}

/// The same, from an interrupt of an idle processor, or a task that has been reaped. Apart, so that the frequent way
/// is compiled for a sender with a number.
#[cold]
fn send_from_nobody(sig: c_int, info: Info, t: Siglocked<'_>, type_: pid_type) -> c_int {
    let origin = info.origin();
    let sender = verdict::sender(origin, false);
    send_by(&Current::get(), origin, sender, sig, info, &t, type_)
}

/// The same, to a task of a namespace that is not the initial one.
#[inline(never)]
fn send_into(sig: c_int, info: Info, t: Siglocked<'_>, type_: pid_type) -> c_int {
    let me = Current::get();
    let origin = info.origin();
    let sender = verdict::sender(origin, !is_outside(&me, t.active_ns()));
    // Whoever it is: the kernel's flag goes when a fault or a signal begins to end it.
    if t.tgid().is_init() {
        let sent = Sent {
            sig,
            info,
            t: t.reborrow(),
            type_,
            me: &me,
            origin,
            sender,
        };
        return sent.send(t.active_ns());
    }
    send_by(&me, origin, sender, sig, info, &t, type_)
}

/// The same, from a `sender`, the current task `me` if it is a task; the target is no namespace's init. `origin` is that
/// of `info`.
#[inline(always)]
fn send_by(
    me: &Current,
    origin: Origin,
    sender: Option<Sender>,
    sig: c_int,
    info: Info,
    t: &Siglocked<'_>,
    type_: pid_type,
) -> c_int {
    let force = verdict::force(sender);
    if matches!(origin, Origin::Named { .. }) && looks_different(t, me, sender) {
        // SAFETY: Of this origin; what is seen of it outlives what is sent with it.
        unsafe {
            let seen = &mut as_seen_by(t, info, me, sender);
            return send_locked(sig, Info::new(seen), t, type_, force);
        }
    }
    send_locked(sig, info, t, type_, force)
}
