// SPDX-License-Identifier: GPL-2.0

//! What is known of a hooked function: what replaces it, and whether the original is called.

use super::{
    call::Call,
    ftrace::kernel_fn,
    symbol::{self, refuse},
};
use crate::{bindings, object::Registers};
use core::{
    ffi::c_void,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{prelude::*, str::CStr};

/// A kernel function and its replacement.
pub(crate) struct Hook {
    pub(crate) name: &'static CStr,
    /// What the compiler calls the rest of it, where it has made the beginning part of the callers and that does not matter.
    pub(crate) rest: Option<&'static CStr>,
    /// Functions of its own file that call it: a compiler might make it a part of them. Of each row the first that there is: it
    /// may itself be a part of the next.
    pub(crate) callers: &'static [&'static [&'static CStr]],
    pub(crate) replacement: *const c_void,
    /// The call of the original, if the replacement calls it.
    pub(crate) original: Option<Call>,
    /// Which calls are replaced, if not all are: a question about the current task and the call's arguments, for any
    /// context.
    pub(crate) when: Option<fn(&Registers) -> bool>,
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
        let address = match self.rest.map(|rest| symbol::find_rest(self.name, rest)) {
            Some(Some(address)) => address,
            _ => symbol::find_all_of(self.name)?,
        };
        let site = kernel_fn::ftrace_location(address);
        if site == 0 {
            return Err(refuse(
                "this kernel's ftrace cannot hook",
                self.name,
                crate::compat::eopnotsupp(),
            ));
        }
        for caller in self.callers {
            if !symbol::calls(caller, address) {
                return Err(refuse(
                    "this kernel's compiler has made a part of its callers of",
                    self.name,
                    crate::compat::eopnotsupp(),
                ));
            }
        }
        self.site.store(site, Ordering::Relaxed);
        Ok(())
    }

    /// Whether [`Hook::find`] will find it.
    fn is_there(&self) -> Result<bool> {
        let address = symbol::find_whole(self.name)?;
        Ok(address.is_some_and(|address| kernel_fn::ftrace_location(address) != 0))
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
    fn decide(&self, jumps: bool) {
        self.jumps
            .store(jumps && self.when.is_none(), Ordering::Relaxed);
    }

    /// Whether the call that the current task makes with these `registers` goes to the replacement. To be asked once.
    pub(super) fn applies(&self, registers: &Registers) -> bool {
        self.when.is_none_or(|applies| applies(registers))
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

/// A replacement that takes over a reference to the module, which the condition of its hook leaves.
pub(crate) struct Kept<F>(pub(crate) F);

macro_rules! original {
    ($name:ident replaced) => {
        None
    };
    ($name:ident $wrapped_or_kept:ident) => {
        Some($crate::hook::call!($name))
    };
}

/// The C prototype of the function: the compiler compares it with the replacement's.
macro_rules! prototype {
    ($name:ident replaced) => {
        $crate::bindings::$name
    };
    ($name:ident $wrapped_or_kept:ident) => {
        $crate::imports::original::$name
    };
}

/// The function that takes the place of the kernel's.
macro_rules! replacement {
    ($replacement:path, kept) => {
        $replacement.0
    };
    ($replacement:path, $other:ident) => {
        $replacement
    };
}

/// The name of the rest, if there is one.
macro_rules! rest {
    () => {
        None
    };
    ($rest:literal) => {
        Some($rest)
    };
}

macro_rules! condition {
    (kept) => {
        Some($crate::module::keep)
    };
    ($kind:ident) => {
        None
    };
    ($kind:ident $when:path) => {
        Some($when)
    };
}

/// A table of hooked functions, and their originals.
///
/// `name => replacement, kind;`, where the kind is
///
/// * `replaced`, if the replacement does not call the original;
/// * `wrapped`, if it does. Nothing in it waits for user space, touches its memory, or opens what it names;
/// * `kept`, if anything does. Such a call has a reference to the module, so that an unload is refused meanwhile, and
///   goes to the original at once, without a frame of the module's, if there is none to be had: the module comes or goes.
///
/// With `or c"name.part.0"` it is what is called so, where the compiler has made the beginning of the function part of its callers.
///
/// With `in c"caller", …` the load makes sure that these call it, where it stands in the same file as they; with
/// `c"caller" | c"its caller"`, that the first does which the compiler has left.
///
/// With `when condition` the calls to which that does not apply go to the original at once, too; that of a `kept` one
/// leaves the reference.
macro_rules! hooks {
    ($(
        $(#[$cfg:meta])*
        $name:ident $(or $rest:literal)? $(in $($($caller:literal)|+),+)? => $replacement:path, $kind:ident $(when $when:path)?;
    )*) => {
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
                rest: $crate::hook::rest!($($rest)?),
                callers: &[$($(&[$($caller),+]),+)?],
                replacement: $crate::hook::replacement!($replacement, $kind) as *const ::core::ffi::c_void,
                original: $crate::hook::original!($name $kind),
                when: $crate::hook::condition!($kind $($when)?),
                site: ::core::sync::atomic::AtomicUsize::new(0),
                jumps: ::core::sync::atomic::AtomicBool::new(false),
            }
        ),*];

        const _: () = {
            $($(#[$cfg])* {
                let _ = [$crate::hook::replacement!($replacement, $kind), $crate::hook::prototype!($name $kind)];
            })*
        };
    };
}
pub(crate) use {condition, hooks, original, prototype, replacement, rest};

/// All hooked functions.
pub(crate) struct Table {
    /// Those without which the module is not loaded.
    pub(crate) needed: &'static [&'static [Hook]],
    /// Those that are hooked if all of them are there.
    pub(crate) optional: &'static [Hook],
    /// What is so if they are not.
    pub(crate) lack: &'static str,
    /// Those that are but a shorter way, hooked where the site can jump: any other way to hook them would be longer than the
    /// kernel's own.
    pub(crate) shorter: &'static [Hook],
}

impl Table {
    /// Of no functions.
    pub(super) const NOWHERE: Self = Self {
        needed: &[],
        optional: &[],
        lack: "",
        shorter: &[],
    };

    /// Finds the patch sites of all.
    pub(super) fn find(&self) -> Result {
        for hook in self.shorter {
            if hook.is_there()? {
                hook.find()?;
            }
        }
        for hook in self.needed.iter().copied().flatten() {
            hook.find()?;
        }
        for hook in self.optional {
            if !hook.is_there()? {
                pr_info!(
                    "this kernel has no `{}` that can be hooked: {}\n",
                    hook.name,
                    self.lack
                );
                return Ok(());
            }
        }
        self.optional.iter().try_for_each(Hook::find)
    }

    /// Decides how each is replaced.
    pub(super) fn decide(&self, can_jump: impl Fn(&Hook) -> bool) {
        for hook in self.shorter {
            if hook.site() != 0 && !can_jump(hook) {
                hook.site.store(0, Ordering::Relaxed);
            }
        }
        for hook in self.all() {
            hook.decide(can_jump(hook));
        }
    }

    /// All that may be hooked.
    pub(super) fn every(&self) -> impl Iterator<Item = &'static Hook> {
        let others = Iterator::chain(self.optional.iter(), self.shorter);
        Iterator::chain(self.needed.iter().copied().flatten(), others)
    }

    /// Those whose patch sites were found.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Hook> {
        let others = Iterator::chain(self.optional.iter(), self.shorter);
        let others = others.filter(|hook| hook.site() != 0);
        Iterator::chain(self.needed.iter().copied().flatten(), others)
    }
}
