//! Sent from outside, the default action of every signal happens to an init as to any process.

use nix::errno::Errno;

use super::{attack, state, tgkill, while_stopped, ALL_KINDS, JOB_CONTROL, MAKERS, TERMINATE};
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    check_continues, check_stops, echo, eventually, fork, kill, lead_group, new_ns, quit,
    sleep_for_ever, start_threads, wait_for_core, Child, End,
};
use crate::send_signal::SEND_CALLS;
use crate::signal_capture::{self, Caught};
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    every_way_to_end_it,
    every_signal_that_ends,
    signals_that_do_nothing,
    every_signal_that_stops,
    all_threads_stop,
    the_parent_is_told,
    in_an_orphaned_group_only_sigstop_stops,
    sigcont_from_inside_continues,
    stopped_and_attacked_from_inside,
    stopped_and_ended_from_outside,
    stopped_and_killed_from_outside,
    a_signal_to_its_group,
    a_signal_to_everybody,
    a_signal_to_a_thread,
    a_pause_goes_on_after_a_stop,
    the_namespace_ends_with_it,
];

fn every_way_to_end_it() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, 40] {
            let init = new_ns(echo);
            init.check_alive();
            let sent = call.send(init.pid, signal);
            check!(sent, Ok(()), "signal {signal} by {call:?}");
            let end = init.wait();
            check!(end, End::Killed(signal), "init's end by {call:?}");
        }
    }
}

fn every_signal_that_ends() {
    mode::two_sided();
    for (index, signal) in TERMINATE.into_iter().chain(32..=64).enumerate() {
        let call = SEND_CALLS[index % SEND_CALLS.len()];
        for (who, make) in MAKERS {
            let child = make(|channel| {
                signal_state::reset();
                echo(channel);
            });
            child.check_alive();
            check!(call.send(child.pid, signal), Ok(()), "{signal} to {who}");
            let end = wait_for_core(child.pid);
            check!(end, (End::Killed(signal), false), "{who}'s end by {call:?}");
        }
    }
}

fn signals_that_do_nothing() {
    mode::two_sided();
    let init = new_ns(echo);
    for call in SEND_CALLS {
        for signal in [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH] {
            check!(call.send(init.pid, signal), Ok(()), "{signal} by {call:?}");
            init.check_alive();
        }
    }
}

/// A process in a group of its own, which can be stopped.
fn stoppable(channel: &Channel) {
    lead_group();
    echo(channel);
}

fn every_signal_that_stops() {
    mode::two_sided();
    for (who, make) in MAKERS {
        let child = make(stoppable);
        for call in SEND_CALLS {
            for signal in JOB_CONTROL.into_iter().chain([libc::SIGSTOP]) {
                child.check_alive();
                check!(call.send(child.pid, signal), Ok(()), "{signal} to {who}");
                check_stops(&child, signal, &format!("{who} by {call:?}"));
                let sent = call.send(child.pid, libc::SIGCONT);
                check!(sent, Ok(()), "SIGCONT to {who}");
                check_continues(&child, &format!("{who} by {call:?}"));
            }
        }
        child.check_alive();
    }
}

fn all_threads_stop() {
    mode::two_sided();
    for signal in JOB_CONTROL {
        let init = new_ns(|channel| {
            lead_group();
            start_threads(3, |index| match index {
                0 => sleep_for_ever(),
                1 => loop {
                    std::thread::yield_now();
                },
                _ => loop {
                    crate::process::tid();
                },
            });
            echo(channel);
        });
        init.check_alive();
        init.kill(signal);
        check_stops(&init, signal, "init");
        let tasks = format!("{}/task", init.pid);
        let numbers = Proc::at("/proc").numbers(&tasks);
        check!(numbers.len(), 4, "threads of init");
        for number in numbers {
            check!(state(&format!("{tasks}/{number}")), 'T', "a thread's state");
        }
        init.kill(libc::SIGCONT);
        check_continues(&init, "init");
        init.check_alive();
        init.kill(libc::SIGTERM);
        check!(init.wait(), End::Killed(libc::SIGTERM));
    }
}

fn the_parent_is_told() {
    mode::two_sided();
    let init = new_ns(stoppable);
    init.check_alive();
    signal_capture::capture(&[libc::SIGCHLD]);
    let told = |caught: Caught| (caught.signal, caught.code, caught.pid, caught.value);
    let sigchld = |code, status| (libc::SIGCHLD, code, init.pid, status);
    init.kill(libc::SIGTSTP);
    let stopped = sigchld(libc::CLD_STOPPED, libc::SIGTSTP);
    check!(told(signal_capture::next()), stopped);
    init.kill(libc::SIGCONT);
    let continued = sigchld(libc::CLD_CONTINUED, libc::SIGCONT);
    check!(told(signal_capture::next()), continued);
    init.kill(libc::SIGTERM);
    let killed = sigchld(libc::CLD_KILLED, libc::SIGTERM);
    check!(told(signal_capture::next()), killed);
}

fn in_an_orphaned_group_only_sigstop_stops() {
    mode::two_sided();
    // The group is the test's own, whose parent is in another session.
    let init = new_ns(echo);
    for call in SEND_CALLS {
        for signal in JOB_CONTROL {
            check!(call.send(init.pid, signal), Ok(()));
            init.check_alive();
            check!(state(&init.pid.to_string()) == 'T', false, "stopped");
        }
    }
    while_stopped(&init, || ());
    init.check_alive();
}

/// An init in its own group with a member that waits for a message before it does something to the init,
/// and sends one when it has.
fn with_member(deed: impl Fn()) -> (Child, Channel) {
    let (order, ordered) = Channel::pair();
    let init = new_ns(|channel| {
        lead_group();
        fork(|_| {
            while ordered.receive_or_end().is_some() {
                deed();
                ordered.send(0);
            }
        });
        drop(ordered);
        echo(channel);
    });
    (init, order)
}

fn sigcont_from_inside_continues() {
    mode::two_sided();
    let (init, member) = with_member(|| check!(kill(1, libc::SIGCONT), Ok(())));
    init.check_alive();
    for signal in JOB_CONTROL {
        init.kill(signal);
        check_stops(&init, signal, "init");
        member.send(0);
        check_continues(&init, "init, by its member");
        member.receive();
        init.check_alive();
    }
}

fn stopped_and_attacked_from_inside() {
    mode::two_sided();
    let (init, member) = with_member(|| attack(&ALL_KINDS));
    init.check_alive();
    for signal in [libc::SIGSTOP, libc::SIGTSTP] {
        init.kill(signal);
        check_stops(&init, signal, "init");
        member.send(0);
        member.receive();
        check!(state(&init.pid.to_string()), 'T', "init's state");
        init.kill(libc::SIGCONT);
        check_continues(&init, "init");
        init.check_alive();
    }
}

fn stopped_and_ended_from_outside() {
    mode::two_sided();
    for (who, make) in MAKERS {
        for stop in [libc::SIGSTOP, libc::SIGTSTP] {
            for signal in [libc::SIGTERM, libc::SIGQUIT, 34] {
                let child = make(stoppable);
                child.check_alive();
                child.kill(stop);
                check_stops(&child, stop, who);
                child.kill(signal);
                check!(state(&child.pid.to_string()), 'T', "the state of {who}");
                child.kill(libc::SIGCONT);
                check!(child.wait(), End::Killed(signal), "the end of {who}");
            }
        }
    }
}

fn stopped_and_killed_from_outside() {
    mode::two_sided();
    let init = new_ns(stoppable);
    init.check_alive();
    init.kill(libc::SIGTSTP);
    check_stops(&init, libc::SIGTSTP, "init");
    init.end();
}

fn a_signal_to_its_group() {
    mode::two_sided();
    for (who, make) in MAKERS {
        let child = make(|channel| {
            lead_group();
            fork(|_| sleep_for_ever());
            echo(channel);
        });
        child.check_alive();
        check!(kill(-child.pid, libc::SIGTSTP), Ok(()));
        check_stops(&child, libc::SIGTSTP, who);
        check!(kill(-child.pid, libc::SIGCONT), Ok(()));
        check_continues(&child, who);
        child.check_alive();
        check!(kill(-child.pid, libc::SIGTERM), Ok(()));
        check!(child.wait(), End::Killed(libc::SIGTERM), "the end of {who}");
    }
}

fn a_signal_to_everybody() {
    mode::two_sided();
    let outer = new_ns(|channel| {
        let inner = new_ns(echo);
        inner.check_alive();
        // It spares the sender and its own init.
        fork(|_| check!(kill(-1, libc::SIGTERM), Ok(())));
        check!(inner.wait(), End::Killed(libc::SIGTERM));
        echo(channel);
    });
    outer.check_alive();
}

fn a_signal_to_a_thread() {
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGQUIT, 50] {
        let init = new_ns(|channel| {
            start_threads(2, |_| sleep_for_ever());
            echo(channel);
        });
        init.check_alive();
        let threads = Proc::at("/proc").numbers(&format!("{}/task", init.pid));
        let thread = threads.into_iter().find(|n| *n != init.pid);
        check!(tgkill(init.pid, thread.expect("a thread"), signal), Ok(()));
        check!(init.wait(), End::Killed(signal));
    }
}

fn a_pause_goes_on_after_a_stop() {
    mode::two_sided();
    for (who, make) in MAKERS {
        let child = make(|channel| {
            lead_group();
            signal_capture::capture(&[libc::SIGUSR1]);
            channel.send(0);
            // SAFETY: the call takes no pointers.
            let result = Errno::result(unsafe { libc::pause() });
            channel.send(crate::process::errno_of(result));
            quit(0)
        });
        child.receive();
        let path = child.pid.to_string();
        let pauses = || (state(&path) == 'S').then_some(());
        for stop in [libc::SIGTSTP, libc::SIGSTOP, libc::SIGTTOU] {
            eventually("a pause", pauses);
            child.kill(stop);
            check_stops(&child, stop, who);
            child.kill(libc::SIGCONT);
            check_continues(&child, who);
            eventually("the same pause", pauses);
        }
        child.kill(libc::SIGUSR1);
        check!(child.receive(), libc::EINTR, "pause of {who}");
        check!(child.wait(), End::Exit(0));
    }
}

fn the_namespace_ends_with_it() {
    mode::two_sided();
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        fork(|_| sleep_for_ever());
        let inner = new_ns(|channel| {
            fork(|_| sleep_for_ever());
            echo(channel);
        });
        inner.check_alive();
        echo(channel);
    });
    drop(theirs);
    init.check_alive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
    mine.receive_end();
}
