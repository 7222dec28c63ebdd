// SPDX-License-Identifier: GPL-2.0

//! Whether a signal gets past the protection of a namespace's init. Pure rules: no kernel types.
//!
//! Mainline's rule (`kernel/signal.c: send_signal_locked`, `sig_task_ignored`): an init receives
//! what it has a handler for. Of the rest, only SIGKILL and SIGSTOP act, and only from outside:
//! from an ancestor namespace, or from the kernel.

/// Where the sender of a signal stands, seen from its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// In the target's namespace or below: the target's namespace has a number for it.
    Inside,
    /// In a namespace above the target's: there is no number for it.
    Ancestor,
    /// The kernel itself: a fault, a timer, an exit.
    Kernel,
}

/// What the kernel knows about a signal's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `SEND_SIG_NOINFO`: the current task, by `kill(2)` or the like, with no more to say.
    Task,
    /// `SEND_SIG_PRIV`: the kernel.
    Kernel,
    /// A `siginfo` that names a sender (`si_pid`, `si_uid`).
    Named {
        /// Its `si_code` says that the kernel sent it.
        by_kernel: bool,
    },
    /// A `siginfo` that names none: it describes a fault, a timer, a file.
    Unnamed,
}

/// Where the sender stands, given the signal's origin and whether the target's namespace has a
/// number for the current task.
///
/// `None`: nobody in particular sent it, and it does not get past the protection.
pub(crate) fn sender(origin: Origin, current_is_visible: bool) -> Option<Sender> {
    match origin {
        Origin::Kernel => Some(Sender::Kernel),
        Origin::Unnamed => None,
        Origin::Task | Origin::Named { .. } if !current_is_visible => Some(Sender::Ancestor),
        Origin::Named { by_kernel: true } => Some(Sender::Kernel),
        Origin::Task | Origin::Named { .. } => Some(Sender::Inside),
    }
}

/// Whether SIGKILL and SIGSTOP from this sender act on a namespace's init
/// (the `force` of `kernel/signal.c: send_signal_locked`).
pub(crate) fn force(sender: Option<Sender>) -> bool {
    matches!(sender, Some(Sender::Ancestor | Sender::Kernel))
}

/// Whether the receiver must not see the sender's number, because it has none for it.
pub(crate) fn hides_sender(origin: Origin, sender: Option<Sender>) -> bool {
    matches!(origin, Origin::Named { .. }) && sender == Some(Sender::Ancestor)
}
