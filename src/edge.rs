// SPDX-License-Identifier: GPL-2.0

//! What passes between C and Rust, and the functions of the kernel that are safe to call with it.

use crate::bindings;
use core::ffi::CStr;
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// What the kernel passes to a function, as that sees it.
pub(crate) trait FromC: Sized {
    /// The type in C.
    type C;

    /// The value.
    ///
    /// # Safety
    ///
    /// A pointer that becomes a reference must be valid for as long as that is used, and what the type says must hold.
    unsafe fn from_c(c: Self::C) -> Self;
}

/// What is passed to a function of the kernel's.
pub(crate) trait IntoC {
    /// The type in C.
    type C;

    /// The value.
    fn into_c(self) -> Self::C;
}

/// The same, of a pointer that may be null.
impl<R, T> FromC for Option<R>
where
    R: FromC<C = *mut T>,
{
    type C = *mut T;

    #[inline(always)]
    unsafe fn from_c(c: *mut T) -> Self {
        // SAFETY: The caller's promise, which is about what is not null.
        (!c.is_null()).then(|| unsafe { R::from_c(c) })
    }
}

/// The same, of a pointer that may be an error.
impl<R, T> FromC for Result<R>
where
    R: FromC<C = *mut T>,
{
    type C = *mut T;

    #[inline(always)]
    unsafe fn from_c(c: *mut T) -> Self {
        // SAFETY: The caller's promise, which is about what is no error.
        from_err_ptr(c).map(|c| unsafe { R::from_c(c) })
    }
}

/// What a caller of the kernel's has it pass on to one of our functions.
pub(crate) struct Passed<'a, T>(pub(crate) &'a T);

impl<T> FromC for Passed<'_, T> {
    type C = *mut c_void;

    #[inline(always)]
    unsafe fn from_c(c: *mut c_void) -> Self {
        // SAFETY: The caller's promise.
        Self(unsafe { &*c.cast() })
    }
}

impl IntoC for &CStr {
    type C = *const c_char;

    #[inline(always)]
    fn into_c(self) -> *const c_char {
        self.as_char_ptr()
    }
}

/// Values that are the same on both sides.
macro_rules! plain {
    ($($type:ty $(, for $generic:ident)?;)*) => {$(
        impl$(<$generic>)? FromC for $type {
            type C = Self;

            #[inline(always)]
            unsafe fn from_c(c: Self) -> Self {
                c
            }
        }

        impl$(<$generic>)? IntoC for $type {
            type C = Self;

            #[inline(always)]
            fn into_c(self) -> Self {
                self
            }
        }
    )*};
}

plain! {
    ();
    bindings::kuid_t;
    bool;
    u8;
    u16;
    i32;
    u32;
    i64;
    u64;
    isize;
    usize;
    [u8; bindings::TASK_COMM_LEN as usize];
    *mut T, for T;
    *const T, for T;
    bindings::__sighandler_t;
    Option<unsafe extern "C" fn(*mut bindings::perf_event, *mut bindings::perf_sample_data, *mut bindings::pt_regs)>;
}

/// For [`exports`], and the `imports` of `hook`.
///
/// What a function with a lifetime returns is kept by RCU: it also takes the guard of that.
macro_rules! import {
    ($(#[$meta:meta])* $name:ident $symbol:ident) => {
        $(#[$meta])*
        #[allow(unused_imports, reason = "some have a signature elsewhere, where the types of that are known")]
        pub(crate) use $crate::bindings::$symbol as $name;
    };
    (
        $(#[$meta:meta])*
        $name:ident $symbol:ident $(<$rcu:lifetime>)? ($($argument:ident: $type:ty),*) $(-> $result:ty)?
    ) => {
        $(#[$meta])*
        #[allow(dead_code, reason = "not every mode calls all")]
        #[inline(always)]
        pub(crate) fn $name$(<$rcu>)?(
            $($argument: $type,)*
            $(_rcu: &$rcu ::kernel::sync::rcu::Guard,)?
        ) $(-> $result)? {
            // SAFETY: It is listed with this signature because whatever has these types may be passed, and what it
            // returns is as the type says. A call of a function that is not exported was bound when the module was
            // loaded, before the first hook was armed.
            unsafe {
                $crate::edge::FromC::from_c(
                    $crate::bindings::$symbol($($crate::edge::IntoC::into_c($argument)),*)
                )
            }
        }
    };
}
pub(crate) use import;

/// A table of functions that can be linked, with the signatures that make them safe.
macro_rules! exports {
    ($(
        $(#[$meta:meta])*
        $name:ident $(<$rcu:lifetime>)? ($($argument:ident: $type:ty),*) $(-> $result:ty)? = $symbol:ident;
    )*) => {$(
        $crate::edge::import! { $(#[$meta])* $name $symbol $(<$rcu>)? ($($argument: $type),*) $(-> $result)? }
    )*};
}
pub(crate) use exports;
