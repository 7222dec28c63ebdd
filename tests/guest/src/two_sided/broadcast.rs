//! Signals to many at once, an init among them.

use super::subject::Subject;
use crate::channel::Channel;
use crate::clone::NEWPID;
use crate::harness::Test;
use crate::mode;
use crate::process::{echo, fork, kill, new_ns, pidfd_open, sleep_for_ever, wait_for, End};

use libc::SIGTERM;

pub const TESTS: &[Test] = tests![
    to_a_group_from_outside,
    to_a_group_from_inside,
    to_a_group_through_a_pidfd,
    to_a_group_of_both_sides,
    to_everybody_from_outside,
    to_everybody_from_inside,
    a_neighbour_in_the_group,
];

/// An init with a member in its own group that the outside can see end: the channel to the member.
fn with_a_member_in_the_group() -> (Subject, Channel) {
    let (mine, theirs) = Channel::pair();
    let subject = Subject::with(NEWPID, |channel| {
        nix::unistd::setsid().expect("setsid");
        drop(fork(|_| {
            theirs.send(0);
            sleep_for_ever()
        }));
        drop(theirs);
        channel.send(0);
        crate::agent::obey(channel);
    });
    mine.receive();
    (subject, mine)
}

fn to_a_group_from_outside() {
    mode::two_sided();
    for signal in [SIGTERM, libc::SIGQUIT, 40] {
        let (subject, _member) = with_a_member_in_the_group();
        check!(
            kill(-subject.number(), signal),
            Ok(()),
            "{signal} to the group"
        );
        subject.check_ends(signal, "by a signal to its group");
    }
}

fn to_a_group_from_inside() {
    mode::two_sided();
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| {
            check!(kill(0, SIGTERM), Ok(()), "SIGTERM to the own group");
            sleep_for_ever()
        });
        check!(member.wait(), End::Killed(SIGTERM), "the end of a member");
        check!(
            kill(0, libc::SIGKILL),
            Ok(()),
            "init's SIGKILL to its group"
        );
        echo(channel);
    });
    init.check_alive();
}

fn to_a_group_through_a_pidfd() {
    use std::os::fd::AsRawFd;
    const PIDFD_SIGNAL_PROCESS_GROUP: i32 = 4;
    mode::two_sided();
    let send = |pidfd: i32| {
        // SAFETY: the null siginfo is allowed.
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                pidfd,
                SIGTERM,
                0usize,
                PIDFD_SIGNAL_PROCESS_GROUP,
            )
        }
    };
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| {
            check!(send(pidfd_open(1).expect("pidfd_open").as_raw_fd()), 0);
            sleep_for_ever()
        });
        check!(member.wait(), End::Killed(SIGTERM), "the end of a member");
        echo(channel);
    });
    init.check_alive();
    check!(send(init.pidfd().as_raw_fd()), 0, "from outside");
    check!(init.wait(), End::Killed(SIGTERM));
}

/// One call, whose sender is inside for one init and outside for the other.
fn to_a_group_of_both_sides() {
    mode::two_sided();
    let outer = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let inner = new_ns(|channel| {
            channel.send(0);
            sleep_for_ever()
        });
        inner.receive();
        drop(fork(|_| {
            check!(
                kill(0, SIGTERM),
                Ok(()),
                "SIGTERM to the group of both inits"
            );
        }));
        check!(
            inner.wait(),
            End::Killed(SIGTERM),
            "the end of the inner init"
        );
        echo(channel);
    });
    outer.check_alive();
    outer.end();
}

fn to_everybody_from_outside() {
    mode::two_sided();
    // In a namespace of its own, where everybody is few.
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            drop(fork(|_| sleep_for_ever()));
            channel.send(0);
            sleep_for_ever()
        });
        inner.receive();
        let killer = fork(|channel| {
            check!(kill(-1, SIGTERM), Ok(()), "SIGTERM to everybody");
            channel.send(0);
        });
        killer.receive();
        check!(
            inner.wait(),
            End::Killed(SIGTERM),
            "the end of the inner init"
        );
        check!(killer.wait(), End::Exit(0), "the end of the killer");
        echo(channel);
    });
    outer.check_alive();
    outer.end();
}

fn to_everybody_from_inside() {
    mode::two_sided();
    let init = new_ns(|channel| {
        let bystander = fork(|_| sleep_for_ever());
        let killer = fork(|_| check!(kill(-1, SIGTERM), Ok(()), "SIGTERM to everybody"));
        check!(wait_for(bystander.pid), End::Killed(SIGTERM));
        check!(killer.wait(), End::Exit(0));
        echo(channel);
    });
    init.check_alive();
}

/// Who has no number inside is outside, be it a neighbour that only shares the group. In mainline its
/// SIGKILL acts as well.
fn a_neighbour_in_the_group() {
    let attempt = |signal: i32| {
        let outer = new_ns(|channel| {
            nix::unistd::setsid().expect("setsid");
            let target = new_ns(|channel| {
                channel.send(0);
                sleep_for_ever()
            });
            target.receive();
            let neighbour = new_ns(|channel| {
                check!(kill(0, signal), Ok(()), "{signal} to the group");
                echo(channel);
            });
            neighbour.check_alive();
            check!(target.wait(), End::Killed(signal), "the neighbour's end");
            echo(channel);
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
