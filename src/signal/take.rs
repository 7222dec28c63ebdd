// SPDX-License-Identifier: GPL-2.0

//! The other side: an init takes a signal.

use super::{
    default_action, report,
    siginfo::Info,
    siglock::Own,
    verdict::{
        Disposition,
        Sender,
        SIGKILL,
        SIGSTOP, //
    },
};
use kernel::prelude::*;

/// The current init `me` takes `sig` to act on it: one that `sender`, if that is known, has sent. Returns the signal with
/// which `get_signal` has to go on; 0 if it must not see this one.
///
/// May sleep; gives the `siglock` up meanwhile and takes it again.
#[inline]
pub(super) fn take(me: &mut Own<'_>, sig: c_int, info: Info, sender: Option<Sender>) -> c_int {
    let disposition = me.disposition(sig);
    if disposition == Disposition::Handler && sender.is_none() {
        report::handled(me, sig);
        return sig;
    }
    take_by_rule(me, sig, info, sender, disposition)
}

/// The same, of a signal with that `disposition`; not the fast path.
#[inline(never)]
fn take_by_rule(
    me: &mut Own<'_>,
    sig: c_int,
    info: Info,
    sender: Option<Sender>,
    disposition: Disposition,
) -> c_int {
    report::taken(me, sig, sender, disposition);
    match sender {
        // `get_signal` protects nobody from these two.
        Some(Sender::Inside) if matches!(sig, SIGKILL | SIGSTOP) => 0,
        Some(Sender::Ancestor)
            if disposition == Disposition::Default && !matches!(sig, SIGKILL | SIGSTOP) =>
        {
            default_action::begin(me, sig, info)
        }
        _ => sig,
    }
}
