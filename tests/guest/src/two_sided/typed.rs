//! A Ctrl-C at the terminal of an init: it comes from outside if nobody inside has ever typed there.

use std::os::fd::{AsRawFd, OwnedFd};

use super::terminal::{lead_session, put_into_foreground, terminal};
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{
    check_continues, check_stops, echo, fork, lead_group, new_ns, sleep_for_ever, Child, End,
};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    it_ends_a_bare_init,
    it_stops_an_init,
    at_a_terminal_that_was_made_inside,
    a_handler_of_the_inits_runs,
    a_member_types,
    a_member_has_typed_before,
    a_member_below_has_typed_before,
    a_member_injects_it,
    a_member_asks_the_master_for_it,
    another_character_that_makes_it,
    a_letter_that_is_stripped_to_it,
    an_init_types_to_one_below,
    somebody_beside_it_types,
    it_reaches_each_member_once,
    with_the_switch_off,
    in_mainlines_mode,
];

pub const CTRL_C: &[u8] = b"\x03";
const ALL: [(&[u8], i32); 2] = [(CTRL_C, libc::SIGINT), (b"\x1c", libc::SIGQUIT)];

#[track_caller]
pub fn type_at(master: &OwnedFd, character: &[u8]) {
    check!(nix::unistd::write(master, character), Ok(1), "a character");
}

/// An init in the foreground of a session that it leads, with a member beside it, in the same group, which reports what
/// reaches it; `more` goes on in the init, which then answers messages.
#[track_caller]
pub fn watched(slave: &OwnedFd, more: impl FnOnce(&Channel)) -> (Child, Channel) {
    let (report, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        signal_state::reset();
        lead_session(slave);
        let member = fork(|ready| {
            signal_capture::capture(&[libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP]);
            ready.send(0);
            loop {
                theirs.send(signal_capture::next().signal);
            }
        });
        member.receive();
        more(channel);
        channel.send(0);
        echo(channel);
    });
    init.receive();
    (init, report)
}

/// Types, and fails unless the signal is made and does nothing to the init.
#[track_caller]
pub fn check_nothing(master: &OwnedFd, init: &Child, report: &Channel) {
    for (character, signal) in ALL {
        type_at(master, character);
        check!(report.receive(), signal, "what reaches a member");
        init.check_alive();
    }
}

fn it_ends_a_bare_init() {
    mode::two_sided();
    for (character, signal) in ALL {
        let (master, slave) = terminal();
        let (init, _report) = watched(&slave, |_| ());
        type_at(&master, b"x");
        mode::set_grace(0);
        type_at(&master, character);
        check!(init.wait(), End::Killed(signal));
    }
}

/// In a group that is not orphaned.
fn it_stops_an_init() {
    mode::two_sided();
    let (master, slave) = terminal();
    let leader = fork(|channel| {
        lead_session(&slave);
        let init = new_ns(|channel| {
            signal_state::reset();
            lead_group();
            channel.send(0);
            echo(channel);
        });
        init.receive();
        signal_state::ignore(libc::SIGTTOU);
        put_into_foreground(&slave, init.pid);
        channel.send(0);
        check_stops(&init, libc::SIGTSTP, "Ctrl-Z");
        init.kill(libc::SIGCONT);
        check_continues(&init, "afterwards");
        init.check_alive();
        init.end();
    });
    leader.receive();
    type_at(&master, b"\x1a");
    check!(leader.wait(), End::Exit(0));
}

/// As OCI runtimes do: the container opens both sides, and sends the master out.
fn at_a_terminal_that_was_made_inside() {
    mode::two_sided();
    mode::set_grace(0);
    for (character, signal) in ALL {
        let init = new_ns(|channel| {
            signal_state::reset();
            let (master, slave) = terminal();
            lead_session(&slave);
            channel.send_fd(master.as_raw_fd());
            drop(master);
            sleep_for_ever();
        });
        let master = init.channel.receive_fd();
        type_at(&master, character);
        check!(init.wait(), End::Killed(signal));
    }
}

fn a_handler_of_the_inits_runs() {
    mode::two_sided();
    let (master, slave) = terminal();
    let init = new_ns(|channel| {
        lead_session(&slave);
        signal_capture::capture_and_report(channel, &[libc::SIGINT]);
    });
    init.receive();
    type_at(&master, CTRL_C);
    let [signal, code, pid, ..] = init.receive_all()[..] else {
        panic!("a short report");
    };
    check!([signal, code, pid], [libc::SIGINT, libc::SI_KERNEL, 0]);
    init.end();
}

fn a_member_types() {
    mode::two_sided();
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| {
        let member = fork(|_| {
            signal_state::ignore(libc::SIGINT);
            type_at(&master, CTRL_C);
        });
        check!(member.wait(), End::Exit(0));
    });
    check!(report.receive(), libc::SIGINT, "what reaches a member");
    init.check_alive();
    check_nothing(&master, &init, &report);
    init.end();
}

fn a_member_has_typed_before() {
    mode::two_sided();
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| type_at(&master, b"x"));
    check_nothing(&master, &init, &report);
    init.end();
}

fn a_member_below_has_typed_before() {
    mode::two_sided();
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| {
        let inner = new_ns(|_| type_at(&master, b"x"));
        check!(inner.wait(), End::Exit(0));
    });
    check_nothing(&master, &init, &report);
    init.end();
}

/// It may, with CAP_SYS_ADMIN, put a character into the terminal's own queue.
fn a_member_injects_it() {
    mode::two_sided();
    let (_master, slave) = terminal();
    let (init, report) = watched(&slave, |_| {
        let member = fork(|_| {
            signal_state::ignore(libc::SIGINT);
            // SAFETY: the character is live.
            let put = unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSTI, CTRL_C.as_ptr()) };
            check!(put, 0, "TIOCSTI");
        });
        check!(member.wait(), End::Exit(0));
    });
    check!(report.receive(), libc::SIGINT, "what reaches a member");
    init.check_alive();
    init.end();
}

fn a_member_asks_the_master_for_it() {
    mode::two_sided();
    const TIOCSIG: libc::c_ulong = 0x4004_5436;
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| {
        let member = fork(|_| {
            signal_state::ignore(libc::SIGINT);
            // SAFETY: the call takes a number.
            let sent = unsafe { libc::ioctl(master.as_raw_fd(), TIOCSIG, libc::SIGINT) };
            check!(sent, 0, "TIOCSIG");
        });
        check!(member.wait(), End::Exit(0));
    });
    check!(report.receive(), libc::SIGINT, "what reaches a member");
    init.check_alive();
    init.end();
}

/// A member may choose which character makes a SIGINT; who types an `a` does not mean that.
fn another_character_that_makes_it() {
    mode::two_sided();
    let (master, slave) = terminal();
    let mut settings = nix::sys::termios::tcgetattr(&slave).expect("tcgetattr");
    settings.control_chars[libc::VINTR] = b'a';
    let now = nix::sys::termios::SetArg::TCSANOW;
    nix::sys::termios::tcsetattr(&slave, now, &settings).expect("tcsetattr");
    let (init, report) = watched(&slave, |_| ());
    type_at(&master, b"a");
    check!(report.receive(), libc::SIGINT, "what reaches a member");
    init.check_alive();
    init.end();
}

/// With ISTRIP a letter of UTF-8 becomes the character.
fn a_letter_that_is_stripped_to_it() {
    mode::two_sided();
    use nix::sys::termios::{tcgetattr, tcsetattr, InputFlags, SetArg};
    let (master, slave) = terminal();
    let mut settings = tcgetattr(&slave).expect("tcgetattr");
    settings.input_flags |= InputFlags::ISTRIP;
    tcsetattr(&slave, SetArg::TCSANOW, &settings).expect("tcsetattr");
    let (init, report) = watched(&slave, |_| ());
    for (letter, signal) in [(b"\x83", libc::SIGINT), (b"\x9c", libc::SIGQUIT)] {
        type_at(&master, letter);
        check!(report.receive(), signal, "what reaches a member");
        init.check_alive();
    }
    init.end();
}

/// An engine in a container has containers of its own.
fn an_init_types_to_one_below() {
    mode::two_sided();
    mode::set_grace(0);
    let outer = new_ns(|_| {
        let (master, slave) = terminal();
        let (init, _report) = watched(&slave, |_| ());
        type_at(&master, CTRL_C);
        check!(init.wait(), End::Killed(libc::SIGINT));
    });
    check!(outer.wait(), End::Exit(0));
}

/// No deeper, and so taken for somebody inside.
fn somebody_beside_it_types() {
    mode::two_sided();
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| ());
    let beside = new_ns(|_| type_at(&master, b"x"));
    check!(beside.wait(), End::Exit(0));
    check_nothing(&master, &init, &report);
    init.end();
}

/// Those of the foreground group have it from the terminal, and do not get it again when the namespace falls.
fn it_reaches_each_member_once() {
    mode::two_sided();
    mode::set_grace(300);
    for (character, signal) in ALL {
        let (master, slave) = terminal();
        let (elsewhere, theirs) = Channel::pair();
        let (init, report) = watched(&slave, |_| {
            let ready = fork(|ready| {
                lead_group();
                signal_capture::capture(&[signal]);
                ready.send(0);
                loop {
                    theirs.send(signal_capture::next().signal);
                }
            });
            ready.receive();
        });
        type_at(&master, character);
        check!(init.wait(), End::Killed(signal));
        drop(theirs);
        let all = |channel: &Channel| {
            let mut signals = Vec::new();
            while let Some(words) = channel.receive_or_end() {
                signals.extend(words);
            }
            signals
        };
        check!(all(&report), [signal], "a member of the group");
        check!(all(&elsewhere), [signal], "a member of another group");
    }
}

fn with_the_switch_off() {
    mode::two_sided();
    mode::set_terminal(0);
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| ());
    check_nothing(&master, &init, &report);
    // What has been typed meanwhile was seen.
    mode::set_terminal(1);
    type_at(&master, CTRL_C);
    mode::set_grace(0);
    check!(init.wait(), End::Killed(libc::SIGINT));
}

fn in_mainlines_mode() {
    mode::as_mainline();
    let (master, slave) = terminal();
    let (init, report) = watched(&slave, |_| ());
    check_nothing(&master, &init, &report);
    init.end();
}
