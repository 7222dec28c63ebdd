// SPDX-License-Identifier: GPL-2.0

//! What the module keeps of a namespace, in either mode.

use crate::{
    bindings::callback_head,
    object::{
        fields,
        Object,
        PidNs, //
    },
};
use core::sync::atomic::AtomicU32;

/// What is kept of a namespace. All of it is zero at first.
///
/// It lies in the namespace's own `rcu`, and so needs no memory, table or lock. The kernel does not
/// touch that word pair before it has the namespace freed (`kernel/pid_namespace.c: destroy_pid_namespace`;
/// here `namespace::destroy`): it is zero from the allocation on, and nobody asks any more when it is
/// used, or does not take the answer (`/proc/pidns`, under RCU), because whoever does holds the `siglock` of the namespace's init, or is a thread of that, whose pid holds the
/// namespace. A module that is loaded again finds what was there.
pub(crate) struct Kept {
    /// How many signals to the init its protection has dropped.
    pub(super) dropped: AtomicU32,
    /// How many had their default action.
    pub(super) acted: AtomicU32,
    /// How the namespace falls, when its init ends ([`super::fall`]).
    pub(super) fall: AtomicU32,
    /// What is said of it ([`super::settings`]).
    pub(super) settings: AtomicU32,
}

const _: () = assert!(
    size_of::<Kept>() <= size_of::<callback_head>()
        && align_of::<Kept>() <= align_of::<callback_head>()
);

// SAFETY: The size and the alignment were checked above, and any bytes are such numbers. All that use the place as this do so
// by atomic operations.
unsafe impl Object for Kept {
    type C = callback_head;
}

fields! {
    PidNs {
        part kept: &Kept = rcu;
    }
}
