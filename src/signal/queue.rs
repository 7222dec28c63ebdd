// SPDX-License-Identifier: GPL-2.0

//! Where a pending signal came from.
//!
//! A bit in the queue's own entry says it. So it is there for as long as the signal is pending, goes when
//! that is taken or discarded, by whatever path, and nobody but the kernel can write it.
//!
//! Every signal from an ancestor is marked, and what the init sends to itself. Of those from inside only a SIGSTOP
//! is, which is pending because a tracer sees it first: all others the kernel itself keeps from an init when they
//! are taken.

use super::{
    info::{
        of_kill,
        Info, //
    },
    pending::{
        next_signal,
        Entry,
        Queue,
        MARKS, //
    },
    siglock::Siglocked,
    sigset::Sigset,
    verdict::{
        further,
        Sender, //
    },
    window, //
};
use crate::{imports::kernel_fn, task::Current};
use kernel::prelude::*;

/// Among the marks of an entry: it acts. An ancestor sent it, or with [`INSIDE`] the init itself.
const ACTS: c_int = 1 << 30;
/// As above: somebody inside sent it.
const INSIDE: c_int = 1 << 29;
/// Both.
const ITSELF: c_int = ACTS | INSIDE;
const _: () = assert!(MARKS == ITSELF);

impl Entry {
    /// Who sent it, if that is marked.
    fn sender(&self) -> Option<Sender> {
        match self.marks() {
            ACTS => Some(Sender::Ancestor),
            ITSELF => Some(Sender::Itself),
            INSIDE => Some(Sender::Inside),
            _ => None,
        }
    }
}

/// What marks a signal of that sender's.
fn mark_of(sender: Sender) -> c_int {
    match sender {
        Sender::Inside => INSIDE,
        Sender::Itself => ITSELF,
        Sender::Ancestor | Sender::Kernel => ACTS,
    }
}

/// The signal that a task is about to take.
pub(super) struct Next<'a> {
    t: &'a Siglocked<'a>,
    sig: c_int,
    /// The first entry that it has, if it has any.
    first: Option<&'a Entry>,
}

impl<'a> Next<'a> {
    /// What `kernel/signal.c: __dequeue_signal` will find for the thread `t`, with what it blocks.
    #[inline(always)]
    pub(super) fn of(t: &'a Siglocked<'a>) -> Self {
        let thread = t.thread();
        let mask = thread.blocked();
        let queue = if thread.pending().signals().has_other(mask) {
            thread.pending()
        } else {
            thread.process().pending()
        };
        let sig = next_signal(queue, mask);
        let first = t.entries(queue).find(|entry| entry.signo() == sig);
        Self { t, sig, first }
    }

    /// Who has sent it, if that is marked.
    #[inline(always)]
    pub(super) fn sender(&self) -> Option<Sender> {
        self.first.and_then(Entry::sender)
    }

    /// The signal, if it is a timer's: to take it, the kernel gives the `siglock` up for an instant, and may then find
    /// that the signal is out of date, and go on to another.
    #[inline(always)]
    pub(super) fn of_timer(&self) -> Option<c_int> {
        self.first
            .is_some_and(Entry::is_of_timer)
            .then_some(self.sig)
    }

    /// Who, of those whose signals act, has sent the same signal, too: an ancestor, if both have.
    pub(super) fn also_acts(&self) -> Option<Sender> {
        let thread = self.t.thread();
        [thread.pending(), thread.process().pending()]
            .into_iter()
            .flat_map(|queue| self.t.entries(queue))
            .filter(|entry| entry.signo() == self.sig)
            .filter_map(|entry| entry.sender().filter(|sender| sender.acts()))
            .reduce(further)
    }
}

/// Remembers who has sent `sig`, which is pending in the `queue` of `t` or of its process: an ancestor, the init itself, or
/// somebody inside; if an ancestor has sent the same before, that stays. That is, with the entry that was added for it; or, if it was pending already or there was no room for an
/// entry, with the last that it has; or with a new one. `info` is what it was sent with.
///
/// An entry of a timer lives on when its signal is taken, and one of a fault is taken without asking who sent it
/// ([`Entry::keeps_marks`]): a signal with such a one gets another. A signal for which not even that can be allocated loses where it came from together
/// with its `siginfo`, and counts as from inside. One that is added here is not counted against the user's limit:
/// there is at most one such for each signal of a queue.
pub(super) fn mark(t: Siglocked<'_>, queue: &Queue, sig: c_int, info: Info<'_>, sender: Sender) {
    let mark = mark_of(sender);
    if sender.acts() {
        window::arrived(t.process(), sig, sender);
    }
    let mut entries = t.entries_backwards(queue);
    let entry = entries.find(|entry| entry.signo() == sig && entry.keeps_marks());
    match entry {
        Some(entry) => entry.set_marks(
            entry
                .sender()
                .map_or(mark, |before| mark_of(further(before, sender))),
        ),
        None => {
            let info = match info.siginfo() {
                Some(info) => info.copy(),
                None => {
                    let from = Current::get().cred(t.thread()).uid();
                    of_kill(
                        sig,
                        kernel_fn::from_kuid_munged(t.real_cred(t.thread()).user_ns(), from),
                    )
                }
            };
            queue.add(sig, info, mark);
        }
    }
}
