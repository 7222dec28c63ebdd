// SPDX-License-Identifier: GPL-2.0

//! Calls of kernel functions that no module may call by name.
//!
//! They go through static calls: a trampoline for each, which is given its target when the module is loaded. What that is made of is the
//! processor's (`bindings/arch`). A call through a pointer would miss the landing pads that processors ask for.

use crate::bindings::{self, static_call_key};
use kernel::{prelude::*, str::CStr};

/// A static call of `src/bindings/input.h`.
pub(crate) struct Call {
    pub(super) name: &'static CStr,
    key: *mut static_call_key,
    trampoline: *const c_void,
}

// SAFETY: The fields are addresses of statics; only the kernel writes what they point to.
unsafe impl Sync for Call {}

impl Call {
    pub(crate) const fn new(
        name: &'static CStr,
        key: *mut static_call_key,
        trampoline: *const c_void,
    ) -> Self {
        Self {
            name,
            key,
            trampoline,
        }
    }

    /// Makes the call go to `address`. May sleep.
    pub(super) fn bind(&self, address: usize) {
        // SAFETY: Key and trampoline belong together (one macro makes both), and `address` is that
        // of the function whose type the trampoline was declared with, or behind its patch site.
        unsafe {
            bindings::pidns_bind(self.key, self.trampoline.cast_mut(), address as *mut c_void)
        };
    }
}

/// The [`Call`] of a kernel function.
macro_rules! call {
    ($name:ident) => {
        ::kernel::macros::paste! {
            $crate::hook::Call::new(
                match ::core::ffi::CStr::from_bytes_with_nul(
                    concat!(stringify!($name), "\0").as_bytes()
                ) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
                &raw mut $crate::bindings::[<__SCK__pidns_ $name>],
                $crate::bindings::[<__SCT__pidns_ $name>] as *const ::core::ffi::c_void,
            )
        }
    };
}
pub(crate) use call;

/// A table of functions that the kernel does not export, and the same, to be called: with a signature as safe
/// functions ([`import`](crate::edge)), without one as they are.
macro_rules! imports {
    ($(
        $(#[$meta:meta])*
        $name:ident $(<$rcu:lifetime>)? $(($($argument:ident: $type:ty),*) $(-> $result:ty)?)?;
    )*) => {
        pub(super) static IMPORTS: &[$crate::hook::Call] =
            &[$($(#[$meta])* $crate::hook::call!($name)),*];

        /// Functions that the kernel does not export, to be called.
        pub(crate) mod kernel_fn {
            #[allow(unused_imports, reason = "for signatures")]
            use super::*;

            $(
                ::kernel::macros::paste! {
                    $crate::edge::import! {
                        $(#[$meta])* $name [<__SCT__pidns_ $name>]
                        $(<$rcu>)? $(($($argument: $type),*) $(-> $result)?)?
                    }
                }
            )*
        }
    };
}
pub(crate) use imports;
