// SPDX-License-Identifier: GPL-2.0

//! Arguments that always have the same value, for functions to which not every value may be passed.

use crate::{
    bindings,
    object::IntoC, //
};
use core::{
    marker::PhantomData,
    ptr, //
};

/// What a user is limited in: how many pid namespaces it has.
pub(crate) struct PidNamespaces;

impl IntoC for PidNamespaces {
    type C = bindings::ucount_type;

    #[inline(always)]
    fn into_c(self) -> bindings::ucount_type {
        bindings::ucount_type_UCOUNT_PID_NAMESPACES
    }
}

/// No place for what a function would write.
pub(crate) struct Null<T>(PhantomData<T>);

impl<T> Null<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> IntoC for Null<T> {
    type C = *mut T;

    #[inline(always)]
    fn into_c(self) -> *mut T {
        ptr::null_mut()
    }
}

/// `include/linux/sched/signal.h: SEND_SIG_PRIV`, the kernel itself as the sender of a signal.
pub(crate) struct SendSigPriv;

impl IntoC for SendSigPriv {
    type C = *mut bindings::kernel_siginfo;

    #[inline(always)]
    fn into_c(self) -> *mut bindings::kernel_siginfo {
        ptr::without_provenance_mut(1)
    }
}

/// A signal is for a process that is named by a task of it (`PIDTYPE_MAX`).
pub(crate) struct WholeProcess;

impl IntoC for WholeProcess {
    type C = bindings::pid_type;

    #[inline(always)]
    fn into_c(self) -> bindings::pid_type {
        bindings::pid_type_PIDTYPE_MAX
    }
}

/// A kind of namespaces that this kernel has, of which a task has one, but of mounts and pids.
#[derive(Clone, Copy)]
pub(crate) struct NsKind(u32);

impl NsKind {
    /// In the order in which mainline checks them, before and after pids.
    pub(crate) const BEFORE_PID: &[Self] = &[
        #[cfg(CONFIG_UTS_NS)]
        Self(bindings::CLONE_NEWUTS),
        #[cfg(CONFIG_IPC_NS)]
        Self(bindings::CLONE_NEWIPC),
    ];
    pub(crate) const AFTER_PID: &[Self] = &[
        #[cfg(CONFIG_CGROUPS)]
        Self(bindings::CLONE_NEWCGROUP),
        #[cfg(CONFIG_NET_NS)]
        Self(bindings::CLONE_NEWNET),
        #[cfg(CONFIG_TIME_NS)]
        Self(bindings::CLONE_NEWTIME),
    ];

    /// That of `clone`.
    pub(crate) fn flag(self) -> u32 {
        self.0
    }
}

impl IntoC for NsKind {
    type C = u32;

    #[inline(always)]
    fn into_c(self) -> u32 {
        self.0
    }
}
