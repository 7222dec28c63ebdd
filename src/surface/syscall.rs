// SPDX-License-Identifier: GPL-2.0

//! System calls, each written once for all the ways by which programs make it.

use crate::{
    bindings::pt_regs,
    edge::exports,
    module::Loaded, //
};
use core::cell::Cell;
use kernel::prelude::*;

exports! {
    // An argument of the current task's system call, by its number from 0, as the kernel itself finds it in the registers.
    argument_of(registers: &Cell<pt_regs>, nr: u32) -> usize = pidns_syscall_argument;
    // Puts another in its place.
    set_argument_of(registers: &Cell<pt_regs>, nr: u32, argument: usize) = pidns_set_syscall_argument;
}

/// A call of the current task's, and the kernel's own function for it, to which whatever user space may pass can be
/// passed.
pub(crate) struct Call<'a, F> {
    /// Goes when the call is over, or before that where it does not return.
    _loaded: Loaded,
    registers: &'a Cell<pt_regs>,
    original: F,
}

impl<'a, F: FnOnce(&Cell<pt_regs>) -> c_long> Call<'a, F> {
    #[inline]
    pub(crate) fn new(loaded: Loaded, registers: &'a Cell<pt_regs>, original: F) -> Self {
        Self {
            _loaded: loaded,
            registers,
            original,
        }
    }

    /// Its first three arguments.
    #[inline]
    pub(super) fn arguments(&self) -> [usize; 3] {
        [0, 1, 2].map(|nr| argument_of(self.registers, nr))
    }

    /// Has the kernel do it.
    #[inline]
    pub(super) fn pass_on(self) -> c_long {
        (self.original)(self.registers)
    }

    /// Has the kernel do it with another argument `nr`. The caller's own registers stay as they are.
    #[inline]
    pub(super) fn pass_on_with(self, nr: u32, argument: usize) -> c_long {
        let changed = self.registers.clone();
        set_argument_of(&changed, nr, argument);
        (self.original)(&changed)
    }
}

/// A table of hooked functions that are system calls. Several may be the same call, each of one kind of programs.
macro_rules! system_calls {
    ($($(#[$cfg:meta])* $name:ident => $function:path;)*) => {
        $(
            $(#[$cfg])*
            #[allow(non_upper_case_globals, reason = "it has the kernel's name")]
            const $name: $crate::hook::Kept<
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
                            &*registers.cast(),
                            |registers| $crate::imports::original::$name(registers.as_ptr()),
                        ))
                    }
                }
                $crate::hook::Kept(kept)
            };
        )*

        $crate::hook::hooks! {
            $($(#[$cfg])* $name => $name, kept;)*
        }
    };
}
pub(crate) use system_calls;
