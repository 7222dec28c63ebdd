//! Signals that come from a parent namespace.

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::DEADLY;
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::privilege::become_nobody;
use crate::process::{
    check_continues, check_stops, echo, fork, kill, new_ns, sleep_for_ever, wait_event, End,
};
use crate::scm_credentials::CredentialsSocket;
use crate::send_signal::{SendCall, SEND_CALLS, VALUE};
use crate::signal_capture::{self, capture_and_report};
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    init_survives_every_default_action,
    sigkill_kills_init,
    sigstop_stops_and_sigcont_continues_init,
    init_catches_what_it_asked_for,
    init_ignores_what_it_asked_to,
    a_blocked_signal_waits_and_then_does_nothing,
    a_signal_caught_after_it_was_blocked,
    a_stopped_init_survives_sigterm,
    a_stopped_init_survives_sigkill_from_inside,
    members_are_ordinary,
    without_privilege,
    queued_signals_come_in_order,
    a_tracer_cannot_inject_a_default_action,
];

fn init_survives_every_default_action() {
    mode::as_mainline();
    let init = new_ns(echo);
    for call in SEND_CALLS {
        for signal in DEADLY {
            check!(
                call.send(init.pid, signal),
                Ok(()),
                "signal {signal} to init by {call:?}"
            );
            init.check_alive();
        }
    }
}

fn sigkill_kills_init() {
    for call in SEND_CALLS {
        let init = new_ns(echo);
        init.check_alive();
        check!(
            call.send(init.pid, libc::SIGKILL),
            Ok(()),
            "SIGKILL to init by {call:?}"
        );
        check!(
            init.wait(),
            End::Killed(libc::SIGKILL),
            "init's end by {call:?}"
        );
    }
}

fn sigstop_stops_and_sigcont_continues_init() {
    let init = new_ns(echo);
    for call in SEND_CALLS {
        init.check_alive();
        check!(
            call.send(init.pid, libc::SIGSTOP),
            Ok(()),
            "SIGSTOP to init by {call:?}"
        );
        check_stops(&init, libc::SIGSTOP, &format!("by {call:?}"));
        check!(
            call.send(init.pid, libc::SIGCONT),
            Ok(()),
            "SIGCONT to init by {call:?}"
        );
        check_continues(&init, &format!("by {call:?}"));
    }
    init.check_alive();
}

fn init_catches_what_it_asked_for() {
    let init = new_ns(|channel| capture_and_report(channel, &[libc::SIGTERM, libc::SIGCONT, 34]));
    init.receive();
    for call in SEND_CALLS {
        for signal in [libc::SIGTERM, libc::SIGCONT, 34] {
            check!(call.send(init.pid, signal), Ok(()));
            let seen = init.receive_all();
            check!(
                seen[..4],
                [signal, call.code(), 0, 0],
                "signal, si_code, si_pid and si_uid by {call:?}"
            );
            if call.carries_info() {
                check!(seen[4], VALUE, "si_value by {call:?}");
            }
        }
    }
}

fn init_ignores_what_it_asked_to() {
    let init = new_ns(|channel| {
        signal_state::ignore(libc::SIGTERM);
        echo(channel);
    });
    init.check_alive();
    for call in SEND_CALLS {
        check!(
            call.send(init.pid, libc::SIGTERM),
            Ok(()),
            "SIGTERM to init by {call:?}"
        );
        init.check_alive();
    }
}

fn a_blocked_signal_waits_and_then_does_nothing() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        channel.send(0);
        channel.receive();
        check!(
            signal_state::is_pending(libc::SIGTERM),
            true,
            "SIGTERM is pending while blocked"
        );
        signal_state::unblock(libc::SIGTERM);
        check!(
            signal_state::is_pending(libc::SIGTERM),
            false,
            "SIGTERM is pending when unblocked"
        );
        echo(channel);
    });
    init.receive();
    init.kill(libc::SIGTERM);
    init.send(0);
    init.check_alive();
}

fn a_signal_caught_after_it_was_blocked() {
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        channel.send(0);
        channel.receive();
        signal_capture::capture(&[libc::SIGTERM]);
        signal_state::unblock(libc::SIGTERM);
        channel.send_all(&signal_capture::next().to_numbers()[..4]);
    });
    init.receive();
    init.kill(libc::SIGTERM);
    init.send(0);
    check!(
        init.receive_all(),
        [libc::SIGTERM, libc::SI_USER, 0, 0],
        "signal, si_code, si_pid and si_uid"
    );
}

fn a_stopped_init_survives_sigterm() {
    mode::as_mainline();
    let init = new_ns(echo);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    check_stops(&init, libc::SIGSTOP, "before SIGTERM");
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGQUIT);
    init.kill(libc::SIGCONT);
    check_continues(&init, "after SIGTERM");
    init.check_alive();
}

fn a_stopped_init_survives_sigkill_from_inside() {
    let (order, ordered) = Channel::pair();
    let init = new_ns(|channel| {
        fork(|_| {
            ordered.receive();
            for call in SEND_CALLS {
                check!(call.send(1, libc::SIGKILL), Ok(()));
            }
            ordered.send(0);
        });
        echo(channel);
    });
    init.check_alive();
    init.kill(libc::SIGSTOP);
    check_stops(&init, libc::SIGSTOP, "before the attack");
    order.send(0);
    order.receive();
    init.kill(libc::SIGCONT);
    check_continues(&init, "after the attack");
    init.check_alive();
}

fn members_are_ordinary() {
    let socket = CredentialsSocket::new();
    let (wait, waited) = Channel::pair();
    let init = new_ns(|channel| {
        for call in SEND_CALLS {
            let member = fork(|_| {
                socket.send();
                sleep_for_ever();
            });
            check!(
                member.wait(),
                End::Killed(libc::SIGTERM),
                "the end of a member by {call:?}"
            );
            waited.send(0);
        }
        echo(channel);
    });
    for call in SEND_CALLS {
        check!(
            call.send(socket.receive(), libc::SIGTERM),
            Ok(()),
            "SIGTERM to a member by {call:?}"
        );
        wait.receive();
    }
    init.check_alive();
}

fn without_privilege() {
    let init = new_ns(echo);
    let nobody = fork(|_| {
        become_nobody();
        for call in SEND_CALLS {
            check!(
                call.send(init.pid, libc::SIGKILL),
                Err(nix::errno::Errno::EPERM),
                "SIGKILL by nobody by {call:?}"
            );
        }
    });
    check!(nobody.wait(), End::Exit(0));
    init.check_alive();
}

fn queued_signals_come_in_order() {
    let init = new_ns(|channel| capture_and_report(channel, &[34, 35, 36]));
    init.receive();
    init.kill(libc::SIGSTOP);
    check_stops(&init, libc::SIGSTOP, "before the queue");
    for signal in [36, 34, 35, 34] {
        check!(SendCall::Sigqueue.send(init.pid, signal), Ok(()));
    }
    init.kill(libc::SIGCONT);
    let mut seen: Vec<i32> = (0..4).map(|_| init.receive_all()[0]).collect();
    // The kernel dequeues the lowest first, but the last handler that it sets up runs first.
    seen.reverse();
    check!(seen, [34, 34, 35, 36]);
}

fn a_tracer_cannot_inject_a_default_action() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        channel.receive();
        signal_capture::capture(&[libc::SIGUSR1]);
        let own = fork(|_| check!(kill(1, libc::SIGUSR1), Ok(())));
        check!(own.wait(), End::Exit(0));
        echo(channel);
    });
    let number = Pid::from_raw(init.pid);
    nix::sys::ptrace::seize(number, nix::sys::ptrace::Options::empty()).expect("PTRACE_SEIZE");
    init.send(0);
    loop {
        match wait_event(init.pid, WaitPidFlag::__WALL) {
            WaitStatus::Stopped(_, Signal::SIGUSR1) => break,
            WaitStatus::Stopped(_, other) => {
                nix::sys::ptrace::cont(number, other).expect("PTRACE_CONT")
            }
            other => panic!("expected a stop for SIGUSR1, saw {other:?}"),
        }
    }
    nix::sys::ptrace::cont(number, Signal::SIGTERM).expect("PTRACE_CONT with SIGTERM");
    nix::sys::ptrace::interrupt(number).expect("PTRACE_INTERRUPT");
    // The sender of SIGUSR1 may end in between.
    let event = loop {
        match wait_event(init.pid, WaitPidFlag::__WALL) {
            WaitStatus::Stopped(_, Signal::SIGCHLD) => {
                nix::sys::ptrace::cont(number, None).expect("PTRACE_CONT")
            }
            event => break event,
        }
    };
    check!(
        matches!(event, WaitStatus::PtraceEvent(..)),
        true,
        "a stop on demand after SIGTERM: {event:?}"
    );
    nix::sys::ptrace::detach(number, None).expect("PTRACE_DETACH");
    init.check_alive();
}
