//! Signals of a terminal.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{become_subreaper, echo, fork, new_ns, sleep_for_ever, wait_for, End};

pub const TESTS: &[Test] = tests![
    typed_characters_end_no_init_in_mainlines_mode,
    a_hangup_ends_no_init,
    the_end_of_the_sessions_leader,
    the_end_of_the_sessions_leader_as_mainline,
];

/// A terminal: the side that a person types at, and the side that programs have.
pub fn terminal() -> (OwnedFd, OwnedFd) {
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
pub fn lead_session(slave: &OwnedFd) {
    nix::unistd::setsid().expect("setsid");
    // SAFETY: the call takes no pointers.
    let taken = unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) };
    check!(taken, 0, "TIOCSCTTY");
}

/// Makes the group of the process `leader` the one that characters go to.
pub fn put_into_foreground(slave: &OwnedFd, leader: i32) {
    // SAFETY: the call takes no pointers.
    let put = unsafe { libc::tcsetpgrp(slave.as_raw_fd(), leader) };
    check!(put, 0, "tcsetpgrp");
}

/// Ctrl-C and Ctrl-\ are signals of the kernel. With two sides see `typed.rs`.
fn typed_characters_end_no_init_in_mainlines_mode() {
    mode::as_mainline();
    let (master, slave) = terminal();
    for (character, signal) in [(b"\x03", libc::SIGINT), (b"\x1c", libc::SIGQUIT)] {
        let leader = fork(|channel| {
            lead_session(&slave);
            let init = new_ns(|channel| {
                crate::process::lead_group();
                // A bystander shows that the signal has been sent.
                let bystander = fork(|channel| {
                    crate::signal_state::set_default(libc::SIGQUIT);
                    channel.send(0);
                    sleep_for_ever()
                });
                bystander.receive();
                channel.send(0);
                check!(
                    bystander.wait(),
                    End::Killed(signal),
                    "a member of the group"
                );
                channel.send(0);
                echo(channel);
            });
            init.receive();
            put_into_foreground(&slave, init.pid);
            channel.send(0);
            init.receive();
            init.check_alive();
            init.end();
            channel.send(0);
            sleep_for_ever();
        });
        leader.receive();
        check!(nix::unistd::write(&master, character), Ok(1), "a character");
        leader.receive();
        leader.end();
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
        let init = new_ns(|channel| {
            // SAFETY: the descriptor is closed in this process alone, and not used again.
            check!(unsafe { libc::close(number) }, 0);
            lead_session(&slave);
            channel.send(0);
            echo(channel);
        });
        init.receive();
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
fn init_of_an_ending_session() -> (i32, Channel) {
    become_subreaper();
    let (_master, slave) = terminal();
    let (mine, theirs) = Channel::pair();
    let leader = fork(|channel| {
        lead_session(&slave);
        let init = new_ns(|channel| {
            crate::process::lead_group();
            channel.send(0);
            echo(&theirs);
        });
        init.receive();
        put_into_foreground(&slave, init.pid);
        channel.send(init.pid);
        sleep_for_ever();
    });
    let init = leader.receive();
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
    let (init, channel) = init_of_an_ending_session();
    channel.send(1);
    check!(
        channel.receive_or_end(),
        Some(vec![1]),
        "init's answer after its session's end"
    );
    check!(crate::process::kill(init, libc::SIGKILL), Ok(()));
}
