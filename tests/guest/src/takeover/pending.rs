//! What is pending when the module goes or comes.

use super::start;
use crate::channel::Channel;
use crate::harness::{is_full, Test};
use crate::load::{load_now, unload};
use crate::process::{echo, fork, new_ns, Child, End};
use crate::send_signal::{SendCall, VALUE};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![900;
    a_signal_with_a_handler_survives,
    a_default_action_is_lost_with_the_module,
    a_default_action_comes_back_with_the_module,
    a_signal_sent_without_the_module_does_nothing,
    a_signal_sent_again_with_the_module_acts,
    real_time_signals_keep_order_and_content,
    real_time_signals_keep_where_they_came_from,
];

const SIGNALS: [i32; 4] = [libc::SIGTERM, libc::SIGQUIT, 34, 35];

/// An init that blocks [`SIGNALS`], unblocks them after a message and is alive then.
#[track_caller]
fn blocking_init() -> Child {
    let init = new_ns(|channel| {
        SIGNALS.iter().for_each(|s| signal_state::block(*s));
        channel.send(0);
        channel.receive();
        SIGNALS.iter().for_each(|s| signal_state::unblock(*s));
        echo(channel);
    });
    init.receive();
    init
}

/// Ways to the process's queue and to the thread's.
const BOTH_QUEUES: [SendCall; 4] = [
    SendCall::Kill,
    SendCall::Sigqueue,
    SendCall::Tgkill,
    SendCall::PidfdThread,
];

#[track_caller]
fn unload_now() {
    check!(unload(), Ok(()), "unload while signals are pending");
}

fn a_signal_with_a_handler_survives() {
    for again in [false, true] {
        for call in BOTH_QUEUES {
            start();
            let init = new_ns(|channel| {
                signal_capture::capture(&[libc::SIGUSR1]);
                signal_state::block(libc::SIGUSR1);
                channel.send(0);
                channel.receive();
                signal_state::unblock(libc::SIGUSR1);
                channel.send_all(&signal_capture::next().to_numbers());
                echo(channel);
            });
            init.receive();
            check!(call.send(init.pid, libc::SIGUSR1), Ok(()));
            unload_now();
            if again {
                load_now();
            }
            init.send(0);
            let value = if call.carries_info() { VALUE } else { 0 };
            let seen = init.receive_all();
            check!(seen[..4], [libc::SIGUSR1, call.code(), 0, 0], "{call:?}");
            check!(seen[4], value, "si_value by {call:?}");
            init.check_alive();
        }
    }
}

/// Sends a signal by a call to an init that blocks it, changes the world and lets init unblock it.
#[track_caller]
fn check_pending(signal: i32, call: SendCall, change: impl Fn(&Child), end: Option<End>) {
    start();
    let init = blocking_init();
    check!(call.send(init.pid, signal), Ok(()));
    change(&init);
    init.send(0);
    match end {
        Some(end) => check!(init.wait(), end, "the end by {signal}, sent by {call:?}"),
        None => init.check_alive(),
    }
}

/// Each of [`SIGNALS`] by a call for each queue, and each call with two signals; all pairs if that is wanted.
fn pairs() -> Vec<(i32, SendCall)> {
    let mut pairs = Vec::new();
    for (place, signal) in SIGNALS.into_iter().enumerate() {
        let calls = BOTH_QUEUES.into_iter().enumerate();
        let chosen = calls.filter(|(number, _)| is_full() || (place + number) % 2 == 0);
        pairs.extend(chosen.map(|(_, call)| (signal, call)));
    }
    pairs
}

/// The same with several signals and calls; init dies of it or not.
#[track_caller]
fn check_all_pending(change: impl Fn(&Child), ends: bool) {
    for (signal, call) in pairs() {
        let end = ends.then_some(End::Killed(signal));
        check_pending(signal, call, &change, end);
    }
}

fn a_default_action_is_lost_with_the_module() {
    check_all_pending(|_| unload_now(), false);
    load_now();
}

fn a_default_action_comes_back_with_the_module() {
    let reload = || {
        unload_now();
        load_now();
    };
    check_all_pending(|_| reload(), true);
    check_all_pending(|_| (0..2).for_each(|_| reload()), true);
}

#[track_caller]
fn check_sent_without(then: impl Fn(&Child, i32), ends: bool) {
    for (signal, call) in pairs() {
        start();
        unload_now();
        let init = blocking_init();
        check!(call.send(init.pid, signal), Ok(()));
        load_now();
        then(&init, signal);
        init.send(0);
        if ends {
            check!(init.wait(), End::Killed(signal), "{signal} by {call:?}");
        } else {
            init.check_alive();
        }
    }
}

fn a_signal_sent_without_the_module_does_nothing() {
    check_sent_without(|_, _| (), false);
}

fn a_signal_sent_again_with_the_module_acts() {
    check_sent_without(|init, signal| init.kill(signal), true);
}

fn queue(pid: i32, signal: i32, value: i32) {
    let value = libc::sigval {
        sival_ptr: value as usize as *mut libc::c_void,
    };
    // SAFETY: the call takes no pointer that anybody follows.
    check!(unsafe { libc::sigqueue(pid, signal, value) }, 0, "sigqueue");
}

/// An init's body: let a member queue a signal with each value that is told, until there is none.
fn queue_inside(channel: &Channel) {
    channel.send(0);
    loop {
        let value = channel.receive();
        if value < 0 {
            return;
        }
        let member = fork(|_| queue(1, 34, value));
        check!(member.wait(), End::Exit(0));
        channel.send(member.pid);
    }
}

fn real_time_signals_keep_order_and_content() {
    const COUNT: i32 = 24;
    for loads in 0..2 {
        start();
        let init = new_ns(|channel| {
            signal_capture::capture(&[34]);
            signal_state::block(34);
            queue_inside(channel);
            signal_state::unblock(34);
            (0..COUNT).for_each(|_| channel.send_all(&signal_capture::next().to_numbers()));
            echo(channel);
        });
        init.receive();
        let mut senders = Vec::new();
        for value in 0..COUNT {
            if value % 3 == 0 {
                queue(init.pid, 34, value);
                senders.push(0);
            } else {
                init.send(value);
                senders.push(init.receive());
            }
            if value == COUNT / 2 {
                unload_now();
                (0..loads).for_each(|_| load_now());
            }
        }
        init.send(-1);
        for (value, sender) in senders.into_iter().enumerate() {
            check!(
                init.receive_all(),
                [34, libc::SI_QUEUE, sender, 0, value as i32],
                "the signal in place {value}"
            );
        }
        init.check_alive();
    }
}

fn real_time_signals_keep_where_they_came_from() {
    for from_outside in [false, true] {
        start();
        let init = new_ns(|channel| {
            SIGNALS.iter().for_each(|s| signal_state::block(*s));
            queue_inside(channel);
            SIGNALS.iter().for_each(|s| signal_state::unblock(*s));
            echo(channel);
        });
        init.receive();
        for value in 0..10 {
            if from_outside && value == 5 {
                queue(init.pid, 34, value);
            }
            init.send(value);
            init.receive();
        }
        unload_now();
        load_now();
        init.send(-1);
        if from_outside {
            check!(init.wait(), End::Killed(34), "one of many from outside");
        } else {
            init.check_alive();
        }
    }
}
