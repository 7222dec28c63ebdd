// SPDX-License-Identifier: GPL-2.0

//! The slower way to replace a function: ftrace's trampoline runs at its patch site and returns
//! into the replacement. For kernels without the fast one, and for sites that another direct user
//! holds.

use super::{
    ftrace::{unhook, PERMANENT},
    hook::Table,
    symbol::refuse,
    wrap::callbacks,
};
use crate::{
    bindings::{self, ftrace_ops},
    edge::{exports, IntoC, Passed},
    object::{fields, objects, Object, Registers},
};
use kernel::{error::to_result, ffi::c_ulong, prelude::*};

objects! {
    /// An `ftrace_ops` of [`Ops`].
    TableOps(ftrace_ops);
}

fields! {
    TableOps {
        /// Whose calls are redirected.
        fixed table: Passed<'_, Table> = private;
    }
}

/// An `ftrace_ops` that redirects functions of a table, with the filter that says which; dropping frees that. It must not
/// be registered then.
pub(super) struct Ops(KBox<ftrace_ops>);

impl Ops {
    fn new(table: &'static Table) -> Result<Self> {
        let mut flags = bindings::FTRACE_OPS_FL_IPMODIFY;
        if cfg!(CONFIG_DYNAMIC_FTRACE_WITH_REGS) {
            flags |= bindings::FTRACE_OPS_FL_SAVE_REGS;
        }
        let ops = KBox::new(
            ftrace_ops {
                func: Some(redirect),
                flags: PERMANENT | flags as c_ulong,
                private: (&raw const *table).cast_mut().cast(),
                ..Default::default()
            },
            GFP_KERNEL,
        )?;
        Ok(Self(ops))
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        // SAFETY: Not registered, or not any more. There may be no filter.
        unsafe { bindings::ftrace_free_filter(&mut *self.0) };
    }
}

impl IntoC for &mut Ops {
    type C = *mut ftrace_ops;

    #[inline(always)]
    fn into_c(self) -> *mut ftrace_ops {
        &mut *self.0
    }
}

exports! {
    // An argument of a call, by its number: it is not followed.
    argument(registers: &Registers, nr: u32) -> usize = pidns_argument;

    // One more site; at one that is none of the table's the function goes on. May sleep.
    ftrace_set_filter_ip(ops: &mut Ops, site: usize, remove: c_int, reset: c_int) -> c_int = ftrace_set_filter_ip;
}

/// Functions whose calls are redirected to their replacements; dropping gives them back.
pub(super) struct Redirects {
    ops: Ops,
}

impl Redirects {
    /// Redirects every function whose site does not become a jump, in one pass. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if somebody else redirects one of them (a live patch) or ftrace is off, `ENOMEM`;
    /// then none is.
    pub(super) fn arm(table: &'static Table) -> Result<Option<Self>> {
        if table.all().all(|hook| hook.jumps()) {
            return Ok(None);
        }
        let mut ops = Ops::new(table)?;
        for hook in table.all().filter(|hook| !hook.jumps()) {
            to_result(ftrace_set_filter_ip(&mut ops, hook.site(), 0, 0))
                .map_err(|error| refuse("ftrace cannot redirect", hook.name(), error))?;
        }
        // SAFETY: `ops` is pinned in its box until it is unregistered, when what is returned here is dropped.
        to_result(unsafe { bindings::register_ftrace_function(&mut *ops.0) })
            .inspect_err(|_| pr_err!("not loaded: ftrace cannot redirect the functions to hook (is one live-patched? kernel.ftrace_enabled must be 1)\n"))?;
        Ok(Some(Self { ops }))
    }
}

impl Drop for Redirects {
    fn drop(&mut self) {
        // SAFETY: Registered by `arm`. It waits for the trampoline's users.
        unhook(|| unsafe { bindings::unregister_ftrace_function(&mut *self.ops.0) });
    }
}

callbacks! {
    /// ftrace's callback at a redirected site: goes on in the replacement, if that applies.
    ///
    /// Any context, preemption disabled; sleeps and locks nothing.
    fn redirect(ip: c_ulong, _parent: c_ulong, ops: &TableOps, registers: &Registers) {
        let mut hooks = ops.table().0.all();
        let hook = hooks.find(|hook| hook.site() == ip);
        if let Some(hook) = hook.filter(|hook| hook.applies(registers)) {
            // SAFETY: The registers are those at the function's entry, and the replacement has its type.
            unsafe { bindings::pidns_set_ip(registers.as_ptr(), hook.replacement()) };
        }
    }
}
