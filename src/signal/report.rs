// SPDX-License-Identifier: GPL-2.0

//! Why a signal to a namespace's init acts, or does not: told as it happens, and counted.

#[cfg(CONFIG_AUDIT)]
use super::audit;
use super::{
    settings::{
        self,
        Rule, //
    },
    siglock::Thread,
    verdict::{
        judge_taken,
        Disposition,
        Sender,
        Verdict,
        SIGKILL,
        SIGSTOP, //
    },
};
use crate::{
    events,
    object::PidNs, //
};
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};
use kernel::prelude::*;

/// One more; it stays at the highest number. Whoever counts holds the init's `siglock`: no two do so at once.
fn count(counter: &AtomicU32) {
    let one_more = counter.load(Ordering::Relaxed).saturating_add(1);
    counter.store(one_more, Ordering::Relaxed);
}

/// How many signals to the init of `ns` its protection has dropped, and how many from ancestors, or from the init itself,
/// had their default action. If RCU alone keeps `ns`, the answer is right if it has a reference left afterwards.
pub(crate) fn counts(ns: &PidNs) -> (u32, u32) {
    let kept = ns.kept();
    (
        kept.dropped.load(Ordering::Acquire),
        kept.acted.load(Ordering::Acquire),
    )
}

/// The current task sends `sig` to `t`, which belongs to the init of `ns`. Any context.
pub(super) fn sent(
    ns: &PidNs,
    t: &Thread,
    sig: c_int,
    sender: Option<Sender>,
    disposition: Disposition,
    verdict: Verdict,
) {
    // Others act when `to_init` or `default_action` says so, or when they are taken.
    let at_once = || sig == SIGKILL || !settings::is_two_sided(ns);
    judged(ns, t, sig, false, sender, disposition, verdict, at_once);
}

/// The current task `me`, a thread of the init of its namespace, takes `sig`. Any context.
pub(super) fn taken(me: &Thread, sig: c_int, sender: Option<Sender>, disposition: Disposition) {
    let verdict = judge_taken(sig, sender, disposition);
    // Of others, `default_action` says so.
    let at_once = || matches!(sig, SIGKILL | SIGSTOP);
    let ns = me.active_ns();
    judged(ns, me, sig, true, sender, disposition, verdict, at_once);
}

/// The current task `me` takes `sig`, for which it has a handler, from nobody in particular: what [`taken`] does then.
#[inline]
pub(super) fn handled(me: &Thread, sig: c_int) {
    let (said, what) = (Disposition::Handler as u8, Verdict::Deliver as u8);
    events::signal_verdict(me.active_ns(), me, sig, true, relation(None), said, what);
}

/// A verdict; if a signal of those that have their default action is to act, it does so `at_once`, or somebody says so later.
#[inline(always)]
#[expect(
    clippy::too_many_arguments,
    reason = "the words of a line of the trace"
)]
fn judged(
    ns: &PidNs,
    t: &Thread,
    sig: c_int,
    taken: bool,
    sender: Option<Sender>,
    disposition: Disposition,
    verdict: Verdict,
    at_once: impl FnOnce() -> bool,
) {
    let (from, said, what) = (relation(sender), disposition as u8, verdict as u8);
    events::signal_verdict(ns, t, sig, taken, from, said, what);
    if verdict == Verdict::Drop {
        count(&ns.kept().dropped);
    }
    if verdict == Verdict::Act && sender.is_some_and(Sender::acts) && at_once() {
        if !matches!(sig, SIGKILL | SIGSTOP) && Rule::of(ns) == Rule::Tell {
            count(&ns.kept().acted);
        } else {
            acted(t, sig, taken);
        }
    }
}

/// A signal from an ancestor, or of its own, has its default action on the init that `t` belongs to: the current task sends it, or
/// has `taken` it. Any context.
pub(super) fn acted(t: &Thread, sig: c_int, taken: bool) {
    count(&t.active_ns().kept().acted);
    #[cfg(CONFIG_AUDIT)]
    audit::acted(t, sig, taken);
    #[cfg(not(CONFIG_AUDIT))]
    let _ = (sig, taken);
}

/// As `events.h` has words for it.
fn relation(sender: Option<Sender>) -> u8 {
    match sender {
        Some(Sender::Inside) => 0,
        Some(Sender::Ancestor) => 1,
        Some(Sender::Kernel) => 2,
        None => 3,
        Some(Sender::Itself) => 4,
    }
}
