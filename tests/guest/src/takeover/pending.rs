//! What is pending when the module goes or comes.

use super::start;
use crate::catch;
use crate::fire::mask;
use crate::harness::Test;
use crate::load::{load_now, unload};
use crate::process::{echo, fork, new_ns, Child, End};
use crate::talk::Talk;
use crate::way::{Way, VALUE};

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

/// An init that blocks [`SIGNALS`], unblocks them after a word and is alive then.
#[track_caller]
fn blocking_init() -> Child {
    let init = new_ns(|talk| {
        SIGNALS.iter().for_each(|s| mask(libc::SIG_BLOCK, *s));
        talk.say(0);
        talk.hear();
        SIGNALS.iter().for_each(|s| mask(libc::SIG_UNBLOCK, *s));
        echo(talk);
    });
    init.hear();
    init
}

/// Ways to the process's queue and to the thread's.
const BOTH_QUEUES: [Way; 4] = [Way::Kill, Way::Sigqueue, Way::Tgkill, Way::PidfdThread];

#[track_caller]
fn unload_now() {
    check!(unload(), Ok(()), "unload while signals are pending");
}

fn a_signal_with_a_handler_survives() {
    for again in [false, true] {
        for way in BOTH_QUEUES {
            start();
            let init = new_ns(|talk| {
                catch::catch(&[libc::SIGUSR1]);
                mask(libc::SIG_BLOCK, libc::SIGUSR1);
                talk.say(0);
                talk.hear();
                mask(libc::SIG_UNBLOCK, libc::SIGUSR1);
                talk.say_all(&catch::next().to_numbers());
                echo(talk);
            });
            init.hear();
            check!(way.send(init.pid, libc::SIGUSR1), Ok(()));
            unload_now();
            if again {
                load_now();
            }
            init.say(0);
            let value = if way.carries_info() { VALUE } else { 0 };
            let seen = init.hear_all();
            check!(seen[..4], [libc::SIGUSR1, way.code(), 0, 0], "{way:?}");
            check!(seen[4], value, "si_value by {way:?}");
            init.check_alive();
        }
    }
}

/// Sends a signal in a way to an init that blocks it, changes the world and lets init unblock it.
#[track_caller]
fn check_pending(signal: i32, way: Way, change: impl Fn(&Child), end: Option<End>) {
    start();
    let init = blocking_init();
    check!(way.send(init.pid, signal), Ok(()));
    change(&init);
    init.say(0);
    match end {
        Some(end) => check!(init.wait(), end, "the end by {signal}, sent by {way:?}"),
        None => init.check_alive(),
    }
}

/// The same with each of several signals, sent in each way; init dies of it or not.
#[track_caller]
fn check_all_pending(change: impl Fn(&Child, i32, Way), ends: bool) {
    for signal in SIGNALS {
        for way in BOTH_QUEUES {
            let end = ends.then_some(End::Killed(signal));
            check_pending(signal, way, |init| change(init, signal, way), end);
        }
    }
}

fn a_default_action_is_lost_with_the_module() {
    check_all_pending(|_, _, _| unload_now(), false);
    load_now();
}

fn a_default_action_comes_back_with_the_module() {
    let reload = || {
        unload_now();
        load_now();
    };
    check_all_pending(|_, _, _| reload(), true);
    check_all_pending(|_, _, _| (0..3).for_each(|_| reload()), true);
}

#[track_caller]
fn check_sent_without(then: impl Fn(&Child, i32), ends: bool) {
    for signal in SIGNALS {
        for way in BOTH_QUEUES {
            start();
            unload_now();
            let init = blocking_init();
            check!(way.send(init.pid, signal), Ok(()));
            load_now();
            then(&init, signal);
            init.say(0);
            if ends {
                check!(init.wait(), End::Killed(signal), "{signal} by {way:?}");
            } else {
                init.check_alive();
            }
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

/// An init's story: let a member queue a signal with each value that is told, until there is none.
fn queue_inside(talk: &Talk) {
    talk.say(0);
    loop {
        let value = talk.hear();
        if value < 0 {
            return;
        }
        let member = fork(|_| queue(1, 34, value));
        check!(member.wait(), End::Exit(0));
        talk.say(member.pid);
    }
}

fn real_time_signals_keep_order_and_content() {
    const COUNT: i32 = 24;
    for loads in 0..2 {
        start();
        let init = new_ns(|talk| {
            catch::catch(&[34]);
            mask(libc::SIG_BLOCK, 34);
            queue_inside(talk);
            mask(libc::SIG_UNBLOCK, 34);
            (0..COUNT).for_each(|_| talk.say_all(&catch::next().to_numbers()));
            echo(talk);
        });
        init.hear();
        let mut senders = Vec::new();
        for value in 0..COUNT {
            if value % 3 == 0 {
                queue(init.pid, 34, value);
                senders.push(0);
            } else {
                init.say(value);
                senders.push(init.hear());
            }
            if value == COUNT / 2 {
                unload_now();
                (0..loads).for_each(|_| load_now());
            }
        }
        init.say(-1);
        for (value, sender) in senders.into_iter().enumerate() {
            check!(
                init.hear_all(),
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
        let init = new_ns(|talk| {
            SIGNALS.iter().for_each(|s| mask(libc::SIG_BLOCK, *s));
            queue_inside(talk);
            SIGNALS.iter().for_each(|s| mask(libc::SIG_UNBLOCK, *s));
            echo(talk);
        });
        init.hear();
        for value in 0..10 {
            if from_outside && value == 5 {
                queue(init.pid, 34, value);
            }
            init.say(value);
            init.hear();
        }
        unload_now();
        load_now();
        init.say(-1);
        if from_outside {
            check!(init.wait(), End::Killed(34), "one of many from outside");
        } else {
            init.check_alive();
        }
    }
}
