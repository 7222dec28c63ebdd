//! The module comes and goes under storms.

use nix::errno::Errno;

use super::{check_one_sided, check_two_sided, new_init, start};
use crate::channel::Channel;
use crate::harness::{times, Test};
use crate::load::{load_now, load_with, storm, unload, unload_soon};
use crate::process::{fork, new_ns, quit, wait_any, wait_pidfd, Child, End};
use crate::random::Random;
use crate::signal_capture;
use crate::signal_storm::{check_untouched, fork_attacker, send_at_random, survive};

pub const TESTS: &[Test] = tests![900;
    cycles_under_a_storm_of_forks,
    cycles_under_a_storm_of_namespaces,
    cycles_under_a_storm_of_signals_from_inside,
    cycles_while_the_outside_ends_inits,
    cycles_while_signals_are_counted,
];

/// How often the module goes and comes under each of the five storms: as `PIDNS_CYCLES` says, or 15 times in all.
fn cycles() -> usize {
    times("PIDNS_CYCLES", 3)
}

/// Lets the module go and come, and does something in between.
#[track_caller]
fn cycle(mut between: impl FnMut()) {
    start();
    for number in 0..cycles() {
        // Nobody is traced nor dumps core: it goes at once.
        check!(unload(), Ok(()), "unload number {number}");
        between();
        load_now();
        between();
    }
}

/// A moment for the others, in which emulated processors come to rest.
fn rest() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}

/// Works again and again until there is a message, and then says how often.
fn count(channel: &Channel, mut work: impl FnMut()) {
    let mut count = 0;
    while !channel.is_readable() {
        work();
        count += 1;
        rest();
    }
    channel.receive();
    channel.send(count);
}

/// Ends workers, which must all have counted something.
#[track_caller]
fn check_counts(workers: Vec<Child>) {
    for worker in workers {
        worker.send(0);
        let count = worker.receive();
        check!(count > 0, true, "the count of a worker is {count}");
        check!(worker.wait(), End::Exit(0), "the end of a worker");
    }
}

fn cycles_under_a_storm_of_forks() {
    start();
    let storm = storm();
    let init = new_ns(|channel| count(channel, || check_members(5)));
    cycle(|| check_untouched(&init));
    check_counts(vec![init]);
    storm.into_iter().for_each(Child::end);
}

/// Makes members that end by themselves, and sees every one of them end.
#[track_caller]
fn check_members(members: i32) {
    (0..members).for_each(|code| {
        fork(|_| quit(code));
    });
    let mut codes: Vec<i32> = (0..members)
        .map(|_| match wait_any() {
            (_, End::Exit(code)) => code,
            (pid, end) => panic!("expected {pid} to exit, saw {end:?}"),
        })
        .collect();
    codes.sort_unstable();
    check!(codes, (0..members).collect::<Vec<i32>>(), "all members");
}

fn cycles_under_a_storm_of_namespaces() {
    start();
    let worker = |_| {
        fork(|channel| {
            count(channel, || {
                let init = new_ns(|_| {
                    check_members(2);
                    let inner = new_ns(|_| check_members(2));
                    check!(inner.wait(), End::Exit(0), "the end of an inner init");
                });
                check!(init.wait(), End::Exit(0), "the end of an init");
            });
        })
    };
    let workers: Vec<Child> = (0..4).map(worker).collect();
    cycle(rest);
    check_counts(workers);
}

/// One thread: mainline lets the inside end an init of several that block different signals.
fn cycles_under_a_storm_of_signals_from_inside() {
    start();
    let inits: Vec<Child> = (0..3)
        .map(|_| new_ns(|channel| survive(channel, 1)))
        .collect();
    inits.iter().for_each(|i| check!(i.receive(), 0));
    cycle(|| {
        for init in &inits {
            check_untouched(init);
            init.check_alive();
        }
    });
    let other = new_init(4);
    check!(unload(), Ok(()));
    check_one_sided(&other);
    load_now();
    check_two_sided(other);
    inits.into_iter().for_each(Child::end);
}

fn cycles_while_the_outside_ends_inits() {
    start();
    crate::mode::set_grace(0);
    let worker = |number: i32| {
        fork(move |channel| {
            let signal = [libc::SIGTERM, libc::SIGHUP, 40][number as usize];
            count(channel, || {
                let init = new_ns(|channel| survive(channel, 1));
                init.receive();
                let attacker =
                    fork_attacker(|| send_at_random(init.pid, &[], &[signal], &mut Random::new(3)));
                wait_pidfd(&init.pidfd());
                attacker.end();
                check!(init.wait(), End::Killed(signal), "how init ended");
            });
        })
    };
    let workers: Vec<Child> = (0..3).map(worker).collect();
    // An init that waits for its members would keep the module, and the attackers do not mind its signals.
    for _ in 0..cycles() {
        unload_soon();
        rest();
        check!(load_with(c"grace_ms=0"), Ok(()), "load");
        rest();
    }
    check_counts(workers);
    unload_soon();
    load_now();
}

fn cycles_while_signals_are_counted() {
    start();
    // It sees every one of them, in order.
    let init = new_ns(|channel| {
        signal_capture::capture(&[34]);
        channel.send(0);
        let mut next = 0;
        loop {
            let caught = signal_capture::next();
            check!((caught.pid, caught.value), (0, next), "the next signal");
            next += 1;
            if channel.is_readable() {
                let all = channel.receive();
                (next..all).for_each(|value| check!(signal_capture::next().value, value));
                channel.send(all);
                return;
            }
        }
    });
    init.receive();
    let sender = fork(|channel| {
        let mut sent = 0;
        count(channel, || {
            for _ in 0..10 {
                match queue(init.pid, sent) {
                    Ok(()) => sent += 1,
                    Err(e) => check!(e, Errno::EAGAIN),
                }
            }
        });
        channel.send(sent);
        channel.receive();
        check!(queue(init.pid, sent), Ok(()));
    });
    cycle(rest);
    sender.send(0);
    check!(sender.receive() > 0, true);
    let sent = sender.receive();
    init.send(sent + 1);
    sender.send(0);
    check!(init.receive(), sent + 1, "signals that have arrived");
    check!(sender.wait(), End::Exit(0));
    check!(init.wait(), End::Exit(0));
}

fn queue(pid: i32, value: i32) -> nix::Result<()> {
    let value = libc::sigval {
        sival_ptr: value as usize as *mut libc::c_void,
    };
    // SAFETY: the call takes no pointer that anybody follows.
    Errno::result(unsafe { libc::sigqueue(pid, 34, value) }).map(drop)
}
