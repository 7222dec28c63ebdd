// SPDX-License-Identifier: GPL-2.0

//! What both ways to replace a function want of ftrace.

use super::call::imports;
use crate::bindings;
#[cfg(pidns_jumps)]
use crate::bindings::ftrace_hash;
use kernel::{ffi::c_ulong, prelude::*};

/// `kernel.ftrace_enabled` cannot be set to 0 while functions are hooked: with some of them the
/// kernel's again, references would be dropped that were never counted.
pub(super) const PERMANENT: c_ulong = bindings::FTRACE_OPS_FL_PERMANENT as c_ulong;

imports! {
    // Queries of ftrace's tables, which take care of their own locking.
    ftrace_location(address: usize) -> usize;
    #[cfg(pidns_jumps)] ftrace_find_rec_direct(site: usize) -> usize;
    // An empty table of 2^bits buckets, or null.
    #[cfg(pidns_jumps)] alloc_ftrace_hash(bits: c_int) -> *mut ftrace_hash;
    #[cfg(pidns_jumps)] free_ftrace_hash;
    #[cfg(pidns_jumps)] add_ftrace_hash_entry_direct;
    #[cfg(pidns_jumps)] update_ftrace_direct_add;
    #[cfg(pidns_jumps)] update_ftrace_direct_del;
}

/// Unhooks, with `f`, which says 0 when that worked, and does not return before it did: a site that
/// leads into the text of a module that has gone is the end of the machine.
///
/// It may want a little memory, which comes. If ftrace has shut itself down for a fault of its own
/// it never works; then the module stays. May sleep.
pub(super) fn unhook(mut f: impl FnMut() -> c_int) {
    let mut told = false;
    while f() != 0 {
        if !told {
            pr_err!("cannot unhook the kernel's functions, trying again; if this stays, reboot\n");
            told = true;
        }
        // SAFETY: The module's exit may sleep.
        unsafe { bindings::msleep(100) };
    }
}
