// SPDX-License-Identifier: GPL-2.0

//! Whether a signal gets past the protection of a namespace's init. Pure rules: no kernel types.
//!
//! Mainline's rule (`kernel/signal.c: send_signal_locked`, `sig_task_ignored`, `get_signal`): an init
//! receives what it has a handler for. Of the rest, only SIGKILL and SIGSTOP act, and only from
//! outside: from an ancestor namespace, or from the kernel. With two sides, all that comes from an
//! ancestor acts, and what the init sends to itself, as when it ends itself by `abort` or by the signal that it
//! has caught before.

/// Where the sender of a signal stands, seen from its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// In the target's namespace or below: the target's namespace has a number for it.
    Inside,
    /// In a namespace above the target's: there is no number for it.
    Ancestor,
    /// The kernel itself: a fault, a timer, an exit.
    Kernel,
    /// A thread of the target's own process, by a call that names that process or a thread of it ([`is_by_name`]).
    Itself,
}

impl Sender {
    /// Whether what it sends has its default action on an init, with two sides.
    #[inline]
    pub(crate) fn acts(self) -> bool {
        matches!(self, Self::Ancestor | Self::Itself)
    }
}

/// Of two senders whose signals act, the one that counts if both have sent the same: an ancestor.
pub(crate) fn further(one: Sender, other: Sender) -> Sender {
    if one == Sender::Ancestor {
        one
    } else {
        other
    }
}

/// Whom a call sends a signal to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Thread,
    Process,
    /// A process group, or all that there are.
    Many,
}

/// Whether a task sends this signal by a call that names one process, or a thread of it: `kill`, `tgkill`, `sigqueue`,
/// `pidfd_send_signal`, and not as to a member of a group. `si_code` is that of its `siginfo`, if it has one.
///
/// Without one `kill` sends to a process, and the kernel to a thread what that has brought upon itself: a SIGPIPE
/// (`include/linux/sched/signal.h: send_sig`).
pub(crate) fn is_by_name(scope: Scope, si_code: Option<i32>) -> bool {
    match (scope, si_code) {
        (Scope::Many, _) | (Scope::Thread, None) => false,
        (Scope::Process, None) => true,
        (_, Some(code)) => is_of_kill(code),
    }
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

/// Whether this `si_code` is that of `kill`, `tgkill` or `sigqueue`: such a `siginfo` names its sender, whatever
/// the signal (`kernel/signal.c: siginfo_layout`, which need not be asked about the most frequent ones).
#[inline]
pub(crate) fn is_of_kill(si_code: i32) -> bool {
    const SI_USER: i32 = 0;
    const SI_QUEUE: i32 = -1;
    const SI_TKILL: i32 = -6;
    matches!(si_code, SI_USER | SI_QUEUE | SI_TKILL)
}

/// Where the sender stands, given the signal's origin and whether the target's namespace has a
/// number for the current task.
///
/// `None`: nobody in particular sent it, and it does not get past the protection.
#[inline]
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
#[inline]
pub(crate) fn force(sender: Option<Sender>) -> bool {
    matches!(sender, Some(Sender::Ancestor | Sender::Kernel))
}

/// What a process has said that a signal shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Disposition {
    Default = 0,
    Ignored = 1,
    Handler = 2,
}

/// What a signal does to a process that said nothing (`signal(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Terminate,
    Core,
    Stop,
    /// Nothing: SIGCONT, too, has continued the process when it was sent.
    Nothing,
}

/// Whether there is a signal with this number.
#[inline]
pub(crate) fn is_signal(sig: i32) -> bool {
    (1..=64).contains(&sig)
}

pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGSTOP: i32 = 19;

/// The default action of `sig`, by the numbers that x86 and arm64 share
/// (`include/linux/signal.h: SIG_KERNEL_*_MASK`).
pub(crate) fn default_action(sig: i32) -> Action {
    match sig {
        3..=8 | 11 | 24 | 25 | 31 => Action::Core,
        19..=22 => Action::Stop,
        17 | 18 | 23 | 28 => Action::Nothing,
        _ => Action::Terminate,
    }
}

/// Whether an instruction may cause `sig` (`kernel/signal.c: SYNCHRONOUS_MASK`).
pub(crate) fn is_synchronous(sig: i32) -> bool {
    matches!(sig, 4 | 5 | 7 | 8 | 11 | 31)
}

/// What becomes of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Verdict {
    /// The protection drops it.
    Drop = 0,
    /// The default action happens.
    Act = 1,
    /// The handler runs.
    Deliver = 2,
    /// Nothing happens, as to any process.
    Ignore = 3,
    /// It is pending: decided when it is taken.
    Keep = 4,
}

/// The verdict on a signal to a namespace's init.
///
/// `held`: nobody can take it now (it is blocked), or a tracer sees it first.
pub(crate) fn judge(
    two_sided: bool,
    sig: i32,
    sender: Option<Sender>,
    disposition: Disposition,
    held: bool,
) -> Verdict {
    if held {
        return Verdict::Keep;
    }
    match disposition {
        Disposition::Handler => return Verdict::Deliver,
        Disposition::Ignored => return Verdict::Ignore,
        Disposition::Default => {}
    }
    if default_action(sig) == Action::Nothing {
        return Verdict::Ignore;
    }
    let acts = match sig {
        SIGKILL | SIGSTOP => force(sender),
        _ => two_sided && sender.is_some_and(Sender::acts),
    };
    if acts {
        Verdict::Act
    } else {
        Verdict::Drop
    }
}

/// The verdict on a signal that a namespace's init takes, from whom nobody knows but for these: an ancestor, the init
/// itself, and for SIGKILL and SIGSTOP somebody inside.
///
/// `get_signal` lets those two pass: of the rest that the protection drops, none is ever queued.
pub(crate) fn judge_taken(sig: i32, sender: Option<Sender>, disposition: Disposition) -> Verdict {
    let sender = match (sender, sig) {
        (None, SIGKILL | SIGSTOP) => Some(Sender::Kernel),
        _ => sender,
    };
    judge(true, sig, sender, disposition, false)
}
