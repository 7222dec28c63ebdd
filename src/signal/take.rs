// SPDX-License-Identifier: GPL-2.0

//! An init takes a signal: what it does to it.

use super::{
    default_action, report,
    siglock::OwnSiglock,
    verdict::{
        Disposition,
        Sender,
        SIGKILL,
        SIGSTOP, //
    },
};
use crate::object::Siginfo;
use kernel::prelude::*;

/// The current init takes `sig` to act on it: one that `sender`, if that is known, has sent. Returns the signal with
/// which `get_signal` has to go on; 0 if it must not see this one.
///
/// May sleep, and give the `siglock` up meanwhile.
#[inline]
pub(super) fn take(
    siglock: OwnSiglock<'_>,
    sig: c_int,
    info: &Siginfo,
    sender: Option<Sender>,
) -> c_int {
    let disposition = siglock.me().disposition(sig);
    if disposition == Disposition::Handler && sender.is_none() {
        report::handled(siglock.me(), sig);
        return sig;
    }
    take_by_rule(siglock, sig, info, sender, disposition)
}

/// The same, of a signal with that `disposition`; not the fast path.
#[inline(never)]
fn take_by_rule(
    siglock: OwnSiglock<'_>,
    sig: c_int,
    info: &Siginfo,
    sender: Option<Sender>,
    disposition: Disposition,
) -> c_int {
    report::taken(siglock.me(), sig, sender, disposition);
    match sender {
        // `get_signal` protects nobody from these two.
        Some(Sender::Inside) if matches!(sig, SIGKILL | SIGSTOP) => 0,
        Some(sender)
            if sender.acts()
                && disposition == Disposition::Default
                && !matches!(sig, SIGKILL | SIGSTOP) =>
        {
            default_action::begin(siglock, sig, info, sender)
        }
        _ => sig,
    }
}
