// SPDX-License-Identifier: GPL-2.0

//! The send side: who sent this signal, as its target sees it.

use super::{
    init::Sent,
    is_nobody, is_outside,
    verdict::{self, Origin, Sender},
};
use crate::{
    bindings::{self, kernel_siginfo, pid_namespace, pid_type, task_struct, user_namespace},
    hook::kernel_fn,
    pid::{active_ns, is_first, is_init},
};
use kernel::prelude::*;

/// Replaces `kernel/signal.c: send_signal_locked`: mainline's for all but namespaces' inits, with the part
/// that a kernel without pid namespaces was compiled without.
///
/// Any context; sleeps never.
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
    // SAFETY: The lock keeps the pid of `t`; the rest is the caller's promise.
    unsafe {
        let ns = active_ns(t);
        if is_first(ns) {
            send_into_first(sig, info, t, type_)
        } else {
            send_into(ns, sig, info, t, type_)
        }
    }
}

/// The same, to a task of the first namespace, in which everybody has a number but [`is_nobody`]. For mainline that is
/// as if it came from an ancestor, and some kernel threads take it.
///
/// # Safety
///
/// As for [`send_signal_locked`].
#[inline(never)]
unsafe fn send_into_first(
    sig: c_int,
    info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let me = bindings::get_current();
        if is_nobody(me) {
            return send_from_nobody(sig, info, t, type_, me);
        }
        let origin = origin(info);
        let sender = verdict::sender(origin, true);
        send_by(me, origin, sender, sig, info, t, type_)
    }
}

/// The same, from an interrupt of an idle processor, or a task that has been reaped. Apart, so that the frequent way
/// is compiled for a sender with a number.
///
/// # Safety
///
/// As for [`send_signal_locked`]; `me` is the current task.
#[cold]
unsafe fn send_from_nobody(
    sig: c_int,
    info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
    me: *const task_struct,
) -> c_int {
    // SAFETY: The caller's promise.
    unsafe {
        let origin = origin(info);
        let sender = verdict::sender(origin, false);
        send_by(me, origin, sender, sig, info, t, type_)
    }
}

/// The same, to a task of `ns`, which is not the first.
///
/// # Safety
///
/// As for [`send_signal_locked`].
#[inline(never)]
unsafe fn send_into(
    ns: *mut pid_namespace,
    sig: c_int,
    info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
) -> c_int {
    // SAFETY: The caller's promise; `me` is the current task.
    unsafe {
        let me = bindings::get_current();
        let origin = origin(info);
        let sender = verdict::sender(origin, !is_outside(me, ns));
        // Whoever it is: the kernel's flag goes when a fault or a signal begins to end it.
        if is_init((*(*t).signal).pids[bindings::pid_type_PIDTYPE_TGID as usize]) {
            return Sent {
                sig,
                info,
                t,
                type_,
                me,
                origin,
                sender,
            }
            .send(ns);
        }
        send_by(me, origin, sender, sig, info, t, type_)
    }
}

/// The same, from a `sender`, the current task `me` if it is a task; the target is no namespace's init.
///
/// # Safety
///
/// As for [`send_signal_locked`]; `origin` is that of `info`.
#[inline(always)]
unsafe fn send_by(
    me: *const task_struct,
    origin: Origin,
    sender: Option<Sender>,
    sig: c_int,
    info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
) -> c_int {
    let force = verdict::force(sender);
    // SAFETY: The caller's promise.
    unsafe {
        if matches!(origin, Origin::Named { .. }) && looks_different(t, me, sender) {
            let seen = &mut as_seen_by(t, info, me, sender);
            return kernel_fn::__send_signal_locked(sig, seen, t, type_, force);
        }
        kernel_fn::__send_signal_locked(sig, info, t, type_, force)
    }
}

/// # Safety
///
/// `info` must be what the kernel's senders pass: one of two small numbers, or a valid pointer.
#[inline]
unsafe fn origin(info: *mut kernel_siginfo) -> Origin {
    match info as usize {
        0 => Origin::Task,
        1 => Origin::Kernel,
        _ => {
            // SAFETY: The caller's promise.
            let (signo, code) = unsafe {
                let info = &(*info).__bindgen_anon_1;
                (info.si_signo, info.si_code)
            };
            if verdict::is_of_kill(code) {
                return Origin::Named { by_kernel: false };
            }
            // SAFETY: A pure function of two numbers.
            let layout = unsafe { kernel_fn::siginfo_layout(signo as c_uint, code) };
            match layout {
                bindings::siginfo_layout_SIL_KILL
                | bindings::siginfo_layout_SIL_CHLD
                | bindings::siginfo_layout_SIL_RT => Origin::Named {
                    by_kernel: code == bindings::SI_KERNEL as c_int,
                },
                _ => Origin::Unnamed,
            }
        }
    }
}

/// Whether `t` does not see the current task `me`, which is the `sender`, as that sees itself: it has no number for
/// it, or may have another for its user.
///
/// # Safety
///
/// The `siglock` of `t` must be held.
#[inline]
pub(super) unsafe fn looks_different(
    t: *const task_struct,
    me: *const task_struct,
    sender: Option<Sender>,
) -> bool {
    // SAFETY: The caller's promise.
    sender == Some(Sender::Ancestor) || unsafe { user_ns(t) != (*(*me).cred).user_ns }
}

/// `info`, which names the `sender`, the current task `me`, as `t` sees it.
///
/// # Safety
///
/// As for [`looks_different`], which it does; `info` must be valid.
pub(super) unsafe fn as_seen_by(
    t: *const task_struct,
    info: *const kernel_siginfo,
    me: *const task_struct,
    sender: Option<Sender>,
) -> kernel_siginfo {
    // SAFETY: The caller's promise. The layouts that name a sender all begin with its pid and uid.
    unsafe {
        let mut seen = *info;
        let kill = &mut seen.__bindgen_anon_1._sifields._kill;
        if sender == Some(Sender::Ancestor) {
            kill._pid = 0;
        }
        let (from, to) = ((*(*me).cred).user_ns, user_ns(t));
        if from != to {
            let uid = bindings::make_kuid(from, kill._uid);
            kill._uid = bindings::from_kuid_munged(to, uid);
        }
        seen
    }
}

/// The namespace of users that `t` is in; valid until its `siglock` is released.
///
/// # Safety
///
/// The `siglock` of `t` must be held.
#[inline]
unsafe fn user_ns(t: *const task_struct) -> *mut user_namespace {
    // SAFETY: RCU keeps the credentials of `t`, and those keep their namespace: the `siglock` has
    // interrupts off, for which every grace period waits. (With PREEMPT_RT it has not: see Kbuild.)
    unsafe { (*(&raw const (*t).real_cred).read_volatile()).user_ns }
}
