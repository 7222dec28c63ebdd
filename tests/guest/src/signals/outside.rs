//! Signals that come from a parent namespace.

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::DEADLY;
use crate::catch;
use crate::harness::Test;
use crate::mail::Mail;
use crate::privilege::become_nobody;
use crate::process::{
    become_subreaper, echo, fork, kill, new_ns, sleep_for_ever, unshare_pid, wait_event, wait_for, Child, End,
};
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
    a_grandparent_is_an_ancestor,
    an_inner_init_dies_for_the_outer_one,
    kill_all_one_level_up_kills_those_below,
    kill_of_a_group_with_an_init,
    without_privilege,
    queued_signals_come_in_order,
    a_tracer_cannot_inject_a_default_action,
    a_parents_death_kills_init,
    a_parents_death_with_a_default_action,
    a_parents_death_with_a_handler,
    a_parents_death_inside,
];

fn init_survives_every_default_action() {
    let init = new_ns(echo);
    for way in WAYS {
        for signal in DEADLY {
            check!(way.send(init.pid, signal), Ok(()), "signal {signal} to init by {way:?}");
            init.check_alive();
        }
    }
}

fn sigkill_kills_init() {
    for way in WAYS {
        let init = new_ns(echo);
        init.check_alive();
        check!(way.send(init.pid, libc::SIGKILL), Ok(()), "SIGKILL to init by {way:?}");
        check!(init.wait(), End::Killed(libc::SIGKILL), "init's end by {way:?}");
    }
}

/// Waits until a child has stopped for SIGSTOP.
#[track_caller]
fn check_stops(child: &Child, words: &str) {
    let stopped = WaitStatus::Stopped(Pid::from_raw(child.pid), Signal::SIGSTOP);
    check!(wait_event(child.pid, WaitPidFlag::WUNTRACED), stopped, "SIGSTOP {words}");
}

#[track_caller]
fn check_continues(child: &Child, words: &str) {
    let continued = WaitStatus::Continued(Pid::from_raw(child.pid));
    check!(wait_event(child.pid, WaitPidFlag::WCONTINUED), continued, "SIGCONT {words}");
}

fn sigstop_stops_and_sigcont_continues_init() {
    let init = new_ns(echo);
    for way in WAYS {
        init.check_alive();
        check!(way.send(init.pid, libc::SIGSTOP), Ok(()), "SIGSTOP to init by {way:?}");
        check_stops(&init, &format!("by {way:?}"));
        check!(way.send(init.pid, libc::SIGCONT), Ok(()), "SIGCONT to init by {way:?}");
        check_continues(&init, &format!("by {way:?}"));
    }
    init.check_alive();
}

/// An init's story: catch a signal and tell everything about it, again and again.
fn catch_and_tell(talk: &Talk, signals: &[i32]) {
    catch::catch(signals);
    talk.say(0);
    loop {
        talk.say_all(&catch::next().to_numbers());
    }
}

fn init_catches_what_it_asked_for() {
    let init = new_ns(|talk| catch_and_tell(talk, &[libc::SIGTERM, libc::SIGCONT, 34]));
    init.hear();
    for way in WAYS {
        for signal in [libc::SIGTERM, libc::SIGCONT, 34] {
            check!(way.send(init.pid, signal), Ok(()));
            let seen = init.hear_all();
            check!(seen[..4], [signal, way.code(), 0, 0], "signal, si_code, si_pid and si_uid by {way:?}");
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
        check!(way.send(init.pid, libc::SIGTERM), Ok(()), "SIGTERM to init by {way:?}");
        init.check_alive();
    }
}

fn a_blocked_signal_waits_and_then_does_nothing() {
    let init = new_ns(|talk| {
        catch::block(Signal::SIGTERM);
        talk.say(0);
        talk.hear();
        check!(catch::is_pending(Signal::SIGTERM), true, "SIGTERM is pending while blocked");
        catch::unblock(Signal::SIGTERM);
        check!(catch::is_pending(Signal::SIGTERM), false, "SIGTERM is pending when unblocked");
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
    check!(init.hear_all(), [libc::SIGTERM, libc::SI_USER, 0, 0], "signal, si_code, si_pid and si_uid");
}

fn a_stopped_init_survives_sigterm() {
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
            check!(member.wait(), End::Killed(libc::SIGTERM), "the end of a member by {way:?}");
            waited.say(0);
        }
        echo(talk);
    });
    for way in WAYS {
        check!(way.send(mail.receive(), libc::SIGTERM), Ok(()), "SIGTERM to a member by {way:?}");
        wait.hear();
    }
    init.check_alive();
}

fn a_grandparent_is_an_ancestor() {
    let mail = Mail::new();
    let outer = new_ns(|talk| {
        let inner = new_ns(|talk| {
            mail.send();
            catch_and_tell(talk, &[libc::SIGTERM]);
        });
        inner.hear();
        talk.say(0);
        talk.say_all(&inner.hear_all());
        check!(inner.wait(), End::Killed(libc::SIGKILL), "the end of the inner init");
        echo(talk);
    });
    let inner = mail.receive();
    outer.hear();
    check!(kill(inner, libc::SIGINT), Ok(()), "a default action, which does nothing");
    check!(kill(inner, libc::SIGTERM), Ok(()));
    check!(outer.hear_all()[..3], [libc::SIGTERM, libc::SI_USER, 0], "signal, si_code and si_pid");
    check!(kill(inner, libc::SIGKILL), Ok(()));
    outer.check_alive();
}

fn an_inner_init_dies_for_the_outer_one() {
    let outer = new_ns(|talk| {
        for way in WAYS {
            let inner = new_ns(echo);
            check!(way.send(inner.pid, libc::SIGTERM), Ok(()));
            inner.check_alive();
            let killer = fork(|_| check!(way.send(inner.pid, libc::SIGKILL), Ok(())));
            check!(killer.wait(), End::Exit(0));
            check!(inner.wait(), End::Killed(libc::SIGKILL), "the inner init's end by {way:?}");
        }
        echo(talk);
    });
    outer.check_alive();
}

fn kill_all_one_level_up_kills_those_below() {
    let (mine, theirs) = Talk::pair();
    let outer = new_ns(|talk| {
        let inner = new_ns(|talk| {
            fork(|_| sleep_for_ever());
            talk.say(0);
            sleep_for_ever();
        });
        inner.hear();
        drop(theirs);
        let killer = fork(|talk| {
            check!(kill(-1, libc::SIGTERM), Ok(()), "SIGTERM to all");
            check!(kill(inner.pid, 0), Ok(()), "the inner init after SIGTERM to all");
            check!(kill(-1, libc::SIGKILL), Ok(()), "SIGKILL to all");
            talk.say(0);
        });
        killer.hear();
        check!(inner.wait(), End::Killed(libc::SIGKILL), "the end of the inner init");
        echo(talk);
    });
    outer.check_alive();
    drop(mine);
}

fn kill_of_a_group_with_an_init() {
    unshare_pid();
    let init = fork(|talk| {
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| sleep_for_ever());
        talk.say(0);
        check!(member.wait(), End::Killed(libc::SIGTERM), "the end of a member in init's group");
        echo(talk);
    });
    init.hear();
    check!(kill(-init.pid, libc::SIGTERM), Ok(()), "SIGTERM to init's group");
    init.check_alive();
    check!(kill(-init.pid, libc::SIGKILL), Ok(()), "SIGKILL to init's group");
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn without_privilege() {
    let init = new_ns(echo);
    let nobody = fork(|_| {
        become_nobody();
        for way in WAYS {
            check!(way.send(init.pid, libc::SIGKILL), Err(nix::errno::Errno::EPERM), "SIGKILL by nobody by {way:?}");
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
            WaitStatus::Stopped(_, other) => nix::sys::ptrace::cont(number, other).expect("PTRACE_CONT"),
            other => panic!("expected a stop for SIGUSR1, saw {other:?}"),
        }
    }
    nix::sys::ptrace::cont(number, Signal::SIGTERM).expect("PTRACE_CONT with SIGTERM");
    nix::sys::ptrace::interrupt(number).expect("PTRACE_INTERRUPT");
    let event = wait_event(init.pid, WaitPidFlag::__WALL);
    check!(matches!(event, WaitStatus::PtraceEvent(..)), true, "a stop on demand after SIGTERM: {event:?}");
    nix::sys::ptrace::detach(number, None).expect("PTRACE_DETACH");
    init.check_alive();
}

/// An init whose maker dies; `story` is init's, after it has asked for `signal` at that moment.
/// Returns init's number here and the line to it.
fn init_of_a_dying_maker(signal: Signal, story: fn(&Talk)) -> (i32, Talk) {
    become_subreaper();
    let (mine, theirs) = Talk::pair();
    let maker = fork(|talk| {
        let init = new_ns(|talk| {
            nix::sys::prctl::set_pdeathsig(signal).expect("PR_SET_PDEATHSIG");
            talk.say(0);
            story(&theirs);
        });
        init.hear();
        talk.say(init.pid);
        sleep_for_ever();
    });
    let init = maker.hear();
    maker.end();
    (init, mine)
}

fn a_parents_death_kills_init() {
    let (init, _line) = init_of_a_dying_maker(Signal::SIGKILL, |_| sleep_for_ever());
    check!(wait_for(init), End::Killed(libc::SIGKILL), "the end of init with its maker");
}

fn a_parents_death_with_a_default_action() {
    let (_, line) = init_of_a_dying_maker(Signal::SIGTERM, echo);
    line.say(3);
    check!(line.hear(), 3, "the answer of init after SIGTERM at its maker's death");
}

fn a_parents_death_with_a_handler() {
    catch::block(Signal::SIGTERM);
    let (_, line) = init_of_a_dying_maker(Signal::SIGTERM, |talk| {
        catch::catch(&[libc::SIGTERM]);
        catch::unblock(Signal::SIGTERM);
        talk.say_all(&catch::next().to_numbers()[..4]);
    });
    check!(line.hear_all(), [libc::SIGTERM, libc::SI_USER, 0, 0], "signal, si_code, si_pid and si_uid");
}

fn a_parents_death_inside() {
    let init = new_ns(|talk| {
        let parent = fork(|talk| {
            let child = fork(|talk| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).expect("PR_SET_PDEATHSIG");
                talk.say(0);
                sleep_for_ever();
            });
            child.hear();
            talk.say(child.pid);
        });
        let child = parent.hear();
        check!(parent.wait(), End::Exit(0));
        check!(wait_for(child), End::Killed(libc::SIGTERM), "the end of a member with its parent");
        talk.say(0);
    });
    init.hear();
}
