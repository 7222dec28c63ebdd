//! An init with two sides that random signals are sent to from both.

mod attack;
mod attacked;
pub mod execve;
pub mod many_inits;
pub mod ptrace;
pub mod survival;

pub use attack::{fork_attacker, send_at_random};
pub use attacked::{change_at_random, check_untouched, reset_random_signals, survive};

use crate::process::{new_ns, wait_pidfd, Child, End};
use crate::random::Random;

/// An init of so many threads that is attacked from inside already.
#[track_caller]
fn attacked(threads: usize) -> Child {
    let init = new_ns(|channel| survive(channel, threads));
    init.receive();
    init
}

/// Children of the caller that send `signals` to a process, which must not be reaped before they are.
fn attackers(process: i32, signals: &[i32]) -> Vec<Child> {
    let attacker =
        |number| fork_attacker(|| send_at_random(process, &[], signals, &mut Random::new(number)));
    (0..2).map(attacker).collect()
}

/// Lets the outside end init by `signal`.
#[track_caller]
fn check_ends(init: &Child, signal: i32) {
    // Those inside do not mind its signals. Where the caller is inside of something itself, that is for others to say.
    let _ = std::fs::write(crate::mode::GRACE, "0");
    let attackers = attackers(init.pid, &[signal]);
    wait_pidfd(&init.pidfd());
    attackers.into_iter().for_each(Child::end);
    check!(init.wait(), End::Killed(signal), "how init ended");
}
