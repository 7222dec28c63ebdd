//! Nested namespaces: each init has two sides of its own.

use super::subject::{Subject, BLOCK, UNBLOCK};
use crate::harness::Test;
use crate::mail::Mail;
use crate::mode;
use crate::process::{echo, fork, kill, new_ns, sleep_for_ever, End};
use crate::talk::Talk;
use crate::way::{Way, WAYS};

use libc::SIGTERM;

pub const TESTS: &[Test] = tests![
    from_the_top_to_each_level,
    an_outer_init_is_an_ancestor,
    a_member_of_the_outer_one_is_an_ancestor,
    no_signal_upwards,
    no_signal_upwards_through_a_pidfd,
    blocked_and_promoted_by_another_level,
    two_side_by_side,
    a_neighbour_in_the_group,
];

/// Three inits, one inside the other; the line to each, and its number here.
fn tower() -> [(i32, Talk); 3] {
    let mail = Mail::new();
    let (outer, of_outer) = Talk::pair();
    let (middle, of_middle) = Talk::pair();
    let (inner, of_inner) = Talk::pair();
    let begin = |line: &Talk| {
        line.say(0);
        mail.send();
    };
    let first = new_ns(|_| {
        begin(&of_outer);
        of_outer.hear();
        drop(new_ns(|_| {
            begin(&of_middle);
            of_middle.hear();
            drop(new_ns(|_| {
                begin(&of_inner);
                echo(&of_inner);
            }));
            echo(&of_middle);
        }));
        echo(&of_outer);
    });
    std::mem::forget(first);
    let mut numbers = Vec::new();
    for line in [&outer, &middle, &inner] {
        line.hear();
        numbers.push(mail.receive());
        line.say(0);
    }
    inner.hear();
    [
        (numbers[0], outer),
        (numbers[1], middle),
        (numbers[2], inner),
    ]
}

#[track_caller]
fn check_alive(line: &Talk, words: &str) {
    line.say(7);
    check!(line.hear_or_end(), Some(vec![7]), "the answer of {words}");
}

/// Waits until the process has ended, whoever reaps it.
#[track_caller]
fn check_gone(number: i32, words: &str) {
    crate::process::eventually(words, || {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat"));
        (!stat.is_ok_and(|s| !s.contains(") Z "))).then_some(())
    });
}

fn from_the_top_to_each_level() {
    mode::two_sided();
    for way in WAYS {
        let [outer, middle, inner] = tower();
        check!(way.send(inner.0, SIGTERM), Ok(()));
        check_gone(inner.0, "the end of the inner init");
        check_alive(&middle.1, "the init in the middle");
        check!(way.send(middle.0, SIGTERM), Ok(()));
        check_gone(middle.0, "the end of the init in the middle");
        check_alive(&outer.1, "the outer init");
        check!(way.send(outer.0, SIGTERM), Ok(()));
        check!(crate::process::wait_for(outer.0), End::Killed(SIGTERM));
    }
}

fn an_outer_init_is_an_ancestor() {
    mode::two_sided();
    let outer = new_ns(|talk| {
        for way in WAYS {
            let subject = Subject::new();
            subject.inside_by(way, SIGTERM);
            subject.check_alive("after a signal from inside");
            subject.outside_by(way, SIGTERM);
            subject.check_ends(SIGTERM, &format!("for its parent, an init, by {way:?}"));
        }
        echo(talk);
    });
    outer.check_alive();
}

fn a_member_of_the_outer_one_is_an_ancestor() {
    mode::two_sided();
    let outer = new_ns(|talk| {
        for way in WAYS {
            let inner = new_ns(|talk| {
                talk.say(0);
                sleep_for_ever()
            });
            inner.hear();
            let member = fork(|_| check!(way.send(inner.pid, SIGTERM), Ok(())));
            check!(member.wait(), End::Exit(0));
            check!(
                inner.wait(),
                End::Killed(SIGTERM),
                "the inner init by {way:?}"
            );
        }
        echo(talk);
    });
    outer.check_alive();
}

/// Nobody can ignore the first two; the others the C library keeps for itself.
const CANNOT_IGNORE: [i32; 4] = [libc::SIGKILL, libc::SIGSTOP, 32, 33];

/// Those below have no number for the outer init, and reach it as members of its group alone.
fn no_signal_upwards() {
    mode::two_sided();
    let outer = new_ns(|talk| {
        nix::unistd::setsid().expect("setsid");
        let attacker = new_ns(|talk| {
            // The init of a namespace below, then a member of it that ignores what it can.
            for signal in 1..=64 {
                check!(kill(0, signal), Ok(()), "{signal} to the group");
            }
            let member = fork(|_| {
                for signal in (1..=64).filter(|s| !CANNOT_IGNORE.contains(s)) {
                    super::subject::set_disposition(signal, libc::SIG_IGN);
                    check!(kill(0, signal), Ok(()), "{signal} to the group");
                }
                let _ = kill(0, libc::SIGKILL);
            });
            check!(
                member.wait(),
                End::Killed(libc::SIGKILL),
                "the attacker's end"
            );
            echo(talk);
        });
        attacker.check_alive();
        echo(talk);
    });
    outer.check_alive();
    outer.end();
}

fn no_signal_upwards_through_a_pidfd() {
    use std::os::fd::AsRawFd;
    mode::two_sided();
    let outer = new_ns(|talk| {
        let own = crate::process::pidfd_open(1).expect("pidfd_open");
        let inner = new_ns(|talk| {
            // SAFETY: the null siginfo is allowed.
            let sent = unsafe {
                libc::syscall(
                    libc::SYS_pidfd_send_signal,
                    own.as_raw_fd(),
                    SIGTERM,
                    0usize,
                    0,
                )
            };
            check!(
                (sent, nix::errno::Errno::last()),
                (-1, nix::errno::Errno::EINVAL)
            );
            talk.say(0);
        });
        inner.hear();
        echo(talk);
    });
    outer.check_alive();
}

/// Signals of two levels above count as from outside alike; one from inside stays what it is.
fn blocked_and_promoted_by_another_level() {
    mode::two_sided();
    let mail = Mail::new();
    let (order, ordered) = Talk::pair();
    let outer = new_ns(|talk| {
        for by_grandparent in [false, true] {
            let subject = Subject::with(crate::clone::NEWPID, |talk| {
                mail.send();
                talk.say(0);
                super::subject::obey(talk);
            });
            subject.ask(BLOCK, SIGTERM);
            subject.inside(SIGTERM);
            if by_grandparent {
                ordered.say(0);
                ordered.hear();
            } else {
                ordered.say(1);
                ordered.hear();
                subject.outside(SIGTERM);
            }
            subject.tell(UNBLOCK, SIGTERM);
            subject.check_ends(SIGTERM, "unblocked");
        }
        echo(talk);
    });
    for _ in 0..2 {
        let number = mail.receive();
        if order.hear() == 0 {
            check!(kill(number, SIGTERM), Ok(()));
        }
        order.say(0);
    }
    outer.check_alive();
}

/// Who sits above two namespaces is outside for both.
fn two_side_by_side() {
    mode::two_sided();
    let outer = new_ns(|talk| {
        let subjects = [Subject::new(), Subject::new()];
        subjects[0].outside_by(Way::Tgkill, SIGTERM);
        subjects[0].check_ends(SIGTERM, "one of two");
        subjects[1].check_alive("the neighbour");
        echo(talk);
    });
    outer.check_alive();
}

/// Who has no number inside is outside, be it a neighbour that only shares the group. In mainline its
/// SIGKILL acts as well.
fn a_neighbour_in_the_group() {
    let attempt = |signal: i32| {
        let outer = new_ns(|talk| {
            nix::unistd::setsid().expect("setsid");
            let target = new_ns(|talk| {
                talk.say(0);
                sleep_for_ever()
            });
            target.hear();
            let neighbour = new_ns(|talk| {
                check!(kill(0, signal), Ok(()), "{signal} to the group");
                echo(talk);
            });
            neighbour.check_alive();
            check!(target.wait(), End::Killed(signal), "the neighbour's end");
            echo(talk);
        });
        outer.check_alive();
        outer.end();
    };
    mode::as_mainline();
    attempt(libc::SIGKILL);
    mode::two_sided();
    attempt(libc::SIGKILL);
    attempt(SIGTERM);
}
