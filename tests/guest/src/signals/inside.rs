//! Signals that the members of a namespace send.

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::DEADLY;
use crate::catch;
use crate::harness::Test;
use crate::mode;
use crate::privilege::become_nobody;
use crate::process::{echo, fork, kill, new_ns, sleep_for_ever, unshare_pid, wait_any, End};
use crate::way::{Way, FORGED_PID, VALUE, WAYS};

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

/// Lets a child of the caller attack its process 1 in every way with each signal.
fn attack(signals: &[i32]) {
    let attacker = fork(|_| {
        for way in WAYS {
            for signal in signals {
                check!(
                    way.send(1, *signal),
                    Ok(()),
                    "signal {signal} to init by {way:?}"
                );
            }
        }
    });
    check!(attacker.wait(), End::Exit(0), "the attacker of init");
}

fn init_survives_every_default_action() {
    let init = new_ns(|talk| {
        attack(&DEADLY);
        echo(talk);
    });
    init.check_alive();
}

fn init_survives_sigkill_and_sigstop() {
    let init = new_ns(|talk| {
        attack(&[libc::SIGKILL, libc::SIGSTOP]);
        echo(talk);
    });
    init.check_alive();
}

fn init_survives_itself() {
    let init = new_ns(|talk| {
        for way in WAYS {
            for signal in DEADLY.iter().chain(&[libc::SIGKILL, libc::SIGSTOP]) {
                check!(
                    way.send(1, *signal),
                    Ok(()),
                    "signal {signal} to myself by {way:?}"
                );
            }
        }
        // Before this the group is that of the outside, which would die.
        nix::unistd::setsid().expect("setsid");
        check!(kill(0, libc::SIGKILL), Ok(()), "SIGKILL to init's group");
        echo(talk);
    });
    init.check_alive();
}

fn init_survives_its_threads() {
    let init = new_ns(|talk| {
        let (go, gone) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let own = crate::process::tid();
            gone.recv().expect("a word");
            for signal in DEADLY.iter().chain(&[libc::SIGKILL, libc::SIGSTOP]) {
                check!(Way::Tkill.send(own, *signal), Ok(()));
                check!(Way::Kill.send(1, *signal), Ok(()));
            }
        });
        // While a thread is being made its maker blocks every signal; see the next test.
        go.send(()).expect("a word");
        thread.join().expect("join");
        echo(talk);
    });
    init.check_alive();
}

/// A signal that the leader blocks is not dropped when it is sent, and a thread that does not
/// block it takes it with its default action, which nothing prevents on the sending side.
fn a_signal_that_only_the_leader_blocks_ends_init() {
    mode::as_mainline();
    let init = new_ns(|talk| {
        let (go, gone) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            go.send(()).expect("a word");
            sleep_for_ever();
        });
        gone.recv().expect("a word");
        catch::block(Signal::SIGTERM);
        talk.say(0);
        let member = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(member.wait(), End::Exit(0), "the end of the sender");
        sleep_for_ever();
    });
    init.hear();
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
    let outer = new_ns(|talk| {
        let inner = new_ns(|talk| {
            attack(&DEADLY);
            attack(&[libc::SIGKILL, libc::SIGSTOP]);
            echo(talk);
        });
        inner.check_alive();
        echo(talk);
    });
    outer.check_alive();
}

fn init_catches_what_it_asked_for() {
    let init = new_ns(|talk| {
        catch::catch(&[libc::SIGTERM, 34]);
        for signal in [libc::SIGTERM, 34] {
            for way in WAYS {
                let sender = fork(|_| check!(way.send(1, signal), Ok(())));
                let caught = catch::next();
                check!(caught.signal, signal, "signal by {way:?}");
                check!(caught.code, way.code(), "si_code by {way:?}");
                let number = if way.carries_info() {
                    FORGED_PID
                } else {
                    sender.pid
                };
                check!(caught.pid, number, "si_pid by {way:?}");
                if way.carries_info() {
                    check!(caught.value, VALUE, "si_value by {way:?}");
                }
                check!(sender.wait(), End::Exit(0));
            }
        }
        talk.say(0);
    });
    init.hear();
}

fn init_ignores_what_it_asked_to() {
    let init = new_ns(|talk| {
        catch::ignore(Signal::SIGTERM);
        attack(&[libc::SIGTERM, libc::SIGURG, libc::SIGCONT, libc::SIGWINCH]);
        echo(talk);
    });
    init.check_alive();
}

fn a_blocked_signal_waits_and_then_does_nothing() {
    let init = new_ns(|talk| {
        for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGTSTP] {
            catch::block(signal);
            attack(&[signal as i32]);
            check!(
                catch::is_pending(signal),
                true,
                "{signal} is pending while blocked"
            );
            catch::unblock(signal);
            check!(
                catch::is_pending(signal),
                false,
                "{signal} is pending when unblocked"
            );
        }
        echo(talk);
    });
    init.check_alive();
}

fn a_blocked_signal_can_be_waited_for() {
    let init = new_ns(|talk| {
        catch::block(Signal::SIGTERM);
        let sender = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(
            nix::sys::signal::SigSet::from(Signal::SIGTERM).wait(),
            Ok(Signal::SIGTERM),
            "sigwait by init"
        );
        check!(sender.wait(), End::Exit(0));
        echo(talk);
    });
    init.check_alive();
}

fn a_signal_caught_after_it_was_blocked() {
    let init = new_ns(|talk| {
        catch::block(Signal::SIGTERM);
        let sender = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(sender.wait(), End::Exit(0));
        catch::catch(&[libc::SIGTERM]);
        catch::unblock(Signal::SIGTERM);
        let caught = catch::next();
        talk.say_all(&[caught.signal, caught.pid, sender.pid]);
    });
    check!(
        init.hear_all(),
        [libc::SIGTERM, 2, 2],
        "the signal, si_pid and the sender's number"
    );
}

fn members_are_ordinary() {
    let init = new_ns(|talk| {
        for way in WAYS {
            for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGINT] {
                let member = fork(|_| sleep_for_ever());
                let sender = fork(|_| check!(way.send(member.pid, signal), Ok(())));
                check!(sender.wait(), End::Exit(0));
                check!(
                    member.wait(),
                    End::Killed(signal),
                    "the end of a member by {way:?}"
                );
            }
        }
        talk.say(0);
    });
    init.hear();
}

fn a_member_stops_and_continues() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus};
    let init = new_ns(|talk| {
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
        talk.say(0);
    });
    init.hear();
}

fn a_member_without_privilege() {
    let init = new_ns(|talk| {
        catch::catch(&[libc::SIGTERM]);
        let member = fork(|_| {
            become_nobody();
            for way in WAYS {
                check!(
                    way.send(1, libc::SIGTERM),
                    Err(Errno::EPERM),
                    "SIGTERM to init by nobody by {way:?}"
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
        echo(talk);
    });
    init.check_alive();
}
