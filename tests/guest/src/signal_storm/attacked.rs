//! An init that random signals are sent to, and that changes all the time what it does about them.

use std::time::{Duration, Instant};

use super::attack::{attack_from_inside, RANDOM_SIGNALS, UNCATCHABLE};
use crate::channel::Channel;
use crate::harness::storm_seconds;
use crate::process::{sleep_for_ever, wait_status, Child};
use crate::random::Random;
use crate::signal_state::{self, nothing};

/// Changes at random the disposition of one of the signals, or whether it is blocked.
pub fn change_at_random(random: &mut Random) {
    let signal = random.choose(&RANDOM_SIGNALS[UNCATCHABLE..]);
    match random.below(8) {
        0 | 1 => signal_state::block(signal),
        2 | 3 => signal_state::unblock(signal),
        4 => signal_state::set_default(signal),
        5 => signal_state::ignore(signal),
        6 => signal_state::handle(signal, nothing, libc::SA_RESTART),
        _ => std::thread::sleep(Duration::from_micros(200)),
    }
}

/// Gives all of the signals their default action, and unblocks them.
pub fn reset_random_signals() {
    for signal in &RANDOM_SIGNALS[UNCATCHABLE..] {
        signal_state::set_default(*signal);
        signal_state::unblock(*signal);
    }
}

/// An init's body: while the inside sends random signals, change dispositions and masks with so many threads,
/// and answer every message with itself.
pub fn survive(channel: &Channel, threads: usize) -> ! {
    survive_signals(channel, threads, &RANDOM_SIGNALS)
}

/// The same, when the inside sends no more than these signals.
pub fn survive_signals(channel: &Channel, threads: usize, signals: &[i32]) -> ! {
    // The handlers of this program's language are not made for SIGSEGV that somebody sends.
    reset_random_signals();
    attack_from_inside(threads, signals);
    for number in 1..threads {
        std::thread::spawn(move || {
            let mut random = Random::new(10 + number);
            loop {
                change_at_random(&mut random);
            }
        });
    }
    channel.send(0);
    let mut random = Random::new(10);
    loop {
        change_at_random(&mut random);
        if channel.is_readable() {
            match channel.receive_or_end() {
                Some(words) => channel.send_all(&words),
                None => sleep_for_ever(),
            }
        }
    }
}

/// Fails the test if a child has ended, stopped or continued.
#[track_caller]
pub fn check_untouched(child: &Child) {
    let flags = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
    check!(
        wait_status(child.pid, flags),
        (0, 0),
        "what has happened to a child"
    );
}

/// Does something again and again for so many seconds, or as `PIDNS_STORM` says, and at least once.
pub fn for_a_while(seconds: usize, mut something: impl FnMut()) {
    let limit = storm_seconds(seconds, 4 * seconds);
    let start = Instant::now();
    loop {
        something();
        if start.elapsed() > limit {
            return;
        }
    }
}
