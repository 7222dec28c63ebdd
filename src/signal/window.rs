// SPDX-License-Identifier: GPL-2.0

//! The instant for which the kernel gives the `siglock` up while it takes a timer's signal
//! (`kernel/time/posix-timers.c: posixtimer_deliver_signal`). If the timer's is out of date, it then takes what is there: also
//! what was sent in that instant, of which nothing was known when it began.
//!
//! The thread that takes it says so in its `ptrace_message`, which is 0 but during a stop for a tracer, and whoever sends
//! the same signal answers there.

use super::{
    siglock::{
        Process,
        Thread, //
    },
    verdict::Sender, //
};
use kernel::{
    ffi::c_ulong,
    prelude::*, //
};

/// The window is open for the signal whose number is added.
const OPEN: c_ulong = 0x7069_646e_7301_0000;
/// An ancestor has sent it meanwhile.
const FROM_ANCESTOR: c_ulong = 0x100;
/// The init itself has.
const FROM_ITSELF: c_ulong = 0x200;

/// `me`, the current task, is about to take a timer's `sig`.
pub(super) fn open(me: &Thread, sig: c_int) {
    me.ptrace_message().set(OPEN | sig as c_ulong);
}

/// `me`, the current task, has taken a signal. Returns who, of those whose signals act, has sent the one for which the
/// window was open.
pub(super) fn close(me: &Thread) -> Option<Sender> {
    match me.ptrace_message().replace(0) {
        message if message & FROM_ANCESTOR != 0 => Some(Sender::Ancestor),
        message if message & FROM_ITSELF != 0 => Some(Sender::Itself),
        _ => None,
    }
}

/// A `sender` whose signals act has sent `sig` to `process`, or to a thread of it.
pub(super) fn arrived(process: &Process, sig: c_int, sender: Sender) {
    let open = OPEN | sig as c_ulong;
    let from = match sender {
        Sender::Ancestor => FROM_ANCESTOR,
        _ => FROM_ITSELF,
    };
    for t in process.threads() {
        let message = t.ptrace_message().get();
        if message & !(FROM_ANCESTOR | FROM_ITSELF) == open {
            t.ptrace_message().set(message | from);
        }
    }
}
