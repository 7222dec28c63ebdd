// SPDX-License-Identifier: GPL-2.0

//! What a signal says of its sender, and how its target sees that.

use super::{
    siglock::Siglocked,
    verdict::{
        self,
        Origin,
        Sender, //
    },
};
use crate::{
    bindings::{
        self,
        kernel_siginfo,
        user_namespace, //
    },
    imports::kernel_fn,
    object::{
        Object,
        UserNs, //
    },
    task::Current,
};
use kernel::prelude::*;

/// What the kernel's senders pass: one of two small numbers (`SEND_SIG_NOINFO`, `SEND_SIG_PRIV`), or a `siginfo`.
///
/// # Invariants
///
/// If it is no small number it is valid, and its sender's or taker's alone, for as long as this is used.
#[derive(Clone, Copy)]
pub(super) struct Info(*mut kernel_siginfo);

impl Info {
    /// # Safety
    ///
    /// `info` must be what the invariants say.
    #[inline(always)]
    pub(super) unsafe fn new(info: *mut kernel_siginfo) -> Self {
        Self(info)
    }

    /// For the kernel.
    #[inline(always)]
    pub(super) fn as_ptr(self) -> *mut kernel_siginfo {
        self.0
    }

    /// The `siginfo`, if it is one.
    #[inline(always)]
    pub(super) fn get(self) -> Option<kernel_siginfo> {
        // SAFETY: By the invariant.
        (self.0 as usize > 1).then(|| unsafe { *self.0 })
    }

    /// The signal and its code, if it is one.
    #[inline(always)]
    pub(super) fn words(self) -> Option<(c_int, c_int)> {
        // SAFETY: By the invariant.
        (self.0 as usize > 1).then(|| unsafe {
            let words = &(*self.0).__bindgen_anon_1;
            (words.si_signo, words.si_code)
        })
    }

    /// Its code; 0 if it has none.
    #[inline(always)]
    pub(super) fn code(self) -> c_int {
        self.words().map_or(0, |(_, code)| code)
    }

    /// Where it says that the signal comes from.
    #[inline(always)]
    pub(super) fn origin(self) -> Origin {
        let (signo, code) = match self.0 as usize {
            0 => return Origin::Task,
            1 => return Origin::Kernel,
            // SAFETY: By the invariant.
            _ => unsafe {
                let words = &(*self.0).__bindgen_anon_1;
                (words.si_signo, words.si_code)
            },
        };
        if verdict::is_of_kill(code) {
            return Origin::Named { by_kernel: false };
        }
        match kernel_fn::siginfo_layout(signo as c_uint, code) {
            bindings::siginfo_layout_SIL_KILL
            | bindings::siginfo_layout_SIL_CHLD
            | bindings::siginfo_layout_SIL_RT => Origin::Named {
                by_kernel: code == bindings::SI_KERNEL as c_int,
            },
            _ => Origin::Unnamed,
        }
    }

    /// Makes it, if it is a `siginfo`, say that a user without a number has sent `sig`.
    pub(super) fn rewrite(self, sig: c_int, uid: u32) {
        if self.words().is_none() {
            return;
        }
        // SAFETY: By the invariant; zero is a `siginfo`.
        unsafe {
            self.0.write_bytes(0, 1);
            write(&mut *self.0, sig, uid);
        }
    }
}

/// Makes a `siginfo` that is all zero say that a user without a number has sent `sig`.
pub(super) fn write(info: &mut kernel_siginfo, sig: c_int, uid: u32) {
    let told = &mut info.__bindgen_anon_1;
    told.si_signo = sig;
    told.si_code = bindings::SI_USER as c_int;
    told._sifields._kill._uid = uid;
}

/// The current task's namespace of users.
#[inline(always)]
fn user_ns_of(me: &Current) -> *mut user_namespace {
    // SAFETY: The current task's own credentials.
    unsafe { (*(*me.as_ptr()).cred).user_ns }
}

/// Whether `t` does not see the current task `me`, which is the `sender`, as that sees itself: it has no number for
/// it, or may have another for its user.
#[inline(always)]
pub(super) fn looks_different(t: &Siglocked<'_>, me: &Current, sender: Option<Sender>) -> bool {
    sender == Some(Sender::Ancestor) || t.user_ns() != user_ns_of(me)
}

/// `info`, which names the `sender`, the current task `me`, as `t` sees it.
///
/// # Safety
///
/// `info` must be a `siginfo`: its origin is [`Origin::Named`].
pub(super) unsafe fn as_seen_by(
    t: &Siglocked<'_>,
    info: Info,
    me: &Current,
    sender: Option<Sender>,
) -> kernel_siginfo {
    // SAFETY: The caller's promise.
    let mut seen = unsafe { *info.0 };
    let (from, to) = (user_ns_of(me), t.user_ns());
    // SAFETY: The layouts that name a sender all begin with its pid and uid. The namespaces of users are held by the
    // credentials of both.
    unsafe {
        let kill = &mut seen.__bindgen_anon_1._sifields._kill;
        if sender == Some(Sender::Ancestor) {
            kill._pid = 0;
        }
        if from != to {
            let uid = kernel_fn::make_kuid(UserNs::from_ptr(from), kill._uid);
            kill._uid = kernel_fn::from_kuid_munged(UserNs::from_ptr(to), uid);
        }
    }
    seen
}
