// SPDX-License-Identifier: GPL-2.0

//! Those who keep a pointer to a namespace in a structure of their own: procfs mounts, FUSE connections, perf events,
//! open files of SysV IPC, bpf iterators.
//!
//! A kernel without pid namespaces writes the pointer down all the same, and calls `get_pid_ns` and `put_pid_ns`, which
//! do nothing. So the count is there, and the structure itself says whose it is: no table, no lock, no memory.

use super::Reference;
use crate::object::{
    FromC,
    Object,
    PidNs, //
};
use core::marker::PhantomData;

/// A structure that keeps a namespace.
///
/// # Safety
///
/// What [`Holder::ns`] returns must be the same from [`hold`] on until the structure goes, but where its count moves, too.
pub(crate) unsafe trait Holder: Object {
    /// The namespace; none if the structure was never completed.
    fn ns(&self) -> Option<&PidNs>;
}

/// Counts what `holder`, which is complete now, keeps. Any context.
#[inline]
pub(crate) fn hold(holder: &impl Holder) {
    if let Some(ns) = holder.ns() {
        Reference::get(ns).into_raw();
    }
}

/// What a structure that goes in this call has kept: an argument that is dropped when the call is over.
pub(crate) struct Going<T> {
    kept: Option<Reference>,
    _by: PhantomData<T>,
}

impl<T> Going<T> {
    /// The namespace.
    #[inline]
    pub(crate) fn ns(&self) -> Option<&PidNs> {
        self.kept.as_deref()
    }
}

impl<T: Holder> FromC for Going<T> {
    type C = *mut T::C;

    #[inline]
    unsafe fn from_c(c: *mut T::C) -> Self {
        // SAFETY: The caller's promise: it is valid still, and what `hold` has counted for it is nobody else's.
        let kept = unsafe {
            T::from_ptr(c)
                .ns()
                .map(|ns| Reference::from_raw(ns.as_ptr()))
        };
        Self {
            kept,
            _by: PhantomData,
        }
    }
}
