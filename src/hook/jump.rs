// SPDX-License-Identifier: GPL-2.0

//! The fast way to replace a function: its patch site becomes a jump to the replacement, and
//! nothing else runs.

use super::{
    ftrace::{jmp_set, kernel_fn, unhook, FtraceHash, PERMANENT},
    hook::{Hook, Table},
    redirect::explain,
};
use crate::{bindings::ftrace_ops, held::Held, object::Object};
use kernel::{error::to_result, prelude::*};

/// Whether the site of `hook` can become a jump: no other direct user, such as a BPF trampoline,
/// holds it.
pub(super) fn can_jump(hook: &Hook) -> bool {
    kernel_fn::ftrace_find_rec_direct(hook.site()) == 0
}

/// Functions whose patch sites jump to their replacements; dropping gives them back.
pub(super) struct Jumps {
    ops: KBox<ftrace_ops>,
    /// As ftrace wants it.
    sites: Held<FtraceHash>,
}

/// The sites that become jumps, or `None` if there are none.
fn sites(table: &Table) -> Result<Option<Held<FtraceHash>>> {
    let sites = kernel_fn::alloc_ftrace_hash(5).ok_or(ENOMEM)?;
    let mut empty = true;
    for hook in table.all().filter(|hook| hook.jumps()) {
        let target = jmp_set(hook.replacement());
        if kernel_fn::add_ftrace_hash_entry_direct(&sites, hook.site(), target).is_null() {
            return Err(ENOMEM);
        }
        empty = false;
    }
    Ok((!empty).then_some(sites))
}

impl Jumps {
    /// Makes every site that can jump to its replacement, in one pass. May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` if another direct user took a site meanwhile, `EBUSY` if a function is live-patched or ftrace is
    /// off, `ENOMEM`; then no site is changed.
    pub(super) fn arm(table: &'static Table) -> Result<Option<Self>> {
        let Some(sites) = sites(table)? else {
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
        to_result(unsafe { kernel_fn::update_ftrace_direct_add(&mut *ops, sites.as_ptr()) })
            .inspect_err(|error| explain(*error, table.all().filter(|hook| hook.jumps())))?;
        Ok(Some(Self { ops, sites }))
    }
}

impl Drop for Jumps {
    fn drop(&mut self) {
        // SAFETY: These sites were added to these `ops` by `arm`, and by nobody else.
        unhook(|| unsafe {
            kernel_fn::update_ftrace_direct_del(&mut *self.ops, self.sites.as_ptr())
        });
    }
}
