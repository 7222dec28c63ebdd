// SPDX-License-Identifier: GPL-2.0

//! The send side: who sent this signal, as its target sees it.

use super::{
    info::Info,
    sender::{
        is_nobody,
        is_outside, //
    },
    siginfo::{
        looks_different,
        rewrite,
        sender, //
    },
    siglock::{
        send,
        Siglocked, //
    },
    to_init::Sent,
    verdict::{
        self,
        Sender, //
    },
};
use crate::{bindings::pid_type, hook::callbacks, object::Siginfo, task::Current};
use kernel::prelude::*;

callbacks! {
    /// Replaces `kernel/signal.c: send_signal_locked`: mainline's for all but namespaces' inits, with the part
    /// that a kernel without pid namespaces was compiled without. The `siglock` of `t` is held.
    ///
    /// Any context; never sleeps.
    pub(crate) fn send_signal_locked(
        sig: c_int,
        info: Info<'_>,
        t: Siglocked<'_>,
        type_: pid_type,
    ) -> c_int {
        if t.active_ns().is_initial() {
            send_into_initial(sig, info, t, type_)
        } else {
            send_into(sig, info, t, type_)
        }
    }
}

/// The same, to a task of the initial namespace, in which everybody has a number but [`is_nobody`]. For mainline that is
/// as if it came from an ancestor, and some kernel threads take it.
#[inline(never)]
fn send_into_initial(sig: c_int, info: Info<'_>, t: Siglocked<'_>, type_: pid_type) -> c_int {
    let me = Current::get();
    if is_nobody(me.pid(t.thread())) {
        return send_from_nobody(sig, info, t, type_, me);
    }
    let (sender, named) = sender(info, || true);
    send_by(&me, named, sender, sig, info, t, type_)
}

/// The same, from an interrupt of an idle processor, or a task that has been reaped: from the current task `me`. Apart,
/// so that the frequent way is compiled for a sender with a number.
#[cold]
fn send_from_nobody(
    sig: c_int,
    info: Info<'_>,
    t: Siglocked<'_>,
    type_: pid_type,
    me: Current,
) -> c_int {
    let (sender, named) = sender(info, || false);
    send_by(&me, named, sender, sig, info, t, type_)
}

/// The same, to a task of another namespace.
#[inline(never)]
fn send_into(sig: c_int, info: Info<'_>, t: Siglocked<'_>, type_: pid_type) -> c_int {
    let me = Current::get();
    let ns = t.thread().active_ns();
    let (sender, named) = sender(info, || !is_outside(me.pid(t.thread()), ns));
    // Whoever it is: the kernel's flag goes when a fault or a signal begins to end it.
    if t.process().pid().is_init() {
        return Sent {
            sig,
            info,
            named,
            t,
            type_,
            me,
            sender,
        }
        .send(ns);
    }
    send_by(&me, named, sender, sig, info, t, type_)
}

/// The same, from a `sender`, the current task `me` if it is a task; the target is no namespace's init. What is `named`
/// is `info`, if that names the sender.
#[inline(always)]
fn send_by(
    me: &Current,
    named: Option<&Siginfo>,
    sender: Option<Sender>,
    sig: c_int,
    info: Info<'_>,
    mut t: Siglocked<'_>,
    type_: pid_type,
) -> c_int {
    let force = verdict::force(sender);
    if let Some(named) = named.filter(|_| looks_different(&t, me, sender)) {
        let mut seen = named.copy();
        rewrite(&mut seen, named, &t, me, sender);
        return send(sig, Info::of(&seen), &mut t, type_, force);
    }
    send(sig, info, &mut t, type_, force)
}
