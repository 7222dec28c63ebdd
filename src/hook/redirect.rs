// SPDX-License-Identifier: GPL-2.0

//! The slower way to replace a function: ftrace's trampoline runs at its patch site and returns
//! into the replacement. For kernels without the fast one, and for sites that another direct user
//! holds.

use super::{
    ftrace::{unhook, PERMANENT},
    hook::{Hook, Table},
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
    fn new(table: &'static Table, more_flags: c_ulong) -> Result<Self> {
        let mut flags = bindings::FTRACE_OPS_FL_IPMODIFY;
        if cfg!(CONFIG_DYNAMIC_FTRACE_WITH_REGS) {
            flags |= bindings::FTRACE_OPS_FL_SAVE_REGS;
        }
        let ops = KBox::new(
            ftrace_ops {
                func: Some(redirect),
                flags: more_flags | flags as c_ulong,
                private: (&raw const *table).cast_mut().cast(),
                ..Default::default()
            },
            GFP_KERNEL,
        )?;
        Ok(Self(ops))
    }

    /// One more function of which the calls are to be redirected. May sleep.
    fn add(&mut self, hook: &Hook) -> Result {
        to_result(ftrace_set_filter_ip(self, hook.site(), 0, 0))
            .map_err(|error| refuse("ftrace cannot redirect", hook.name(), error))
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        // Not registered, or not any more.
        ftrace_free_filter(self);
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

    // Frees what `ftrace_set_filter_ip` has made, if anything.
    ftrace_free_filter(ops: &mut Ops) = ftrace_free_filter;
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
        let mut ops = Ops::new(table, PERMANENT)?;
        for hook in table.all().filter(|hook| !hook.jumps()) {
            ops.add(hook)?;
        }
        let redirects = Self::register(ops)
            .inspect_err(|error| explain(*error, table.all().filter(|hook| !hook.jumps())))?;
        Ok(Some(redirects))
    }

    fn register(mut ops: Ops) -> Result<Self> {
        // A BPF program that comes or goes at such a function at this moment keeps its trampoline locked. ftrace waits a
        // millisecond for it, and gives up.
        let mut attempts = 0..1000;
        let registered = loop {
            // SAFETY: `ops` is pinned in its box until it is unregistered, when what is returned here is dropped.
            let result = to_result(unsafe { bindings::register_ftrace_function(&mut *ops.0) });
            if result != Err(EAGAIN) || attempts.next().is_none() {
                break result;
            }
        };
        registered.map(|()| Self { ops })
    }
}

impl Drop for Redirects {
    fn drop(&mut self) {
        // SAFETY: Registered by `register`. It waits for the trampoline's users.
        unhook(|| unsafe { bindings::unregister_ftrace_function(&mut *self.ops.0) });
    }
}

/// Says in one line why ftrace refuses to patch these functions, of which the module has none. May sleep.
///
/// ftrace does not name one that somebody else redirects. Nobody can redirect that in a second way, not even to
/// where it goes anyway.
pub(super) fn explain(error: Error, mut hooks: impl Iterator<Item = &'static Hook>) {
    static NOWHERE: Table = Table::NOWHERE;
    let is_taken = |hook: &&Hook| {
        let alone = Ops::new(&NOWHERE, 0).and_then(|mut ops| {
            ops.add(hook)?;
            Redirects::register(ops)
        });
        alone.is_err_and(|error| error == EBUSY)
    };
    if error == EINVAL || error == EAGAIN {
        pr_err!("not loaded: BPF programs come to the functions to hook, or leave them, at this moment: try again\n");
    } else if error != EBUSY {
        pr_err!(
            "not loaded: ftrace cannot patch the functions to hook (error {})\n",
            error.to_errno()
        );
    } else if let Some(hook) = hooks.find(is_taken) {
        refuse(
            "a live patch or a hook of another module is in the way at",
            hook.name(),
            error,
        );
    } else {
        pr_err!("not loaded: ftrace cannot patch the functions to hook (kernel.ftrace_enabled must be 1)\n");
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
