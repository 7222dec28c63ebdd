// SPDX-License-Identifier: GPL-2.0

//! The kernel's structures, owned.

use crate::{
    bindings,
    object::{
        Dentry,
        File,
        FromC,
        Inode,
        IntoC,
        NewCred,
        Object,
        SuperBlock,
        Task,
        UserNs, //
    },
};
use core::{
    mem,
    ops::Deref,
    ptr::NonNull, //
};
/// An object that somebody can own: have a counted reference to, or all of it.
///
/// # Safety
///
/// Until [`Counted::put`] the object must stay valid.
pub(crate) unsafe trait Counted: Object {
    /// Gives back what is owned.
    ///
    /// # Safety
    ///
    /// It must be the caller's.
    unsafe fn put(ptr: *mut Self::C);
}

/// An object that is owned; dropping gives it back.
///
/// ([`ARef`](kernel::sync::aref::ARef) is for objects of which every reference can make another owner.)
pub(crate) struct Held<T: Counted>(NonNull<T>);

impl<T: Counted> Held<T> {
    /// Leaves it to whoever keeps the pointer.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut T::C {
        let raw = self.as_ptr();
        mem::forget(self);
        raw
    }
}

impl<T: Counted> Deref for Held<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: It is valid while it is owned.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Counted> Drop for Held<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: It is ours.
        unsafe { T::put(self.as_ptr()) };
    }
}

/// Who passes the pointer gives up what it owns.
impl<T: Counted> FromC for Held<T> {
    type C = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(c: *mut T::C) -> Self {
        // SAFETY: The caller's promise.
        Self(unsafe { NonNull::new_unchecked(c.cast()) })
    }
}

/// Whoever gets the pointer owns it then.
impl<T: Counted> IntoC for Held<T> {
    type C = *mut T::C;

    #[inline(always)]
    fn into_c(self) -> *mut T::C {
        self.into_raw()
    }
}

/// Objects that can be owned, each with the function that gives it back, and what that is passed besides.
macro_rules! counted {
    ($($(#[$meta:meta])* $object:ident: $put:path $(, $more:path)*;)*) => {$(
        $(#[$meta])*
        // SAFETY: It is listed with that function, and the kernel keeps what was not given back.
        unsafe impl $crate::held::Counted for $object {
            #[inline]
            unsafe fn put(ptr: *mut <$object as $crate::object::Object>::C) {
                // SAFETY: The caller's promise.
                unsafe { $put(ptr $(, $more)*) };
            }
        }
    )*};
}
pub(crate) use counted;

counted! {
    File: bindings::fput;
    Inode: bindings::iput;
    Dentry: bindings::dput;
    Task: bindings::put_task_struct;
    UserNs: bindings::pidns_put_user_ns;
    NewCred: bindings::put_cred;
    /// That it is active.
    SuperBlock: bindings::deactivate_super;
}
