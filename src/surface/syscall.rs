// SPDX-License-Identifier: GPL-2.0

//! System calls, each written once for all the conventions by which programs make it.

use crate::{bindings::pt_regs, module::Loaded};
use core::cell::Cell;
use kernel::prelude::*;

/// In which registers the arguments are.
#[derive(Clone, Copy)]
pub(super) enum Convention {
    /// Of 64-bit programs.
    X64,
    /// Of 32-bit programs.
    #[cfg(CONFIG_IA32_EMULATION)]
    Ia32,
}

impl Convention {
    /// The first three arguments.
    #[inline]
    fn arguments(self, registers: &mut pt_regs) -> [&mut c_ulong; 3] {
        match self {
            Self::X64 => [&mut registers.di, &mut registers.si, &mut registers.dx],
            #[cfg(CONFIG_IA32_EMULATION)]
            Self::Ia32 => [&mut registers.bx, &mut registers.cx, &mut registers.dx],
        }
    }
}

/// A call of the current task's, and the kernel's own function for it, to which whatever user space may pass can be
/// passed.
pub(super) struct Call<'a, F> {
    /// Goes when the call is over, or before that where it does not return.
    _loaded: Loaded,
    convention: Convention,
    registers: &'a Cell<pt_regs>,
    original: F,
}

impl<'a, F: FnOnce(&Cell<pt_regs>) -> c_long> Call<'a, F> {
    #[inline]
    pub(super) fn new(
        loaded: Loaded,
        convention: Convention,
        registers: &'a Cell<pt_regs>,
        original: F,
    ) -> Self {
        Self {
            _loaded: loaded,
            convention,
            registers,
            original,
        }
    }

    /// Its first three arguments.
    #[inline]
    pub(super) fn arguments(&self) -> [usize; 3] {
        self.convention
            .arguments(&mut self.registers.get())
            .map(|argument| *argument)
    }

    /// Has the kernel do it.
    #[inline]
    pub(super) fn pass_on(self) -> c_long {
        (self.original)(self.registers)
    }

    /// Has the kernel do it with another argument. The caller's own registers stay as they are.
    #[inline]
    pub(super) fn pass_on_with<const INDEX: usize>(self, argument: usize) -> c_long {
        let mut changed = self.registers.get();
        *self.convention.arguments(&mut changed)[INDEX] = argument;
        (self.original)(&Cell::new(changed))
    }
}

/// Writes the functions that take the place of a system call's, which end in that of the same name here.
macro_rules! system_call {
    ($name:ident, by $function:ident) => {
        $crate::surface::syscall::entry! {
            /// Wraps the system call of 64-bit programs.
            __x64_sys $name X64 $function
        }
        $crate::surface::syscall::entry! {
            /// Wraps the system call of 32-bit programs.
            #[cfg(CONFIG_IA32_EMULATION)]
            __ia32_sys $name Ia32 $function
        }
    };
}
pub(super) use system_call;

/// For [`system_call`].
macro_rules! entry {
    ($(#[$meta:meta])* $prefix:ident $name:ident $convention:ident $function:ident) => {
        ::kernel::macros::paste! {
            $(#[$meta])*
            #[allow(non_upper_case_globals, reason = "it has the kernel's name")]
            pub(crate) const [<$prefix _ $name>]: $crate::hook::Kept<
                unsafe extern "C" fn(*const $crate::bindings::pt_regs) -> ::kernel::ffi::c_long
            > = {
                /// # Safety
                ///
                /// The kernel's: it is called in the place of the function that it replaces, with a reference to the module.
                unsafe extern "C" fn kept(
                    registers: *const $crate::bindings::pt_regs
                ) -> ::kernel::ffi::c_long {
                    // SAFETY: The kernel passes the registers with which the current task made the call. The original
                    // believes nothing of them. The reference to the module was left for this call alone.
                    unsafe {
                        $function($crate::surface::syscall::Call::new(
                            $crate::module::Loaded::from_raw(),
                            $crate::surface::syscall::Convention::$convention,
                            &*registers.cast(),
                            |registers| $crate::imports::original::[<$prefix _ $name>](registers.as_ptr()),
                        ))
                    }
                }
                $crate::hook::Kept(kept)
            };
        }
    };
}
pub(super) use entry;
