// SPDX-License-Identifier: GPL-2.0

//! Who is behind a signal that does not say so itself.

use super::{
    init::Sent,
    is_outside,
    verdict::{Sender, SIGSTOP},
};
use crate::bindings::{self, pid_namespace, task_struct};
use core::ptr;
use kernel::prelude::*;

/// The sender of a signal, which itself says that `sent.sender` is.
///
/// Names the task behind a signal that the kernel sends: an exiting one that hangs its session up, or one
/// that begins to trace an init of its own. Also behind one that claims to be a timer's. And names the kernel where
/// no task is behind it: as in mainline, SIGKILL and SIGSTOP act then.
///
/// # Safety
///
/// The `siglock` of the target, an init of `ns`, must be held.
#[inline]
pub(super) unsafe fn sender(sent: &Sent, ns: *const pid_namespace) -> Option<Sender> {
    let (me, sig, t) = (sent.me, sent.sig, sent.t);
    // SAFETY: The caller's promise; `me` is the current task. What has no sender at all has an `info`.
    unsafe {
        match sent.sender {
            // The kernel's own timers do not come this way: this one is in a task's words.
            None if (*sent.info).__bindgen_anon_1.si_code == bindings::SI_TIMER => {
                Some(if is_outside(me, ns) {
                    Sender::Ancestor
                } else {
                    Sender::Inside
                })
            }
            // Nobody: a driver's worker, or whoever an interrupt has met.
            Some(Sender::Ancestor)
                if (*me).flags & bindings::PF_KTHREAD != 0 || !bindings::pidns_in_task() =>
            {
                Some(Sender::Kernel)
            }
            Some(Sender::Kernel) if hangs_up(me, sig, t) && is_outside(me, ns) => {
                Some(Sender::Ancestor)
            }
            Some(Sender::Kernel) if attaches(me, sig, t) && !is_outside(me, ns) => {
                Some(Sender::Inside)
            }
            said => said,
        }
    }
}

/// Whether the current task `me` hangs `t` up because it exits: as the leader of the session that both are in, or
/// as the last that kept the process group of `t` from being orphaned.
///
/// # Safety
///
/// As for [`sender`].
#[inline]
unsafe fn hangs_up(me: *const task_struct, sig: c_int, t: *const task_struct) -> bool {
    // SAFETY: The caller's promise. Of the sessions only the addresses are compared: if either changes
    // meanwhile, the answer is that of an instant before or after.
    unsafe {
        let session = |task: *const task_struct| {
            (*(*task).signal).pids[bindings::pid_type_PIDTYPE_SID as usize]
        };
        sig == bindings::SIGHUP as c_int
            && (*me).flags & bindings::PF_EXITING != 0
            && session(me) == session(t)
    }
}

/// Whether it is the SIGSTOP of the current task `me`, which has just begun to trace `t`
/// (`kernel/ptrace.c: ptrace_attach`).
///
/// # Safety
///
/// As for [`sender`].
#[inline]
unsafe fn attaches(me: *const task_struct, sig: c_int, t: *const task_struct) -> bool {
    // SAFETY: The caller's promise. If it is so, the current task holds the `tasklist_lock` that protects both.
    unsafe { sig == SIGSTOP && (*t).ptrace != 0 && ptr::eq((*t).parent, me) }
}
