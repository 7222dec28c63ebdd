//! Signals that come from a parent namespace.

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::DEADLY;
use crate::catch::{self, catch_and_tell};
use crate::harness::Test;
use crate::mail::Mail;
use crate::mode;
use crate::privilege::become_nobody;
use crate::process::{echo, fork, kill, new_ns, sleep_for_ever, wait_event, Child, End};
use crate::talk::Talk;
use crate::way::{Way, VALUE, WAYS};

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
    for way in WAYS {
        for signal in DEADLY {
            check!(
                way.send(init.pid, signal),
                Ok(()),
                "signal {signal} to init by {way:?}"
            );
            init.check_alive();
        }
    }
}

fn sigkill_kills_init() {
    for way in WAYS {
        let init = new_ns(echo);
        init.check_alive();
        check!(
            way.send(init.pid, libc::SIGKILL),
            Ok(()),
            "SIGKILL to init by {way:?}"
        );
        check!(
            init.wait(),
            End::Killed(libc::SIGKILL),
            "init's end by {way:?}"
        );
    }
}

/// Waits until a child has stopped for SIGSTOP.
#[track_caller]
fn check_stops(child: &Child, words: &str) {
    let stopped = WaitStatus::Stopped(Pid::from_raw(child.pid), Signal::SIGSTOP);
    check!(
        wait_event(child.pid, WaitPidFlag::WUNTRACED),
        stopped,
        "SIGSTOP {words}"
    );
}

#[track_caller]
fn check_continues(child: &Child, words: &str) {
    let continued = WaitStatus::Continued(Pid::from_raw(child.pid));
    check!(
        wait_event(child.pid, WaitPidFlag::WCONTINUED),
        continued,
        "SIGCONT {words}"
    );
}

fn sigstop_stops_and_sigcont_continues_init() {
    let init = new_ns(echo);
    for way in WAYS {
        init.check_alive();
        check!(
            way.send(init.pid, libc::SIGSTOP),
            Ok(()),
            "SIGSTOP to init by {way:?}"
        );
        check_stops(&init, &format!("by {way:?}"));
        check!(
            way.send(init.pid, libc::SIGCONT),
            Ok(()),
            "SIGCONT to init by {way:?}"
        );
        check_continues(&init, &format!("by {way:?}"));
    }
    init.check_alive();
}

fn init_catches_what_it_asked_for() {
    let init = new_ns(|talk| catch_and_tell(talk, &[libc::SIGTERM, libc::SIGCONT, 34]));
    init.hear();
    for way in WAYS {
        for signal in [libc::SIGTERM, libc::SIGCONT, 34] {
            check!(way.send(init.pid, signal), Ok(()));
            let seen = init.hear_all();
            check!(
                seen[..4],
                [signal, way.code(), 0, 0],
                "signal, si_code, si_pid and si_uid by {way:?}"
            );
            if way.carries_info() {
                check!(seen[4], VALUE, "si_value by {way:?}");
            }
        }
    }
}

fn init_ignores_what_it_asked_to() {
    let init = new_ns(|talk| {
        catch::ignore(Signal::SIGTERM);
        echo(talk);
    });
    init.check_alive();
    for way in WAYS {
        check!(
            way.send(init.pid, libc::SIGTERM),
            Ok(()),
            "SIGTERM to init by {way:?}"
        );
        init.check_alive();
    }
}

fn a_blocked_signal_waits_and_then_does_nothing() {
    mode::as_mainline();
    let init = new_ns(|talk| {
        catch::block(Signal::SIGTERM);
        talk.say(0);
        talk.hear();
        check!(
            catch::is_pending(Signal::SIGTERM),
            true,
            "SIGTERM is pending while blocked"
        );
        catch::unblock(Signal::SIGTERM);
        check!(
            catch::is_pending(Signal::SIGTERM),
            false,
            "SIGTERM is pending when unblocked"
        );
        echo(talk);
    });
    init.hear();
    init.kill(libc::SIGTERM);
    init.say(0);
    init.check_alive();
}

fn a_signal_caught_after_it_was_blocked() {
    let init = new_ns(|talk| {
        catch::block(Signal::SIGTERM);
        talk.say(0);
        talk.hear();
        catch::catch(&[libc::SIGTERM]);
        catch::unblock(Signal::SIGTERM);
        talk.say_all(&catch::next().to_numbers()[..4]);
    });
    init.hear();
    init.kill(libc::SIGTERM);
    init.say(0);
    check!(
        init.hear_all(),
        [libc::SIGTERM, libc::SI_USER, 0, 0],
        "signal, si_code, si_pid and si_uid"
    );
}

fn a_stopped_init_survives_sigterm() {
    mode::as_mainline();
    let init = new_ns(echo);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    check_stops(&init, "before SIGTERM");
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGQUIT);
    init.kill(libc::SIGCONT);
    check_continues(&init, "after SIGTERM");
    init.check_alive();
}

fn a_stopped_init_survives_sigkill_from_inside() {
    let (order, ordered) = Talk::pair();
    let init = new_ns(|talk| {
        fork(|_| {
            ordered.hear();
            for way in WAYS {
                check!(way.send(1, libc::SIGKILL), Ok(()));
            }
            ordered.say(0);
        });
        echo(talk);
    });
    init.check_alive();
    init.kill(libc::SIGSTOP);
    check_stops(&init, "before the attack");
    order.say(0);
    order.hear();
    init.kill(libc::SIGCONT);
    check_continues(&init, "after the attack");
    init.check_alive();
}

fn members_are_ordinary() {
    let mail = Mail::new();
    let (wait, waited) = Talk::pair();
    let init = new_ns(|talk| {
        for way in WAYS {
            let member = fork(|_| {
                mail.send();
                sleep_for_ever();
            });
            check!(
                member.wait(),
                End::Killed(libc::SIGTERM),
                "the end of a member by {way:?}"
            );
            waited.say(0);
        }
        echo(talk);
    });
    for way in WAYS {
        check!(
            way.send(mail.receive(), libc::SIGTERM),
            Ok(()),
            "SIGTERM to a member by {way:?}"
        );
        wait.hear();
    }
    init.check_alive();
}

fn without_privilege() {
    let init = new_ns(echo);
    let nobody = fork(|_| {
        become_nobody();
        for way in WAYS {
            check!(
                way.send(init.pid, libc::SIGKILL),
                Err(nix::errno::Errno::EPERM),
                "SIGKILL by nobody by {way:?}"
            );
        }
    });
    check!(nobody.wait(), End::Exit(0));
    init.check_alive();
}

fn queued_signals_come_in_order() {
    let init = new_ns(|talk| catch_and_tell(talk, &[34, 35, 36]));
    init.hear();
    init.kill(libc::SIGSTOP);
    check_stops(&init, "before the queue");
    for signal in [36, 34, 35, 34] {
        check!(Way::Sigqueue.send(init.pid, signal), Ok(()));
    }
    init.kill(libc::SIGCONT);
    let mut seen: Vec<i32> = (0..4).map(|_| init.hear_all()[0]).collect();
    // The kernel dequeues the lowest first, but the last handler that it sets up runs first.
    seen.reverse();
    check!(seen, [34, 34, 35, 36]);
}

fn a_tracer_cannot_inject_a_default_action() {
    mode::as_mainline();
    let init = new_ns(|talk| {
        talk.hear();
        catch::catch(&[libc::SIGUSR1]);
        let own = fork(|_| check!(kill(1, libc::SIGUSR1), Ok(())));
        check!(own.wait(), End::Exit(0));
        echo(talk);
    });
    let number = Pid::from_raw(init.pid);
    nix::sys::ptrace::seize(number, nix::sys::ptrace::Options::empty()).expect("PTRACE_SEIZE");
    init.say(0);
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
