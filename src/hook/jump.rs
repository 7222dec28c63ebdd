// SPDX-License-Identifier: GPL-2.0

//! The fast way to replace a function: its patch site becomes a jump to the replacement, and
//! nothing else runs.

use super::{
    ftrace::{kernel_fn, unhook, PERMANENT},
    hook::{Hook, Table},
};
use crate::bindings::{self, ftrace_ops};
use kernel::{error::to_result, prelude::*};

/// Whether the site of `hook` can become a jump: no other direct user, such as a BPF trampoline,
/// holds it.
pub(super) fn can_jump(hook: &Hook) -> bool {
    kernel_fn::ftrace_find_rec_direct(hook.site()) == 0
}

/// Functions whose patch sites jump to their replacements; dropping gives them back.
pub(super) struct Jumps {
    ops: KBox<ftrace_ops>,
    sites: Sites,
}

/// A set of sites with the address that each jumps to, as ftrace wants it.
struct Sites(*mut bindings::ftrace_hash);

impl Sites {
    /// The sites that become jumps, or `None` if there are none.
    fn new(table: &Table) -> Result<Option<Self>> {
        let sites = Self(kernel_fn::alloc_ftrace_hash(5));
        if sites.0.is_null() {
            return Err(ENOMEM);
        }
        let mut empty = true;
        for hook in table.all().filter(|hook| hook.jumps()) {
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

impl Drop for Sites {
    fn drop(&mut self) {
        // SAFETY: Ours alone: ftrace copies what it is given. Null is allowed.
        unsafe { kernel_fn::free_ftrace_hash(self.0) }
    }
}

impl Jumps {
    /// Makes every site that can jump to its replacement, in one pass. May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` if another direct user took a site meanwhile, `EBUSY` if a function is live-patched or ftrace is
    /// off, `ENOMEM`; then no site is changed.
    pub(super) fn arm(table: &Table) -> Result<Option<Self>> {
        let Some(sites) = Sites::new(table)? else {
            return Ok(None);
        };
        let mut ops = KBox::new(
            ftrace_ops {
                flags: PERMANENT,
                ..Default::default()
            },
            GFP_KERNEL,
        )?;
        // SAFETY: `ops` is zeroed but for its flag, which is how an unused one looks, and stays
        // where it is until it is unregistered; each target has the type of its site's function.
        to_result(unsafe { kernel_fn::update_ftrace_direct_add(&mut *ops, sites.0) })
            .inspect_err(|_| pr_err!("not loaded: ftrace cannot patch the functions to hook (is one live-patched? kernel.ftrace_enabled must be 1)\n"))?;
        Ok(Some(Self { ops, sites }))
    }
}

impl Drop for Jumps {
    fn drop(&mut self) {
        // SAFETY: These sites were added to these `ops` by `arm`, and by nobody else.
        unhook(|| unsafe { kernel_fn::update_ftrace_direct_del(&mut *self.ops, self.sites.0) });
    }
}
