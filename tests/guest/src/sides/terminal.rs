//! Signals of a terminal.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::harness::Test;
use crate::mode;
use crate::process::{become_subreaper, echo, fork, new_ns, sleep_for_ever, wait_for, End};
use crate::talk::Talk;

pub const TESTS: &[Test] = tests![
    typed_characters_end_no_init,
    a_hangup_ends_no_init,
    the_end_of_the_sessions_leader,
    the_end_of_the_sessions_leader_as_mainline,
];

/// A terminal: the side that a person types at, and the side that programs have.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut slave) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: the numbers are live; the descriptors are new and ours.
    unsafe {
        let opened = libc::openpty(&mut master, &mut slave, none, none.cast(), none.cast());
        check!(opened, 0, "openpty");
        (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    }
}

/// Makes the terminal that of the caller's new session.
fn lead_session(slave: &OwnedFd) {
    nix::unistd::setsid().expect("setsid");
    // SAFETY: the call takes no pointers.
    let taken = unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) };
    check!(taken, 0, "TIOCSCTTY");
}

/// Makes the group of the process `leader` the one that characters go to.
fn put_into_foreground(slave: &OwnedFd, leader: i32) {
    // SAFETY: the call takes no pointers.
    let put = unsafe { libc::tcsetpgrp(slave.as_raw_fd(), leader) };
    check!(put, 0, "tcsetpgrp");
}

/// Ctrl-C, Ctrl-\ and Ctrl-Z are signals of the kernel.
fn typed_characters_end_no_init() {
    let (master, slave) = terminal();
    for asked in [mode::as_mainline as fn(), || {
        if mode::is_there() {
            mode::two_sided()
        }
    }] {
        asked();
        for (character, signal) in [(b"\x03", libc::SIGINT), (b"\x1c", libc::SIGQUIT)] {
            let leader = fork(|talk| {
                lead_session(&slave);
                let init = new_ns(|talk| {
                    super::own_group();
                    // A bystander shows that the signal has been sent.
                    let bystander = fork(|talk| {
                        super::subject::set_disposition(libc::SIGQUIT, libc::SIG_DFL);
                        talk.say(0);
                        sleep_for_ever()
                    });
                    bystander.hear();
                    talk.say(0);
                    check!(
                        bystander.wait(),
                        End::Killed(signal),
                        "a member of the group"
                    );
                    talk.say(0);
                    echo(talk);
                });
                init.hear();
                put_into_foreground(&slave, init.pid);
                talk.say(0);
                init.hear();
                init.check_alive();
                init.end();
                talk.say(0);
                sleep_for_ever();
            });
            leader.hear();
            check!(nix::unistd::write(&master, character), Ok(1), "a character");
            leader.hear();
            leader.end();
        }
    }
}

fn a_hangup_ends_no_init() {
    for two_sided in [false, true] {
        if two_sided && mode::is_there() {
            mode::two_sided();
        } else {
            mode::as_mainline();
        }
        let (master, slave) = terminal();
        let number = master.as_raw_fd();
        let init = new_ns(|talk| {
            // SAFETY: the descriptor is closed in this process alone, and not used again.
            check!(unsafe { libc::close(number) }, 0);
            lead_session(&slave);
            talk.say(0);
            echo(talk);
        });
        init.hear();
        drop(master);
        // The kernel hangs up before the last close is done.
        let mut byte = [0; 1];
        check!(
            nix::unistd::read(&slave, &mut byte),
            Ok(0),
            "a terminal that was hung up"
        );
        init.check_alive();
        init.end();
    }
}

/// An init in the foreground of a session whose leader outside ends.
fn init_of_an_ending_session() -> (i32, Talk) {
    become_subreaper();
    let (_master, slave) = terminal();
    let (mine, theirs) = Talk::pair();
    let leader = fork(|talk| {
        lead_session(&slave);
        let init = new_ns(|talk| {
            super::own_group();
            talk.say(0);
            echo(&theirs);
        });
        init.hear();
        put_into_foreground(&slave, init.pid);
        talk.say(init.pid);
        sleep_for_ever();
    });
    let init = leader.hear();
    leader.end();
    (init, mine)
}

fn the_end_of_the_sessions_leader() {
    mode::two_sided();
    let (init, _line) = init_of_an_ending_session();
    check!(
        wait_for(init),
        End::Killed(libc::SIGHUP),
        "init's end with its session"
    );
}

fn the_end_of_the_sessions_leader_as_mainline() {
    mode::as_mainline();
    let (init, line) = init_of_an_ending_session();
    line.say(1);
    check!(
        line.hear_or_end(),
        Some(vec![1]),
        "init's answer after its session's end"
    );
    check!(crate::process::kill(init, libc::SIGKILL), Ok(()));
}
