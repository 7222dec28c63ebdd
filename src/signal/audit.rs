// SPDX-License-Identifier: GPL-2.0

//! A record of the kernel's audit log for each signal that had its default action on an init, if
//! `kernel.pidns_audit` says so.

use super::{settings, siglock::Thread};
use crate::{bindings, imports::kernel_fn, object::fields, task::Current};
use core::ptr;
use kernel::prelude::*;

fields! {
    Current {
        /// Who has logged in, and so is behind what it does; and in which session.
        once loginuid: bindings::kuid_t = loginuid;
        once sessionid: u32 = sessionid;
    }
}

/// `sig` acts on the process of `init`, and the current task sends it, or has `taken` it. The `siglock` of `init` is held. Never sleeps: if
/// the log is full, the record is lost, and the log says so, as for any.
#[inline]
pub(super) fn acted(init: &Thread, sig: c_int, taken: bool) {
    if settings::is_audited() {
        log(init, sig, if taken { c"take" } else { c"send" });
    }
}

#[cold]
#[inline(never)]
fn log(init: &Thread, sig: c_int, at: &CStr) {
    let me = Current::get();
    // SAFETY: The format is of these arguments; a null context is that of no system call. A flag that others write.
    unsafe {
        if (&raw const bindings::audit_enabled).read_volatile() == 0 {
            return;
        }
        bindings::audit_log(
            ptr::null_mut(),
            bindings::GFP_ATOMIC,
            bindings::AUDIT_KERNEL_OTHER as c_int,
            c"op=pidns_signal at=%s sig=%d pid=%d uid=%u auid=%u ses=%u opid=%d ns=%u"
                .as_char_ptr(),
            at.as_char_ptr(),
            sig,
            me.tgid_nr(),
            kernel_fn::current_uid().val,
            me.loginuid().val,
            me.sessionid(),
            init.tgid_nr(),
            init.active_ns().inum(),
        );
    }
}
