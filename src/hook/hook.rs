// SPDX-License-Identifier: GPL-2.0

//! What is known of a hooked function: what replaces it, and whether the original is called.

use super::{
    call::Call,
    ftrace::kernel_fn,
    symbol::{self, refuse},
};
use crate::bindings;
use core::{
    ffi::c_void,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{prelude::*, str::CStr};

/// A kernel function and its replacement.
pub(crate) struct Hook {
    pub(crate) name: &'static CStr,
    pub(crate) replacement: *const c_void,
    /// The call of the original, if the replacement calls it.
    pub(crate) original: Option<Call>,
    /// Which calls are replaced, if not all are: a question about the current task, for any context.
    pub(crate) when: Option<fn() -> bool>,
    /// Where the function is patched: its ftrace location. 0 until it is found.
    pub(crate) site: AtomicUsize,
    /// Whether the site becomes a jump; otherwise the function is redirected.
    pub(crate) jumps: AtomicBool,
}

// SAFETY: The pointer is the address of a function; the rest is `Sync`.
unsafe impl Sync for Hook {}

impl Hook {
    /// Finds the function's patch site.
    pub(super) fn find(&self) -> Result {
        let address = symbol::find(self.name)?;
        let site = kernel_fn::ftrace_location(address);
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
        Some($crate::hook::call!($name))
    };
}

/// The C prototype of the function: the compiler compares it with the replacement's.
macro_rules! prototype {
    ($name:ident replaced) => {
        $crate::bindings::$name
    };
    ($name:ident wrapped) => {
        $crate::imports::original::$name
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

        pub(in $crate::hooks) static HOOKS: [$crate::hook::Hook; COUNT] = [$(
            $(#[$cfg])*
            $crate::hook::Hook {
                name: match ::core::ffi::CStr::from_bytes_with_nul(
                    concat!(stringify!($name), "\0").as_bytes()
                ) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
                replacement: $replacement as *const ::core::ffi::c_void,
                original: $crate::hook::original!($name $kind),
                when: $crate::hook::condition!($($when)?),
                site: ::core::sync::atomic::AtomicUsize::new(0),
                jumps: ::core::sync::atomic::AtomicBool::new(false),
            }
        ),*];

        const _: () = {
            $($(#[$cfg])* {
                let _ = [$crate::hook::prototype!($name $kind), $replacement];
            })*
        };
    };
}
pub(crate) use {condition, hooks, original, prototype};

/// All hooked functions, in some tables.
pub(crate) struct Table(pub(crate) &'static [&'static [Hook]]);

impl Table {
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Hook> {
        self.0.iter().copied().flatten()
    }
}
