//! Signals that the members of a namespace send.

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::DEADLY;
use crate::harness::Test;
use crate::mode;
use crate::privilege::become_nobody;
use crate::process::{
    echo, fork, kill, new_ns, sleep_for_ever, sleeping_thread, unshare_pid, wait_any, End,
};
use crate::send_signal::{SendCall, FORGED_PID, SEND_CALLS, VALUE};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    init_survives_every_default_action,
    init_survives_sigkill_and_sigstop,
    init_survives_itself,
    init_survives_its_threads,
    a_signal_that_only_the_leader_blocks_ends_init,
    init_survives_a_member_with_a_parent_outside,
    an_inner_init_survives_its_children,
    init_catches_what_it_asked_for,
    init_ignores_what_it_asked_to,
    a_blocked_signal_waits_and_then_does_nothing,
    a_blocked_signal_can_be_waited_for,
    a_signal_caught_after_it_was_blocked,
    members_are_ordinary,
    a_member_stops_and_continues,
    a_member_without_privilege,
];

/// Lets a child of the caller attack its process 1 by every call with each signal.
fn attack(signals: &[i32]) {
    let attacker = fork(|_| {
        for call in SEND_CALLS {
            for signal in signals {
                check!(
                    call.send(1, *signal),
                    Ok(()),
                    "signal {signal} to init by {call:?}"
                );
            }
        }
    });
    check!(attacker.wait(), End::Exit(0), "the attacker of init");
}

fn init_survives_every_default_action() {
    let init = new_ns(|channel| {
        attack(&DEADLY);
        echo(channel);
    });
    init.check_alive();
}

fn init_survives_sigkill_and_sigstop() {
    let init = new_ns(|channel| {
        attack(&[libc::SIGKILL, libc::SIGSTOP]);
        echo(channel);
    });
    init.check_alive();
}

fn init_survives_itself() {
    // With two sides it gets what it asks for: see `two_sided/itself.rs`.
    mode::as_mainline();
    let init = new_ns(|channel| {
        for call in SEND_CALLS {
            for signal in DEADLY.iter().chain(&[libc::SIGKILL, libc::SIGSTOP]) {
                check!(
                    call.send(1, *signal),
                    Ok(()),
                    "signal {signal} to myself by {call:?}"
                );
            }
        }
        // Before this the group is that of the outside, which would die.
        nix::unistd::setsid().expect("setsid");
        check!(kill(0, libc::SIGKILL), Ok(()), "SIGKILL to init's group");
        echo(channel);
    });
    init.check_alive();
}

fn init_survives_its_threads() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        let (go, gone) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let own = crate::process::tid();
            gone.recv().expect("a message");
            for signal in DEADLY.iter().chain(&[libc::SIGKILL, libc::SIGSTOP]) {
                check!(SendCall::Tkill.send(own, *signal), Ok(()));
                check!(SendCall::Kill.send(1, *signal), Ok(()));
            }
        });
        // While a thread is being made its maker blocks every signal; see the next test.
        go.send(()).expect("a message");
        thread.join().expect("join");
        echo(channel);
    });
    init.check_alive();
}

/// A signal that the leader blocks is not dropped when it is sent, and a thread that does not
/// block it takes it with its default action, which nothing prevents on the sending side.
fn a_signal_that_only_the_leader_blocks_ends_init() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        sleeping_thread();
        signal_state::block(libc::SIGTERM);
        channel.send(0);
        let member = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(member.wait(), End::Exit(0), "the end of the sender");
        sleep_for_ever();
    });
    init.receive();
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

fn init_survives_a_member_with_a_parent_outside() {
    unshare_pid();
    let init = fork(echo);
    attack(&DEADLY);
    attack(&[libc::SIGKILL, libc::SIGSTOP]);
    init.check_alive();
}

fn an_inner_init_survives_its_children() {
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            attack(&DEADLY);
            attack(&[libc::SIGKILL, libc::SIGSTOP]);
            echo(channel);
        });
        inner.check_alive();
        echo(channel);
    });
    outer.check_alive();
}

fn init_catches_what_it_asked_for() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGTERM, 34]);
        for signal in [libc::SIGTERM, 34] {
            for call in SEND_CALLS {
                let sender = fork(|_| check!(call.send(1, signal), Ok(())));
                let caught = signal_capture::next();
                check!(caught.signal, signal, "signal by {call:?}");
                check!(caught.code, call.code(), "si_code by {call:?}");
                let number = if call.carries_info() {
                    FORGED_PID
                } else {
                    sender.pid
                };
                check!(caught.pid, number, "si_pid by {call:?}");
                if call.carries_info() {
                    check!(caught.value, VALUE, "si_value by {call:?}");
                }
                check!(sender.wait(), End::Exit(0));
            }
        }
        channel.send(0);
    });
    init.receive();
}

fn init_ignores_what_it_asked_to() {
    let init = new_ns(|channel| {
        signal_state::ignore(libc::SIGTERM);
        attack(&[libc::SIGTERM, libc::SIGURG, libc::SIGCONT, libc::SIGWINCH]);
        echo(channel);
    });
    init.check_alive();
}

fn a_blocked_signal_waits_and_then_does_nothing() {
    let init = new_ns(|channel| {
        for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGTSTP] {
            signal_state::block(signal as i32);
            attack(&[signal as i32]);
            check!(
                signal_state::is_pending(signal as i32),
                true,
                "{signal} is pending while blocked"
            );
            signal_state::unblock(signal as i32);
            check!(
                signal_state::is_pending(signal as i32),
                false,
                "{signal} is pending when unblocked"
            );
        }
        echo(channel);
    });
    init.check_alive();
}

fn a_blocked_signal_can_be_waited_for() {
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        let sender = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(
            nix::sys::signal::SigSet::from(Signal::SIGTERM).wait(),
            Ok(Signal::SIGTERM),
            "sigwait by init"
        );
        check!(sender.wait(), End::Exit(0));
        echo(channel);
    });
    init.check_alive();
}

fn a_signal_caught_after_it_was_blocked() {
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        let sender = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(sender.wait(), End::Exit(0));
        signal_capture::capture(&[libc::SIGTERM]);
        signal_state::unblock(libc::SIGTERM);
        let caught = signal_capture::next();
        channel.send_all(&[caught.signal, caught.pid, sender.pid]);
    });
    check!(
        init.receive_all(),
        [libc::SIGTERM, 2, 2],
        "the signal, si_pid and the sender's number"
    );
}

fn members_are_ordinary() {
    let init = new_ns(|channel| {
        for call in SEND_CALLS {
            for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGINT] {
                let member = fork(|_| sleep_for_ever());
                let sender = fork(|_| check!(call.send(member.pid, signal), Ok(())));
                check!(sender.wait(), End::Exit(0));
                check!(
                    member.wait(),
                    End::Killed(signal),
                    "the end of a member by {call:?}"
                );
            }
        }
        channel.send(0);
    });
    init.receive();
}

fn a_member_stops_and_continues() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus};
    let init = new_ns(|channel| {
        let member = fork(|_| sleep_for_ever());
        let number = nix::unistd::Pid::from_raw(member.pid);
        member.kill(libc::SIGSTOP);
        let stopped = WaitStatus::Stopped(number, Signal::SIGSTOP);
        check!(
            crate::process::wait_event(member.pid, WaitPidFlag::WUNTRACED),
            stopped
        );
        member.kill(libc::SIGCONT);
        check!(
            crate::process::wait_event(member.pid, WaitPidFlag::WCONTINUED),
            WaitStatus::Continued(number)
        );
        channel.send(0);
    });
    init.receive();
}

fn a_member_without_privilege() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGTERM]);
        let member = fork(|_| {
            become_nobody();
            for call in SEND_CALLS {
                check!(
                    call.send(1, libc::SIGTERM),
                    Err(Errno::EPERM),
                    "SIGTERM to init by nobody by {call:?}"
                );
            }
            check!(
                kill(-1, libc::SIGTERM),
                Err(Errno::ESRCH),
                "kill(-1) by nobody"
            );
        });
        let (number, end) = wait_any();
        check!((number, end), (member.pid, End::Exit(0)));
        echo(channel);
    });
    init.check_alive();
}
