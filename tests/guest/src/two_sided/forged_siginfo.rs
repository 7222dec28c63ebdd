//! Whatever somebody inside says about the sender of a signal, it comes from inside.

use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use nix::errno::Errno;

use super::ALL_KINDS;
use crate::agent::{self, ask, Command};
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::privilege::become_nobody;
use crate::process::{check_stops, echo, fork, new_ns, unshare, wait_for_message, Child, End};
use crate::send_signal::{Forgery, SEND_CALLS};
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    by_a_member,
    by_a_member_to_one_that_blocks,
    by_itself,
    its_own_stop_in_the_kernels_name,
    as_a_timer_from_outside,
    through_a_pidfd_from_outside,
    through_a_pidfd_to_its_group,
    by_a_setuid_program,
    in_another_user_namespace,
    as_the_signal_of_an_open_file,
    as_a_fault_of_an_open_file,
];

const SEGV_MAPERR: i32 = 1;
const SI_DETHREAD: i32 = -7;
const SI_ASYNCNL: i32 = -60;

/// What one may say when one signals another process.
const CODES: [i32; 7] = [
    libc::SI_QUEUE,
    libc::SI_TIMER,
    libc::SI_MESGQ,
    libc::SI_ASYNCIO,
    libc::SI_SIGIO,
    SI_DETHREAD,
    SI_ASYNCNL,
];

/// What only the kernel says, or who signals itself.
const CODES_TO_ONESELF: [i32; 5] = [
    libc::SI_USER,
    libc::SI_TKILL,
    SEGV_MAPERR,
    libc::CLD_EXITED,
    libc::TRAP_TRACE,
];

const NUMBERS: [i32; 4] = [0, 1, 2, 7777];

fn forgeries(codes: &[i32]) -> Vec<Forgery> {
    let all = codes
        .iter()
        .flat_map(|code| NUMBERS.map(|pid| Forgery { code: *code, pid }));
    all.collect()
}

/// Signals whose forged siginfo the kernel reads in different ways.
const SIGNALS: [i32; 9] = [
    libc::SIGTERM,
    libc::SIGSEGV,
    libc::SIGCHLD,
    libc::SIGIO,
    libc::SIGTRAP,
    libc::SIGTSTP,
    libc::SIGKILL,
    libc::SIGSTOP,
    40,
];

/// Sends process 1 every forgery, and says what the kernel answers.
#[track_caller]
fn send_all(codes: &[i32], answer: nix::Result<()>) {
    let pidfd = crate::process::pidfd_open(1).expect("pidfd_open");
    for forgery in forgeries(codes) {
        for signal in SIGNALS {
            let words = format!("{signal} with {forgery:?}");
            check!(forgery.queue(1, signal), answer, "{words}");
            check!(forgery.queue_to_thread(1, signal), answer, "{words}");
            check!(forgery.send(&pidfd, signal, 0), answer, "{words}");
        }
    }
}

#[track_caller]
fn member(deed: impl FnOnce()) {
    let member = fork(|_| deed());
    check!(member.wait(), End::Exit(0), "the forger");
}

#[track_caller]
fn check_ends(init: Child) {
    init.check_alive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

fn by_a_member() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        member(|| send_all(&CODES, Ok(())));
        member(|| send_all(&CODES_TO_ONESELF, Err(Errno::EPERM)));
        member(|| send_all(&[libc::SI_KERNEL], Err(Errno::EPERM)));
        echo(channel);
    });
    check_ends(init);
}

fn by_a_member_to_one_that_blocks() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        let catchable = SIGNALS.iter().filter(|s| ![9, 19].contains(*s));
        for signal in catchable.clone() {
            signal_state::block(*signal);
        }
        member(|| send_all(&CODES, Ok(())));
        for signal in catchable {
            signal_state::unblock(*signal);
        }
        echo(channel);
    });
    check_ends(init);
}

/// But by the codes of the calls themselves, by which it asks for the signal.
fn by_itself() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        let of_calls = [libc::SI_USER, libc::SI_QUEUE, libc::SI_TKILL];
        let others = CODES.iter().chain(&CODES_TO_ONESELF);
        let others: Vec<i32> = others.filter(|c| !of_calls.contains(c)).copied().collect();
        send_all(&others, Ok(()));
        for signal in [libc::SIGTERM, libc::SIGSEGV, 40] {
            signal_state::block(signal);
            send_all(&others, Ok(()));
            signal_state::unblock(signal);
        }
        echo(channel);
    });
    check_ends(init);
}

/// The kernel's own SIGSTOP stops an init, as in mainline, whoever makes the kernel send it.
fn its_own_stop_in_the_kernels_name() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        crate::process::lead_group();
        channel.receive();
        let in_its_name = Forgery {
            code: libc::SI_KERNEL,
            pid: 0,
        };
        check!(in_its_name.queue(1, libc::SIGSTOP), Ok(()));
        echo(channel);
    });
    init.send(0);
    check_stops(&init, libc::SIGSTOP, "in the kernel's name");
    init.kill(libc::SIGCONT);
    check_ends(init);
}

/// What says that a timer sent it, and comes from a task, comes from where that stands.
fn as_a_timer_from_outside() {
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGKILL, 40] {
        let timer = Forgery {
            code: libc::SI_TIMER,
            pid: 0,
        };
        let init = new_ns(wait_for_message);
        check!(timer.queue(init.pid, signal), Ok(()));
        check!(init.wait(), End::Killed(signal), "{signal}");
        if signal == libc::SIGKILL {
            continue;
        }
        let init = new_ns(|channel| {
            signal_state::block(signal);
            channel.send(0);
            channel.receive();
            signal_state::unblock(signal);
            wait_for_message(channel);
        });
        init.receive();
        check!(timer.queue(init.pid, signal), Ok(()));
        init.send(0);
        check!(init.wait(), End::Killed(signal), "{signal}, blocked");
    }
}

/// A member that takes a pidfd from outside and does something with it.
fn with_a_pidfd(deed: fn(&std::os::fd::OwnedFd)) {
    let (order, ordered) = Channel::pair();
    let init = new_ns(|channel| {
        signal_state::reset();
        crate::process::lead_group();
        let forger = fork(|_| {
            crate::process::lead_group();
            let pidfd = ordered.receive_fd();
            deed(&pidfd);
            ordered.send(0);
        });
        echo(channel);
        drop(forger);
    });
    init.check_alive();
    order.send_fd(init.pidfd().as_raw_fd());
    order.receive();
    check_ends(init);
}

fn through_a_pidfd_from_outside() {
    mode::two_sided();
    with_a_pidfd(|pidfd| {
        for forgery in forgeries(&CODES) {
            for signal in SIGNALS {
                check!(forgery.send(pidfd, signal, 0), Ok(()), "{forgery:?}");
            }
        }
        for signal in ALL_KINDS {
            let (fd, none) = (pidfd.as_raw_fd(), 0usize);
            // SAFETY: there is no siginfo.
            let sent = Errno::result(unsafe {
                libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, none, 0)
            });
            check!(sent, Ok(0), "{signal}");
        }
    });
}

fn through_a_pidfd_to_its_group() {
    mode::two_sided();
    with_a_pidfd(|pidfd| {
        const THREAD: u32 = 1;
        const THREAD_GROUP: u32 = 2;
        const PROCESS_GROUP: u32 = 4;
        for flags in [THREAD, THREAD_GROUP, PROCESS_GROUP] {
            for signal in ALL_KINDS {
                let (fd, none) = (pidfd.as_raw_fd(), 0usize);
                // SAFETY: there is no siginfo.
                let sent = Errno::result(unsafe {
                    libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, none, flags)
                });
                check!(sent, Ok(0), "{signal} with flags {flags}");
            }
        }
    });
}

const SETUID: &str = "/tmp/setuid-program";

fn by_a_setuid_program() {
    mode::two_sided();
    std::fs::copy("/proc/self/exe", SETUID).expect("a copy of this program");
    let mode = std::fs::Permissions::from_mode(0o4755);
    std::fs::set_permissions(SETUID, mode).expect("chmod");
    let init = new_ns(|channel| {
        signal_state::reset();
        let forger = fork(|channel| {
            let program = std::fs::File::open(SETUID).expect("open");
            become_nobody();
            agent::execute(program.as_raw_fd(), channel);
        });
        forger.receive_all();
        check!(ask(&forger, Command::AttackInit()), [0]);
        drop(forger);
        echo(channel);
    });
    check_ends(init);
    std::fs::remove_file(SETUID).expect("unlink");
}

/// Root of a user namespace of its own has no more rights, and its kernel rewrites `si_uid`.
fn in_another_user_namespace() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        member(|| {
            check!(unshare(libc::CLONE_NEWUSER), Ok(()));
            send_all(&[libc::SI_QUEUE], Ok(()));
            for call in SEND_CALLS {
                check!(call.send(1, libc::SIGTERM), Ok(()), "by {call:?}");
            }
        });
        echo(channel);
    });
    check_ends(init);
}

/// A member lets the kernel send its init these signals for a file, and somebody outside makes that
/// happen.
fn check_signals_of_an_open_file(signals: &[i32]) {
    mode::two_sided();
    const F_SETSIG: i32 = 10;
    let (outside, inside) = Channel::pair();
    let init = new_ns(|channel| {
        signal_state::reset();
        member(|| {
            // SAFETY: the calls take no pointers.
            unsafe {
                check!(libc::fcntl(inside.fd(), libc::F_SETOWN, 1), 0);
                let flags = libc::fcntl(inside.fd(), libc::F_GETFL) | libc::O_ASYNC;
                check!(libc::fcntl(inside.fd(), libc::F_SETFL, flags), 0);
            }
        });
        while let Some(words) = channel.receive_or_end() {
            // SAFETY: as above.
            check!(unsafe { libc::fcntl(inside.fd(), F_SETSIG, words[0]) }, 0);
            channel.send(0);
        }
    });
    for signal in signals {
        init.send(*signal);
        init.receive();
        outside.send(0);
        init.send(0);
        check!(init.receive(), 0, "init after {signal}");
    }
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

fn as_the_signal_of_an_open_file() {
    use libc::{SIGINT, SIGIO, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP};
    const DEFAULT: i32 = 0;
    check_signals_of_an_open_file(&[
        SIGTERM, SIGINT, SIGQUIT, SIGTSTP, SIGKILL, SIGSTOP, SIGIO, DEFAULT, 34,
    ]);
}

/// These look as if a process had sent them, because what their codes above 0 mean is something else.
fn as_a_fault_of_an_open_file() {
    use libc::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    check_signals_of_an_open_file(&[SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP]);
}
