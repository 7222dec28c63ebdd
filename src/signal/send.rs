// SPDX-License-Identifier: GPL-2.0

//! The send side: who sent this signal, as its target sees it.

use super::verdict::{self, Origin};
use crate::{
    bindings::{self, kernel_siginfo, pid_type, task_struct},
    hook::{kernel_fn, original},
    pid::{active_ns, is_first},
};
use kernel::prelude::*;

/// Wraps `kernel/signal.c: send_signal_locked`, which was compiled without its check for senders in
/// ancestor namespaces that name themselves (`sigqueue`, `tgkill`, `pidfd_send_signal`).
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
    // SAFETY: The lock keeps the pid of `t`; the current task has one; `info` is a `siginfo` if its
    // origin says so.
    unsafe {
        let ns = active_ns(t);
        if !is_first(ns) {
            let origin = origin(info);
            let visible = bindings::__task_pid_nr_ns(
                bindings::get_current(),
                bindings::pid_type_PIDTYPE_PID,
                ns,
            ) != 0;
            let sender = verdict::sender(origin, visible);
            if verdict::hides_sender(origin, sender) {
                let mut seen = as_seen_by(t, &*info);
                return kernel_fn::__send_signal_locked(
                    sig,
                    &raw mut seen,
                    t,
                    type_,
                    verdict::force(sender),
                );
            }
        }
        original::send_signal_locked(sig, info, t, type_)
    }
}

/// # Safety
///
/// `info` must be what the kernel's senders pass: one of two small numbers, or a valid pointer.
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

/// `info` as `t` may see it: without the sender's number, and with its user as `t` knows it.
///
/// # Safety
///
/// `t` must be valid.
unsafe fn as_seen_by(t: *mut task_struct, info: &kernel_siginfo) -> kernel_siginfo {
    let mut seen = *info;
    // SAFETY: RCU keeps the credentials of `t`; the current task's do not change meanwhile. The
    // layouts that name a sender all begin with its pid and uid.
    unsafe {
        let kill = &mut seen.__bindgen_anon_1._sifields._kill;
        kill._pid = 0;
        bindings::rcu_read_lock();
        let to = bindings::pidns_task_user_ns(t);
        let from = (*(*bindings::get_current()).cred).user_ns;
        if from != to {
            let uid = bindings::make_kuid(from, kill._uid);
            kill._uid = bindings::from_kuid_munged(to, uid);
        }
        bindings::rcu_read_unlock();
    }
    seen
}
