//! The module comes to a kernel that has pid namespaces of its own, and goes again: their inits have
//! two sides for as long as it is there.

pub mod cycles;
pub mod pending;
pub mod terminal;
pub mod two_sided;
pub mod unload;

use crate::agent::attack_init;
use crate::channel::Channel;
use crate::harness::kernel;
use crate::process::{new_ns, sleep_for_ever, Child, End};
use crate::send_signal::SEND_CALLS;

/// The message upon which an init lets a child attack it.
const ATTACK: i32 = 4;

/// Skips the test on other kernels; makes sure that the module is there, and two-sided.
fn start() {
    if !kernel().starts_with("takeover") {
        crate::report::skip("only where the kernel has pid namespaces, and the module takes over");
    }
    crate::load::make_sure();
    crate::mode::set(1);
}

/// An init of so many threads, which answers messages, and lets a child attack it when it is told to.
#[track_caller]
pub fn new_init(threads: usize) -> Child {
    let init = new_ns(|channel| live(channel, threads));
    init.check_alive();
    init
}

fn live(channel: &Channel, threads: usize) {
    for _ in 1..threads {
        std::thread::spawn(|| sleep_for_ever());
    }
    while let Some(words) = channel.receive_or_end() {
        if words[0] == ATTACK {
            attack_init();
        }
        channel.send_all(&words);
    }
}

/// Fails the test unless nothing comes through to init by mainline's verdict.
#[track_caller]
pub fn check_one_sided(init: &Child) {
    attack(init);
    for call in SEND_CALLS {
        for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGTSTP, 40] {
            check!(
                call.send(init.pid, signal),
                Ok(()),
                "signal {signal} by {call:?}"
            );
        }
        init.check_alive();
    }
}

/// Fails the test unless init stands what comes from inside and ends by what comes from outside.
#[track_caller]
pub fn check_two_sided(init: Child) {
    attack(&init);
    init.check_alive();
    init.kill(libc::SIGTERM);
    check!(
        init.wait(),
        End::Killed(libc::SIGTERM),
        "SIGTERM from outside"
    );
}

#[track_caller]
fn attack(init: &Child) {
    init.send(ATTACK);
    check!(init.receive(), ATTACK);
}
