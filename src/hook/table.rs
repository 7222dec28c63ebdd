// SPDX-License-Identifier: GPL-2.0

//! What is known of a hooked function: what replaces it, and whether the original is called.

use super::{both, call::Call, kernel_fn, own, refuse, symbol};
use crate::bindings;
use core::{
    ffi::c_void,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{ffi::c_ulong, prelude::*, str::CStr};

/// `kernel.ftrace_enabled` cannot be set to 0 while functions are hooked: with some of them the
/// kernel's again, references would be dropped that were never counted.
pub(super) const PERMANENT: c_ulong = bindings::FTRACE_OPS_FL_PERMANENT as c_ulong;

/// A kernel function and its replacement.
pub(super) struct Hook {
    pub(super) name: &'static CStr,
    pub(super) replacement: *const c_void,
    /// The call of the original, if the replacement calls it.
    pub(super) original: Option<Call>,
    /// Which calls are replaced, if not all are: a question about the current task, for any context.
    pub(super) when: Option<fn() -> bool>,
    /// Where the function is patched: its ftrace location. 0 until it is found.
    pub(super) site: AtomicUsize,
    /// Whether the site becomes a jump; otherwise the function is redirected.
    pub(super) jumps: AtomicBool,
}

// SAFETY: The pointer is the address of a function; the rest is `Sync`.
unsafe impl Sync for Hook {}

impl Hook {
    /// Finds the function's patch site.
    pub(super) fn find(&self) -> Result {
        let address = symbol::find(self.name)?;
        // SAFETY: A pure query; the call is bound before any hook is looked up.
        let site = unsafe { kernel_fn::ftrace_location(address) };
        if site == 0 {
            return Err(refuse(
                "this kernel's ftrace cannot hook",
                self.name,
                crate::compat::eopnotsupp(),
            ));
        }
        self.site.store(site, Ordering::Relaxed);
        Ok(())
    }

    /// Makes calls of the original go behind its patch site.
    pub(super) fn bind_original(&self) {
        if let Some(call) = &self.original {
            call.bind(self.site() + bindings::MCOUNT_INSN_SIZE as usize);
        }
    }

    /// Decides how the function is replaced. Once and for all: were a jump that another direct user
    /// has meanwhile made impossible to become a redirect, or the other way round, between the
    /// passes that arm the two, the function would be in neither or in both.
    pub(super) fn decide(&self, jumps: bool) {
        self.jumps
            .store(jumps && self.when.is_none(), Ordering::Relaxed);
    }

    /// Whether the call that the current task makes goes to the replacement.
    pub(super) fn applies(&self) -> bool {
        self.when.is_none_or(|applies| applies())
    }

    pub(super) fn jumps(&self) -> bool {
        self.jumps.load(Ordering::Relaxed)
    }

    pub(super) fn name(&self) -> &'static CStr {
        self.name
    }

    pub(super) fn site(&self) -> usize {
        self.site.load(Ordering::Relaxed)
    }

    pub(super) fn replacement(&self) -> usize {
        self.replacement as usize
    }
}

macro_rules! original {
    ($name:ident replaced) => {
        None
    };
    ($name:ident wrapped) => {
        Some($crate::hook::call::call!($name))
    };
}

/// The C prototype of the function: the compiler compares it with the replacement's.
macro_rules! prototype {
    ($name:ident replaced) => {
        $crate::bindings::$name
    };
    ($name:ident wrapped) => {
        original::$name
    };
}

macro_rules! export {
    ($(#[$cfg:meta])* $name:ident replaced) => {};
    ($(#[$cfg:meta])* $name:ident wrapped) => {
        ::kernel::macros::paste! {
            $(#[$cfg])*
            pub(crate) use $crate::bindings::[<__SCT__pidns_ $name>] as $name;
        }
    };
}

macro_rules! condition {
    () => {
        None
    };
    ($when:path) => {
        Some($when)
    };
}

/// A table of hooked functions, and their originals.
///
/// `name => replacement, replaced;` or `wrapped`, if the replacement calls the original; with
/// `when condition` the calls to which that does not apply go to the original at once, without a
/// frame of the module's: for functions that sleep for as long as somebody likes.
macro_rules! hooks {
    ($($(#[$cfg:meta])* $name:ident => $replacement:path, $kind:ident $(when $when:path)?;)*) => {
        const COUNT: usize = [$($(#[$cfg])* stringify!($name)),*].len();

        pub(in $crate::hook) static HOOKS: [$crate::hook::table::Hook; COUNT] = [$(
            $(#[$cfg])*
            $crate::hook::table::Hook {
                name: match ::core::ffi::CStr::from_bytes_with_nul(
                    concat!(stringify!($name), "\0").as_bytes()
                ) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
                replacement: $replacement as *const ::core::ffi::c_void,
                original: $crate::hook::table::original!($name $kind),
                when: $crate::hook::table::condition!($($when)?),
                site: ::core::sync::atomic::AtomicUsize::new(0),
                jumps: ::core::sync::atomic::AtomicBool::new(false),
            }
        ),*];

        const _: () = {
            $($(#[$cfg])* {
                let _ = [$crate::hook::table::prototype!($name $kind), $replacement];
            })*
        };

        /// The originals, to be called.
        pub(crate) mod original {
            $($crate::hook::table::export!($(#[$cfg])* $name $kind);)*
        }
    };
}
pub(super) use {condition, export, hooks, original, prototype};

/// All hooked functions: those that both modes hook, and those of this kernel's.
pub(super) fn all() -> impl Iterator<Item = &'static Hook> {
    Iterator::chain(both::HOOKS.iter(), &own::HOOKS)
}
