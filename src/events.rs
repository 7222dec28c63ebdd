// SPDX-License-Identifier: GPL-2.0

//! The tracepoints (`src/bindings/events.h`): `pidns:*` in tracefs.

use crate::object::{
    PidNs,
    Task, //
};
#[cfg(CONFIG_TRACEPOINTS)]
use crate::{
    bindings,
    imports::SIGNAL_GENERATE,
    object::{
        fields,
        IntoC,
        Object,
        Tracepoint, //
    },
};
use kernel::prelude::*;

#[cfg(CONFIG_TRACEPOINTS)]
fields! {
    Tracepoint {
        /// How many look at it.
        once enabled: i32 = key.key.enabled.counter;
    }
}

/// Whether somebody looks at the kernel's `signal:signal_generate`.
#[inline]
pub(crate) fn signal_generate_is_on() -> bool {
    #[cfg(CONFIG_TRACEPOINTS)]
    // SAFETY: It was found before the first function was hooked, and never goes.
    let is_on = unsafe { Tracepoint::from_ptr(SIGNAL_GENERATE.get()) }.enabled() > 0;
    #[cfg(not(CONFIG_TRACEPOINTS))]
    let is_on = false;
    is_on
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
                    let is_on = Tracepoint::from_ptr(
                        &raw const bindings::[<__tracepoint_ $name>]
                    )
                    .enabled()
                        > 0;
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
