// SPDX-License-Identifier: GPL-2.0

//! The slower way to replace a function: ftrace's trampoline runs at its patch site and returns
//! into the replacement. For kernels without the fast one, and for sites that another direct user
//! holds.

use super::{
    ftrace::{unhook, PERMANENT},
    hook::Table,
    symbol::refuse,
};
use crate::bindings::{self, ftrace_ops, ftrace_regs};
use kernel::{error::to_result, ffi::c_ulong, prelude::*};

/// Functions whose calls are redirected to their replacements; dropping gives them back.
pub(super) struct Redirects {
    ops: KBox<ftrace_ops>,
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
        let mut flags = bindings::FTRACE_OPS_FL_IPMODIFY;
        if cfg!(CONFIG_DYNAMIC_FTRACE_WITH_REGS) {
            flags |= bindings::FTRACE_OPS_FL_SAVE_REGS;
        }
        let mut ops = KBox::new(
            ftrace_ops {
                func: Some(redirect),
                flags: PERMANENT | flags as c_ulong,
                private: (&raw const *table).cast_mut().cast(),
                ..Default::default()
            },
            GFP_KERNEL,
        )?;
        let armed = Self::register(&mut ops, table);
        if armed.is_err() {
            // SAFETY: Not registered; frees the filter that was set, if any.
            unsafe { bindings::ftrace_free_filter(&mut *ops) };
        }
        armed.map(|()| Some(Self { ops }))
    }

    fn register(ops: &mut KBox<ftrace_ops>, table: &Table) -> Result {
        for hook in table.all().filter(|hook| !hook.jumps()) {
            // SAFETY: `ops` is not registered yet, and the site is one of ftrace's.
            to_result(unsafe { bindings::ftrace_set_filter_ip(&mut **ops, hook.site(), 0, 0) })
                .map_err(|error| refuse("ftrace cannot redirect", hook.name(), error))?;
        }
        // SAFETY: `ops` is pinned in its box until it is unregistered.
        to_result(unsafe { bindings::register_ftrace_function(&mut **ops) })
            .inspect_err(|_| pr_err!("not loaded: ftrace cannot redirect the functions to hook (is one live-patched? kernel.ftrace_enabled must be 1)\n"))
    }
}

impl Drop for Redirects {
    fn drop(&mut self) {
        // SAFETY: Registered by `arm`. It waits for the trampoline's users.
        unhook(|| unsafe { bindings::unregister_ftrace_function(&mut *self.ops) });
        // SAFETY: Not registered any more.
        unsafe { bindings::ftrace_free_filter(&mut *self.ops) };
    }
}

/// ftrace's callback at a redirected site: goes on in the replacement, if that applies.
///
/// Any context, preemption disabled; sleeps and locks nothing.
///
/// # Safety
///
/// ftrace's: `regs` are those of a call of the function at `ip`.
unsafe extern "C" fn redirect(
    ip: c_ulong,
    _parent: c_ulong,
    ops: *mut ftrace_ops,
    regs: *mut ftrace_regs,
) {
    // SAFETY: `ops` are those of `arm`, which put the table there.
    let table = unsafe { &*(*ops).private.cast::<Table>() };
    if let Some(hook) = table.all().find(|hook| hook.site() == ip && hook.applies()) {
        // SAFETY: The registers are those at the function's entry, and the replacement has its type.
        unsafe { bindings::pidns_set_ip(regs, hook.replacement()) };
    }
}
