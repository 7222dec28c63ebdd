// SPDX-License-Identifier: GPL-2.0

//! What a signal says of its sender, and how its target sees that.

use super::{
    info::{
        Info,
        Kind, //
    },
    siglock::Thread,
    verdict::{
        self,
        Origin,
        Sender, //
    },
};
use crate::{
    bindings::{
        self,
        kernel_siginfo, //
    },
    imports::kernel_fn,
    object::{
        Object,
        Siginfo, //
    },
    task::Current,
};
use kernel::prelude::*;

/// Who sends a signal with this `info`: the current task, which the target's namespace has a number for if it
/// `is_visible`, the kernel, or nobody. And `info` itself, if that names a sender.
///
/// Each way is compiled for what is known on it.
#[inline(always)]
pub(super) fn sender(
    info: Info<'_>,
    is_visible: impl FnOnce() -> bool,
) -> (Option<Sender>, Option<&Siginfo>) {
    let info = match info.kind() {
        Kind::Kernel => return (verdict::sender(Origin::Kernel, true), None),
        Kind::Task => return (verdict::sender(Origin::Task, is_visible()), None),
        Kind::Siginfo(info) => info,
    };
    let code = info.code();
    if verdict::is_of_kill(code) {
        let origin = Origin::Named { by_kernel: false };
        return (verdict::sender(origin, is_visible()), Some(info));
    }
    match kernel_fn::siginfo_layout(info.signo() as c_uint, code) {
        bindings::siginfo_layout_SIL_KILL
        | bindings::siginfo_layout_SIL_CHLD
        | bindings::siginfo_layout_SIL_RT => {
            let by_kernel = code == bindings::SI_KERNEL as c_int;
            let origin = Origin::Named { by_kernel };
            (verdict::sender(origin, is_visible()), Some(info))
        }
        _ => (verdict::sender(Origin::Unnamed, true), None),
    }
}

/// Whether `t` does not see the current task `me`, which is the `sender`, as that sees itself: it has no number for
/// it, or may have another for its user.
#[inline]
pub(super) fn looks_different(t: &Thread, me: &Current, sender: Option<Sender>) -> bool {
    sender == Some(Sender::Ancestor) || !t.real_cred(t).user_ns().is(me.cred(t).user_ns())
}

/// Makes `info`, a copy of what names the `sender`, the current task `me`, name it as `t` sees it.
#[inline]
pub(super) fn rewrite(
    info: &mut kernel_siginfo,
    named: &Siginfo,
    t: &Thread,
    me: &Current,
    sender: Option<Sender>,
) {
    // The layouts that name a sender all begin with its pid and uid.
    let fields = &mut info.__bindgen_anon_1._sifields;
    if sender == Some(Sender::Ancestor) {
        fields._kill._pid = 0;
    }
    let (from, to) = (me.cred(t).user_ns(), t.real_cred(t).user_ns());
    if !from.is(to) {
        fields._kill._uid =
            kernel_fn::from_kuid_munged(to, kernel_fn::make_kuid(from, named.uid()));
    }
}
