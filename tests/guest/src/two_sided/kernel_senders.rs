//! Signals that the kernel sends because a member has asked for it: they are from inside. Where the leader of an init
//! blocks one and another thread does not, the kernel would end all threads at once.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;

use super::terminal::{lead_session, terminal};
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{
    echo, fork, lead_group, new_ns, pid, quit, sleep_for_ever, sleeping_thread, Child, End,
};
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    about_an_open_file,
    about_a_file_of_a_process_group,
    about_a_file_with_signals_that_nobody_blocks,
    a_character_put_into_a_terminal,
    a_terminal_whose_master_is_closed,
    a_terminal_whose_last_holder_ends,
];

const TERMINATE: [i32; 4] = [libc::SIGIO, libc::SIGTERM, libc::SIGUSR1, 34];

/// The body of a process whose leader blocks the signal and whose other thread does not. It prepares something; when it is
/// told to, a child gets that and the process's number, and does something for which the kernel sends the signal to the process.
fn target<T>(
    channel: &Channel,
    signal: i32,
    of_child: Channel,
    prepare: impl Fn() -> T,
    deed: impl Fn(T, i32),
) -> ! {
    signal_state::reset();
    let (prepared, number) = (prepare(), pid());
    sleeping_thread();
    signal_state::block(signal);
    // The process itself keeps nothing of what the child gets.
    fork(move |_| {
        of_child.receive();
        deed(prepared, number);
        of_child.send(0);
        sleep_for_ever();
    });
    channel.send(0);
    echo(channel);
    quit(0);
}

/// Of an ordinary process it is the end. An init must live; the same signal from outside ends it.
#[track_caller]
fn check_survives<T>(signal: i32, words: &str, prepare: impl Fn() -> T, deed: impl Fn(T, i32)) {
    let (mine, of_child) = Channel::pair();
    let ordinary = fork(|channel| target(channel, signal, of_child, &prepare, &deed));
    ordinary.receive();
    mine.send(0);
    check!(
        ordinary.wait(),
        End::Killed(signal),
        "{words}, to an ordinary process"
    );

    let (mine, of_member) = Channel::pair();
    let init = new_ns(|channel| target(channel, signal, of_member, prepare, deed));
    init.receive();
    mine.send(0);
    mine.receive_or_end();
    check_lives(&init, words);
    init.kill(signal);
    check!(
        init.wait(),
        End::Killed(signal),
        "{words}, then from outside"
    );
}

/// One that ends may still have a last word.
#[track_caller]
fn check_lives(init: &Child, words: &str) {
    for _ in 0..3 {
        init.send(5);
        let answer = init.channel.receive_or_end();
        check!(answer, Some(vec![5]), "{words}: the answer of init");
    }
}

/// Lets the kernel send a signal to `owner`: about a file, which then can be read.
#[track_caller]
pub fn send_about_a_file(owner: i32, signal: i32) {
    let (file, other) = Channel::pair();
    let set = |command: i32, value: i32| {
        // SAFETY: these commands take numbers.
        let set = unsafe { libc::fcntl(file.fd(), command, value) };
        check!(Errno::result(set), Ok(0), "fcntl({command}, {value})");
    };
    set(libc::F_SETOWN, owner);
    if signal != libc::SIGIO {
        const F_SETSIG: i32 = 10;
        set(F_SETSIG, signal);
    }
    set(libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK);
    other.send(0);
}

fn about_an_open_file() {
    mode::two_sided();
    for signal in TERMINATE {
        let words = format!("signal {signal} about a file");
        check_survives(
            signal,
            &words,
            || (),
            |_, number| send_about_a_file(number, signal),
        );
    }
}

fn about_a_file_of_a_process_group() {
    mode::two_sided();
    for signal in TERMINATE {
        let words = format!("signal {signal} about a file of a group");
        check_survives(signal, &words, lead_group, |_, number| {
            lead_group();
            send_about_a_file(-number, signal);
        });
    }
}

fn about_a_file_with_signals_that_nobody_blocks() {
    mode::two_sided();
    for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGTERM, libc::SIGQUIT] {
        let init = new_ns(|channel| {
            signal_state::reset();
            sleeping_thread();
            let member = fork(|_| send_about_a_file(1, signal));
            check!(member.wait(), End::Exit(0), "the member");
            channel.send(0);
            echo(channel);
        });
        init.receive();
        check_lives(&init, &format!("signal {signal} about a file"));
        init.end();
    }
}

/// The terminal of the caller's new session: its master, and its slave.
fn own_terminal() -> (OwnedFd, OwnedFd) {
    let (master, slave) = terminal();
    lead_session(&slave);
    (master, slave)
}

/// Without a slave that is open, a session has no terminal.
fn keep(fd: OwnedFd) {
    std::mem::forget(fd);
}

fn a_character_put_into_a_terminal() {
    mode::two_sided();
    for (character, signal) in [(3u8, libc::SIGINT), (0x1c, libc::SIGQUIT)] {
        let prepare = || {
            let (master, slave) = own_terminal();
            keep(master);
            slave
        };
        check_survives(signal, "a character", prepare, |slave, _| {
            // It is in the foreground, too.
            signal_state::block(signal);
            let fd = slave.as_raw_fd();
            // SAFETY: the pointer is to a live character.
            let put = unsafe { libc::ioctl(fd, libc::TIOCSTI, &character) };
            check!(Errno::result(put), Ok(0), "TIOCSTI");
            keep(slave);
        });
    }
}

fn prepare_a_hangup() -> OwnedFd {
    let (master, slave) = own_terminal();
    keep(slave);
    master
}

fn a_terminal_whose_master_is_closed() {
    mode::two_sided();
    check_survives(libc::SIGHUP, "a hangup", prepare_a_hangup, |master, _| {
        drop(master)
    });
}

fn a_terminal_whose_last_holder_ends() {
    mode::two_sided();
    check_survives(libc::SIGHUP, "a hangup", prepare_a_hangup, |master, _| {
        let last = fork(move |channel| {
            channel.receive();
            let _held = master;
            quit(0);
        });
        last.send(0);
        check!(last.wait(), End::Exit(0), "the last that held the master");
    });
}
