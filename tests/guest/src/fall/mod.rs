//! The soft fall: when a signal from outside ends an init, the members get it, too, and some time.

pub mod hard;
pub mod members;
pub mod middle;

use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::channel::Channel;
use crate::mode;
use crate::process::{fork, new_ns, sleep_for_ever, Child, End};
use crate::signal_capture;
use crate::signal_state;

/// More than any test takes.
const LONG: i32 = 600_000;

const TERM: i32 = libc::SIGTERM;

/// Two sides, and so much grace.
fn with_grace(ms: i32) {
    mode::two_sided();
    mode::set_grace(ms);
}

/// A namespace of an init that does nothing, and of what `members` make before.
fn namespace(members: impl FnOnce()) -> Child {
    let init = new_ns(|channel| {
        signal_state::reset();
        members();
        channel.send(0);
        sleep_for_ever();
    });
    init.receive();
    init
}

/// A server: it says of each signal of these what it was told, and ends at the first.
fn server(report: &Channel, signals: &[i32]) {
    let ready = fork(|ready| {
        signal_capture::capture(signals);
        ready.send(0);
        report.send_all(&signal_capture::next().to_numbers());
    });
    ready.receive();
}

/// One that does not end by itself.
fn stubborn() {
    let ready = fork(|ready| {
        signal_state::ignore(TERM);
        ready.send(0);
        sleep_for_ever();
    });
    ready.receive();
}

/// Forks without a channel; the child goes on as the caller, which must have one thread.
fn bare_fork() -> nix::Result<i32> {
    // SAFETY: nobody else is there to hold a lock.
    Errno::result(unsafe { libc::fork() })
}

/// Ends the init by SIGTERM, and says how long the fall took.
#[track_caller]
fn fell(init: &Child) -> Duration {
    let began = Instant::now();
    init.kill(TERM);
    check!(init.wait(), End::Killed(TERM), "the init's status");
    began.elapsed()
}

/// Fails unless something took at least so many milliseconds, and not much longer.
#[track_caller]
fn check_took(took: Duration, ms: i32, words: &str) {
    let least = Duration::from_millis(ms as u64);
    let most = least + Duration::from_secs(crate::harness::scale(10, 60));
    check!(
        (least..most).contains(&took),
        true,
        "{words} took {took:?}, of {least:?}"
    );
}
