// SPDX-License-Identifier: GPL-2.0

//! How a kernel function is replaced, and given back.
//!
//! A load is all or nothing: [`Symbols::find`] looks up every function and datum that the module
//! touches and changes nothing; [`Symbols::arm`] then replaces all hooked functions, or none.
//!
//! While the sites are being patched some functions are already ours and others still the
//! kernel's. That is harmless: every replacement does what the original does as long as no
//! namespace of ours exists, on the same data under the same locks, and none can be created
//! before the module is live or after it begins to go (`module::Live`, `namespace::create`).

mod btf;
mod call;
mod ftrace;
#[allow(clippy::module_inception)]
mod hook;
#[cfg_attr(not(pidns_jumps), path = "no_jump.rs")]
mod jump;
mod prototypes;
mod redirect;
mod symbol;
mod wrap;

#[allow(unused_imports, reason = "not every mode uses all")]
pub(crate) use {
    call::{call, imports, Call},
    hook::{condition, hooks, original, prototype, replacement, rest, Hook, Kept, Table},
    symbol::Data,
    wrap::{
        callbacks,
        when,
        wrap,
        wrap_kept, //
    },
};

use crate::{bindings, module};
use jump::{can_jump, Jumps};
use kernel::{prelude::*, str::CStr};
use redirect::Redirects;

pub(crate) use {ftrace::msleep, redirect::argument};

/// What a module needs of its kernel.
pub(crate) struct Needs {
    /// Functions that the kernel does not export.
    pub(crate) functions: &'static [&'static [Call]],
    /// Looks up data.
    pub(crate) data: fn() -> Result,
    /// Functions to be hooked.
    pub(crate) hooks: Table,
}

impl Needs {
    /// Whether a function of this name is called or hooked.
    fn names(&self, name: &str) -> bool {
        let is_it = |other: &CStr| other.to_bytes() == name.as_bytes();
        let mut calls = self.functions.iter().copied().flatten();
        calls.any(|call| is_it(call.name)) || self.hooks.every().any(|hook| is_it(hook.name))
    }
}

/// Proof that everything which the module needs of this kernel is there.
pub(crate) struct Symbols(&'static Needs);

impl Symbols {
    /// Looks up every symbol and binds the static calls. Hooks nothing.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `EPERM` in a locked-down kernel, `ENOENT` when a function or datum is missing, `ENOTUNIQ`
    /// when its name is ambiguous, `EOPNOTSUPP` when it cannot be hooked or is another function; one line in the log
    /// names it.
    pub(crate) fn find(needs: &'static Needs) -> Result<Self> {
        if ftrace::security_locked_down(bindings::lockdown_reason_LOCKDOWN_KPROBES) != 0 {
            pr_err!("not loaded: the kernel is locked down and forbids to hook functions\n");
            return Err(EPERM);
        }
        symbol::open()?;
        for call in Iterator::chain(needs.functions.iter().copied(), [ftrace::IMPORTS]).flatten() {
            call.bind(symbol::find(call.name)?);
        }
        (needs.data)()?;
        needs.hooks.find()?;
        prototypes::check(needs)?;
        Ok(Self(needs))
    }

    /// Replaces every hooked function, with a direct jump where `direct` and the kernel allow it.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// Those of ftrace; then nothing is hooked.
    pub(crate) fn arm(self, direct: bool) -> Result<Hooks> {
        let table = &self.0.hooks;
        table.decide(|hook| direct && can_jump(hook));
        for hook in table.all() {
            hook.bind_original();
        }
        // First of all, so that a failure below waits for those who were already redirected.
        let drain = Drain;
        let hooks = Hooks {
            _redirects: Redirects::arm(table)?,
            _jumps: Jumps::arm(table)?,
            _drain: drain,
            count: table.all().count(),
        };
        Ok(hooks)
    }
}

/// The hooked functions; dropping gives them back and waits until no task is inside the module.
///
/// The fields are dropped in this order. The jumps go at once; to take the redirects back takes a grace period, in
/// which a signal that is led around the protection could not be led to its end, because nobody may enter any more.
pub(crate) struct Hooks {
    _jumps: Option<Jumps>,
    _redirects: Option<Redirects>,
    _drain: Drain,
    count: usize,
}

// SAFETY: What the fields point to belongs to ftrace, which has its own locks, and is only used
// again when the hooks are dropped.
unsafe impl Send for Hooks {}
// SAFETY: As above: nothing can be done with a shared reference.
unsafe impl Sync for Hooks {}

impl Hooks {
    /// How many functions are hooked.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// On drop, with every function given back: waits for the tasks that are still inside.
struct Drain;

impl Drop for Drain {
    fn drop(&mut self) {
        module::drain();
    }
}
