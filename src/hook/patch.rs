// SPDX-License-Identifier: GPL-2.0

//! The two ways to replace a function, both of ftrace: its patch site becomes a jump to the
//! replacement (nothing else runs), or ftrace's trampoline runs there and returns into the
//! replacement (slower; for kernels without the first, and for sites that another direct user,
//! such as a BPF trampoline, holds).

#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
use super::kernel_fn;
use super::{
    refuse,
    table::{Hook, HOOKS},
};
use crate::bindings::{self, ftrace_ops, ftrace_regs};
use kernel::{error::to_result, prelude::*};

/// Whether the site of `hook` can become a jump.
pub(super) fn can_jump(hook: &Hook) -> bool {
    #[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
    // SAFETY: A query of ftrace's table of direct sites, which takes its own lock.
    return unsafe { kernel_fn::ftrace_find_rec_direct(hook.site()) } == 0;
    #[cfg(not(CONFIG_DYNAMIC_FTRACE_WITH_JMP))]
    {
        let _ = hook;
        false
    }
}

/// Functions whose patch sites jump to their replacements, armed in one pass.
#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
pub(super) struct Jumps {
    ops: KBox<ftrace_ops>,
    sites: Sites,
}

/// A set of sites with the address that each jumps to, as ftrace wants it.
#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
struct Sites(*mut bindings::ftrace_hash);

#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
impl Sites {
    fn new(wanted: impl Fn(&Hook) -> bool) -> Result<Option<Self>> {
        // SAFETY: Allocates an empty table of 2^5 buckets, or returns null.
        let sites = Self(unsafe { kernel_fn::alloc_ftrace_hash(5) });
        if sites.0.is_null() {
            return Err(ENOMEM);
        }
        let mut empty = true;
        for hook in HOOKS.iter().filter(|hook| wanted(hook)) {
            // SAFETY: Both are functions' addresses; the first only sets the bit that says `jump`.
            let entry = unsafe {
                let target = bindings::pidns_jmp_set(hook.replacement());
                kernel_fn::add_ftrace_hash_entry_direct(sites.0, hook.site(), target)
            };
            if entry.is_null() {
                return Err(ENOMEM);
            }
            empty = false;
        }
        Ok((!empty).then_some(sites))
    }
}

#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
impl Drop for Sites {
    fn drop(&mut self) {
        // SAFETY: Ours alone: ftrace copies what it is given. Null is allowed.
        unsafe { kernel_fn::free_ftrace_hash(self.0) }
    }
}

#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
impl Jumps {
    /// Makes the site of every `wanted` function jump to its replacement. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if another direct user took a site meanwhile, `ENOMEM`; then no site is changed.
    pub(super) fn arm(wanted: impl Fn(&Hook) -> bool) -> Result<Option<Self>> {
        let Some(sites) = Sites::new(wanted)? else {
            return Ok(None);
        };
        let mut ops = KBox::new(ftrace_ops::default(), GFP_KERNEL)?;
        // SAFETY: `ops` is zeroed, which is how an unused one looks, and stays where it is until it
        // is unregistered; each target has the type of the function at its site.
        to_result(unsafe { kernel_fn::update_ftrace_direct_add(&mut *ops, sites.0) })
            .inspect_err(|_| pr_err!("not loaded: ftrace cannot patch the functions to hook\n"))?;
        Ok(Some(Self { ops, sites }))
    }
}

#[cfg(CONFIG_DYNAMIC_FTRACE_WITH_JMP)]
impl Drop for Jumps {
    fn drop(&mut self) {
        let mut told = false;
        // SAFETY: These sites were added to these `ops` by `arm`, and by nobody else.
        while unsafe { kernel_fn::update_ftrace_direct_del(&mut *self.ops, self.sites.0) } != 0 {
            // It needs a little memory, and there is no going on without it.
            if !told {
                pr_warn!("cannot unhook yet for lack of memory: trying again\n");
                told = true;
            }
            // SAFETY: The module's exit may sleep.
            unsafe { bindings::msleep(20) };
        }
    }
}

/// Without direct jumps in the kernel, no function is hooked so.
#[cfg(not(CONFIG_DYNAMIC_FTRACE_WITH_JMP))]
pub(super) struct Jumps(());

#[cfg(not(CONFIG_DYNAMIC_FTRACE_WITH_JMP))]
impl Jumps {
    pub(super) fn arm(_wanted: impl Fn(&Hook) -> bool) -> Result<Option<Self>> {
        Ok(None)
    }
}

/// Functions whose calls ftrace's trampoline redirects to their replacements.
pub(super) struct Redirects {
    ops: KBox<ftrace_ops>,
}

impl Redirects {
    /// Redirects every `wanted` function. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` if somebody else redirects one of them (a live patch), `ENOMEM`; then none is.
    pub(super) fn arm(wanted: impl Fn(&Hook) -> bool) -> Result<Option<Self>> {
        if !HOOKS.iter().any(&wanted) {
            return Ok(None);
        }
        let mut ops = KBox::new(
            ftrace_ops {
                func: Some(redirect),
                flags: (bindings::FTRACE_OPS_FL_IPMODIFY | bindings::FTRACE_OPS_FL_SAVE_REGS)
                    as c_ulong,
                ..Default::default()
            },
            GFP_KERNEL,
        )?;
        let mut set = || -> Result {
            for hook in HOOKS.iter().filter(|hook| wanted(hook)) {
                // SAFETY: `ops` is not registered yet, and the site is one of ftrace's.
                to_result(unsafe {
                    bindings::ftrace_set_filter_ip(&mut *ops, hook.site(), 0, 0)
                })
                .map_err(|error| refuse("ftrace cannot redirect", hook.name(), error))?;
            }
            // SAFETY: `ops` is pinned in its box until it is unregistered.
            to_result(unsafe { bindings::register_ftrace_function(&mut *ops) })
                .inspect_err(|_| pr_err!("not loaded: ftrace cannot redirect the functions to hook (is one of them live-patched?)\n"))
        };
        if let Err(error) = set() {
            // SAFETY: Not registered; frees the filter that was set, if any.
            unsafe { bindings::ftrace_free_filter(&mut *ops) };
            return Err(error);
        }
        Ok(Some(Self { ops }))
    }
}

impl Drop for Redirects {
    fn drop(&mut self) {
        // SAFETY: Registered by `arm`. It waits for the trampoline's users.
        unsafe {
            bindings::unregister_ftrace_function(&mut *self.ops);
            bindings::ftrace_free_filter(&mut *self.ops);
        }
    }
}

/// ftrace's callback at a redirected site: goes on in the replacement.
///
/// Any context, preemption disabled; sleeps and locks nothing.
unsafe extern "C" fn redirect(
    ip: c_ulong,
    _parent: c_ulong,
    _ops: *mut ftrace_ops,
    regs: *mut ftrace_regs,
) {
    if let Some(hook) = HOOKS.iter().find(|hook| hook.site() == ip) {
        // SAFETY: The registers are those at the function's entry, and the replacement has its type.
        unsafe { bindings::pidns_set_ip(regs, hook.replacement()) };
    }
}
