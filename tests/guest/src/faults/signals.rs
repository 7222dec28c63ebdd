//! Allocations fail while signals are sent to an init.

use nix::errno::Errno;

use super::{start, Path};
use crate::agent::Agent;
use crate::harness::Test;
use crate::mode;
use crate::send_signal::{SendCall, SEND_CALLS};

pub const TESTS: &[Test] = tests![600;
    from_outside,
    from_outside_and_blocked,
];

#[track_caller]
fn send(call: SendCall, before: &dyn Fn() -> Agent, after: &dyn Fn(Agent, i32)) {
    let path = Path {
        name: &format!("SIGTERM by {call:?}"),
        flags: 0,
        before,
        path: &|init: &Agent| call.send(init.0.pid, libc::SIGTERM),
        after,
    };
    path.fail_each(&[Errno::EAGAIN, Errno::ENOMEM]);
}

/// A signal that was sent acts, whatever has failed.
fn from_outside() {
    start();
    mode::two_sided();
    for call in SEND_CALLS {
        send(call, &Agent::init, &|init, result| {
            if result == 0 {
                init.ends(libc::SIGTERM, "by a signal whose allocation failed");
            }
        });
    }
}

/// One that is pending may lose where it came from, and then does nothing. One that was not sent is not pending.
fn from_outside_and_blocked() {
    start();
    mode::two_sided();
    let blocking = || {
        let init = Agent::init();
        init.block(libc::SIGTERM);
        init
    };
    for call in SEND_CALLS {
        send(call, &blocking, &|init, result| {
            if result != 0 {
                init.unblock(libc::SIGTERM);
                init.survives("a signal that was not sent");
            }
        });
    }
}
