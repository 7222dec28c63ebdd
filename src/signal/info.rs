// SPDX-License-Identifier: GPL-2.0

//! What a signal is sent with.

use crate::{
    bindings::{
        self,
        kernel_siginfo, //
    },
    object::{
        fields,
        FromC,
        IntoC,
        Object,
        Siginfo, //
    },
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::prelude::*;

fields! {
    Siginfo {
        /// The signal.
        fixed signo: c_int = __bindgen_anon_1.si_signo;
        /// Where it comes from: an `SI_` code, or one of the signal's own.
        fixed code: c_int = __bindgen_anon_1.si_code;
        /// The sender's user, in the layouts that name a sender: they all begin with its pid and uid.
        fixed uid: u32 = __bindgen_anon_1._sifields._kill._uid;
    }
}

impl Siginfo {
    /// A copy.
    #[inline(always)]
    pub(super) fn copy(&self) -> kernel_siginfo {
        // SAFETY: The reference says that it is valid.
        unsafe { *self.as_ptr() }
    }
}

/// The `siginfo` of a `sig` that `uid`, who has no number here, sends by `kill`.
pub(super) fn of_kill(sig: c_int, uid: u32) -> kernel_siginfo {
    let mut info = kernel_siginfo::default();
    let told = &mut info.__bindgen_anon_1;
    told.si_signo = sig;
    told.si_code = bindings::SI_USER as c_int;
    told._sifields._kill._uid = uid;
    info
}

/// A `siginfo`, or one of the two small numbers in the place of its address.
#[derive(Clone, Copy)]
pub(crate) struct Info<'a>(*mut kernel_siginfo, PhantomData<&'a Siginfo>);

/// The same, to be looked at.
pub(super) enum Kind<'a> {
    /// `SEND_SIG_NOINFO`: the current task sends it, with no more to say.
    Task,
    /// `SEND_SIG_PRIV`: the kernel does.
    Kernel,
    /// More.
    Siginfo(&'a Siginfo),
}

impl<'a> Info<'a> {
    /// A `siginfo`.
    #[inline(always)]
    pub(super) fn of(info: &'a kernel_siginfo) -> Self {
        Self(ptr::from_ref(info).cast_mut(), PhantomData)
    }

    /// What it is.
    #[inline(always)]
    pub(super) fn kind(self) -> Kind<'a> {
        // In this order the compiler puts the most frequent of them first.
        match self.0 as usize {
            1 => Kind::Kernel,
            0 => Kind::Task,
            // SAFETY: It is neither of the numbers, and so valid for this long.
            _ => Kind::Siginfo(unsafe { Siginfo::from_ptr(self.0) }),
        }
    }

    /// The `siginfo`, if it is one.
    #[inline(always)]
    pub(super) fn siginfo(self) -> Option<&'a Siginfo> {
        match self.kind() {
            Kind::Siginfo(info) => Some(info),
            Kind::Task | Kind::Kernel => None,
        }
    }
}

impl<'a> From<&'a Siginfo> for Info<'a> {
    #[inline(always)]
    fn from(info: &'a Siginfo) -> Self {
        Self(info.as_ptr(), PhantomData)
    }
}

/// It is what the kernel's senders pass.
impl FromC for Info<'_> {
    type C = *mut kernel_siginfo;

    #[inline(always)]
    unsafe fn from_c(c: *mut kernel_siginfo) -> Self {
        Self(c, PhantomData)
    }
}

impl IntoC for Info<'_> {
    type C = *mut kernel_siginfo;

    #[inline(always)]
    fn into_c(self) -> *mut kernel_siginfo {
        self.0
    }
}
