//! An init executes a program while it is signalled. The program's arguments are as long as they may be, so that what is
//! signalled meanwhile waits until they are copied: it was sent to the old program, and is taken by the new one.

use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use super::{nap, shared};
use crate::agent;
use crate::channel::Channel;
use crate::harness::{sample, this_program, Test};
use crate::mode;
use crate::process::{fork, kill, new_ns, sleep_for_ever, wait_for, End};
use crate::random::Random;
use crate::report::note;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    signals_from_inside,
    a_signal_from_outside,
    a_kill_while_a_thread_executes,
];

/// Executes this program as an agent with two megabytes of arguments that it does not read.
fn execute_slowly(program: RawFd, channel: &Channel) -> ! {
    let long = CString::new(vec![b'x'; 120_000]).expect("no zero byte");
    agent::execute_with(program, channel, &[long.as_c_str(); 15])
}

static TAKEN: std::sync::OnceLock<&'static AtomicI32> = std::sync::OnceLock::new();

extern "C" fn count(_: i32) {
    if let Some(taken) = TAKEN.get() {
        taken.fetch_add(1, Ordering::SeqCst);
    }
}

/// Lets the caller handle SIGTERM, and count it.
fn handle(taken: &'static AtomicI32) {
    TAKEN.get_or_init(|| taken);
    // SAFETY: the handler only touches an atomic.
    unsafe { libc::signal(libc::SIGTERM, count as *const () as libc::sighandler_t) };
}

/// None of them ends an init that handled them in its old program.
fn signals_from_inside() {
    for two_sided in [false, true] {
        match two_sided {
            false => mode::as_mainline(),
            true if mode::is_there() => mode::two_sided(),
            true => continue,
        }
        let program = this_program();
        let taken: &AtomicI32 = shared();
        for _ in 0..sample(15, 8, 4) {
            let init = new_ns(|channel| {
                signal_state::reset();
                handle(taken);
                fork(|_| loop {
                    let _ = kill(1, libc::SIGTERM);
                });
                execute_slowly(program.as_raw_fd(), channel)
            });
            check!(init.receive_all()[0], 1, "the number of the new program");
            check!(
                agent::ask(&init, agent::Command::Ping()),
                [0],
                "the new program's answer"
            );
            init.end();
        }
    }
}

/// It is taken by the old program, or ends the new one: it is never lost.
fn a_signal_from_outside() {
    mode::two_sided();
    let program = this_program();
    let mut random = Random::new(5);
    let (mut by_old, mut by_new) = (0, 0);
    for _ in 0..sample(60, 25, 10) {
        let taken: &AtomicI32 = shared();
        let init = fork(|channel| {
            handle(taken);
            let init = new_ns(|channel| {
                signal_state::reset();
                handle(taken);
                channel.send(0);
                execute_slowly(program.as_raw_fd(), channel)
            });
            init.receive();
            nap(&mut random, 4_000);
            init.kill(libc::SIGTERM);
            // It says its numbers if it lives, and ends when nobody holds the channel.
            init.channel.receive_or_end();
            let pid = init.pid;
            drop(init.channel);
            let end = wait_for(pid);
            let taken = taken.load(Ordering::SeqCst);
            check!(
                (taken == 1) != (end == End::Killed(libc::SIGTERM)),
                true,
                "taken {taken} times, and {end:?}"
            );
            channel.send(taken);
        });
        match init.receive() {
            0 => by_new += 1,
            _ => by_old += 1,
        }
        check!(init.wait(), End::Exit(0), "the parent of init");
    }
    note(&format!(
        "taken by the old program {by_old}, by the new one {by_new}"
    ));
}

/// The killed one is gone, whichever of its threads became the leader.
fn a_kill_while_a_thread_executes() {
    let program = this_program();
    let mut random = Random::new(6);
    for _ in 0..sample(60, 25, 10) {
        let family = super::Family::new();
        let init = new_ns(|channel| {
            fork(|_| loop {
                let _ = kill(1, libc::SIGKILL);
            });
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| sleep_for_ever());
                }
                scope.spawn(|| {
                    channel.send(0);
                    execute_slowly(program.as_raw_fd(), channel)
                });
                sleep_for_ever()
            })
        });
        init.receive();
        nap(&mut random, 8_000);
        family.end_with(init);
    }
}
