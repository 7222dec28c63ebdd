// SPDX-License-Identifier: GPL-2.0

//! The tracepoints (`src/bindings/events.h`): `pidns:*` in tracefs.

use crate::object::{
    PidNs,
    Task, //
};
#[cfg(CONFIG_TRACEPOINTS)]
use crate::{
    bindings,
    object::IntoC, //
};
use kernel::prelude::*;

/// Whether somebody looks at a tracepoint, by its counter.
///
/// # Safety
///
/// `tracepoint` must be one.
#[cfg(CONFIG_TRACEPOINTS)]
#[inline]
pub(crate) unsafe fn is_on(tracepoint: *const bindings::tracepoint) -> bool {
    // SAFETY: The caller's promise: the counter is atomic, and read at once.
    unsafe { (&raw const (*tracepoint).key.key.enabled.counter).read_volatile() > 0 }
}

/// Functions that cost one static branch while nobody looks, and in a kernel without tracepoints nothing.
///
/// (`kernel::declare_trace!` knows the kernel's own tracepoints only.)
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*);)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name($($argument: $type),*) {
            #[cfg(CONFIG_TRACEPOINTS)]
            ::kernel::macros::paste! {
                // SAFETY: The key is that of a tracepoint, which reads what is valid.
                unsafe {
                    #[cfg(CONFIG_JUMP_LABEL)]
                    let is_on = ::kernel::jump_label::static_branch_unlikely!(
                        bindings::[<__tracepoint_ $name>],
                        bindings::tracepoint,
                        key
                    );
                    // The macro would call a function.
                    #[cfg(not(CONFIG_JUMP_LABEL))]
                    let is_on = is_on(&raw const bindings::[<__tracepoint_ $name>]);
                    if is_on {
                        bindings::[<rust_do_trace_ $name>]($(IntoC::into_c($argument)),*);
                    }
                }
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = ($($argument),*);
        }
    )*};
}

events! {
    /// A signal to the init of `ns` is judged: when the current task sends it, or when it is `taken`. The numbers
    /// are those that `events.h` has words for. The `siglock` of `target`, which belongs to that init, is held.
    signal_verdict(ns: &PidNs, target: &Task, sig: c_int, taken: bool, relation: u8, disposition: u8, verdict: u8);

    /// `ns` has joined the tree.
    ns_create(ns: &PidNs);

    /// `ns` is about to leave the tree.
    ns_destroy(ns: &PidNs);

    /// The init of `ns`, the current task, is about to kill the rest.
    zap(ns: &PidNs);
}
