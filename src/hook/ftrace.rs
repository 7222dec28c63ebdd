// SPDX-License-Identifier: GPL-2.0

//! What both ways to replace a function want of ftrace.

use super::call::imports;
use crate::{bindings, edge::exports};
#[cfg(pidns_jumps)]
use crate::{
    held::{counted, Held},
    object::objects,
};
use core::cell::Cell;
use kernel::{ffi::c_ulong, prelude::*};

/// `kernel.ftrace_enabled` cannot be set to 0 while functions are hooked: with some of them the
/// kernel's again, references would be dropped that were never counted.
pub(super) const PERMANENT: c_ulong = bindings::FTRACE_OPS_FL_PERMANENT as c_ulong;

#[cfg(pidns_jumps)]
objects! {
    /// A set of sites with the address that each jumps to. Nothing happens by that alone.
    FtraceHash(bindings::ftrace_hash);
}

#[cfg(pidns_jumps)]
counted! {
    /// All of it is owned: ftrace copies what it is given.
    FtraceHash: kernel_fn::free_ftrace_hash;
}

exports! {
    // May sleep.
    msleep(milliseconds: u32) = msleep;
    // Where the instruction at an address leads, if it can be read; whether that is a function; the least distance of two.
    leads_to(place: usize) -> usize = pidns_leads_to;
    enters(target: usize, function: usize) -> bool = pidns_enters;
    instruction_step() -> u32 = pidns_instruction_step;
    // A query of the security modules. May sleep.
    security_locked_down(what: u32) -> c_int = pidns_security_locked_down;
    // Sets the bit that says `jump`.
    #[cfg(pidns_jumps)] jmp_set(address: usize) -> usize = pidns_jmp_set;
}

imports! {
    // How long the function is that begins at an address, and how far into it that is: 0 if there is none.
    kallsyms_lookup_size_offset(address: usize, size: &Cell<usize>, offset: &Cell<usize>) -> c_int;
    // Queries of ftrace's tables, which take care of their own locking.
    ftrace_location(address: usize) -> usize;
    #[cfg(pidns_jumps)] ftrace_find_rec_direct(site: usize) -> usize;
    // An empty table of 2^bits buckets, or null; null if there is no memory for an entry.
    #[cfg(pidns_jumps)] alloc_ftrace_hash(bits: c_int) -> Option<Held<FtraceHash>>;
    #[cfg(pidns_jumps)] free_ftrace_hash;
    #[cfg(pidns_jumps)]
    add_ftrace_hash_entry_direct(hash: &FtraceHash, site: usize, target: usize) -> *mut bindings::ftrace_func_entry;
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
        msleep(100);
    }
}
