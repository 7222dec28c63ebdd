// SPDX-License-Identifier: GPL-2.0

//! The send side: who sent this signal, as its target sees it.

use super::{
    init::Sent,
    is_outside,
    verdict::{self, Origin},
};
use crate::{
    bindings::{self, kernel_siginfo, pid_type, task_struct},
    hook::kernel_fn,
    pid::{active_ns, is_first, is_init},
};
use core::mem::MaybeUninit;
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
    mut info: *mut kernel_siginfo,
    t: *mut task_struct,
    type_: pid_type,
) -> c_int {
    let mut seen = MaybeUninit::uninit();
    // SAFETY: The lock keeps the pid of `t`; the current task has one; `info` is a `siginfo` if its
    // origin says so.
    unsafe {
        let ns = active_ns(t);
        let origin = origin(info);
        let visible = match origin {
            // Every task that sends has a number in the first namespace.
            Origin::Task | Origin::Named { .. } => {
                is_first(ns) || !is_outside(bindings::get_current(), ns)
            }
            Origin::Kernel | Origin::Unnamed => true,
        };
        let sender = verdict::sender(origin, visible);
        if matches!(origin, Origin::Named { .. }) {
            info = as_seen_by(t, info, verdict::hides_sender(origin, sender), &mut seen);
        }
        let force = verdict::force(sender);
        // Whoever it is: the kernel's flag goes when a fault or a signal begins to end it.
        if is_first(ns) || !is_init((*(*t).signal).pids[bindings::pid_type_PIDTYPE_TGID as usize]) {
            return kernel_fn::__send_signal_locked(sig, info, t, type_, force);
        }
        Sent::new(sig, info, t, type_, sender).send(ns)
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

/// `info` as `t` may see it: its user as `t` knows it, and the sender's number hidden if there is none.
/// What has to change does so in a copy.
///
/// # Safety
///
/// `t` and `info` must be valid, and `info` name a sender.
unsafe fn as_seen_by(
    t: *mut task_struct,
    info: *mut kernel_siginfo,
    hide: bool,
    copy: &mut MaybeUninit<kernel_siginfo>,
) -> *mut kernel_siginfo {
    // SAFETY: RCU keeps the credentials of `t`; the current task's do not change meanwhile. The
    // layouts that name a sender all begin with its pid and uid.
    unsafe {
        bindings::rcu_read_lock();
        let to = bindings::pidns_task_user_ns(t);
        let from = (*(*bindings::get_current()).cred).user_ns;
        let mut seen = info;
        if hide || from != to {
            let copy = copy.write(*info);
            let kill = &mut copy.__bindgen_anon_1._sifields._kill;
            if hide {
                kill._pid = 0;
            }
            if from != to {
                let uid = bindings::make_kuid(from, kill._uid);
                kill._uid = bindings::from_kuid_munged(to, uid);
            }
            seen = copy;
        }
        bindings::rcu_read_unlock();
        seen
    }
}
