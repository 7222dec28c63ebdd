//! What a receiver is told of the sender.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::privilege::NOBODY;
use crate::process::{fork, kill, new_ns, pid, quit, unshare_pid, End};
use crate::send_signal::{sigqueue, SendCall, FORGED_PID};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    a_forged_number_from_inside_stays,
    a_forged_number_from_outside_becomes_zero,
    codes_of_the_kernel_cannot_be_forged,
    codes_of_the_kernel_to_oneself,
    a_user_without_a_mapping,
    a_signalfd_from_inside,
    a_signalfd_from_outside,
    sigwaitinfo_from_outside,
    a_member_told_by_init_and_by_the_outside,
    the_end_of_an_inner_init,
    a_stop_of_init_told_to_the_outside,
    readiness_of_a_file,
];

fn a_forged_number_from_inside_stays() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGUSR1]);
        let sender = fork(|_| check!(SendCall::Sigqueue.send(1, libc::SIGUSR1), Ok(())));
        let caught = signal_capture::next();
        check!(sender.wait(), End::Exit(0));
        channel.send(caught.pid);
    });
    check!(init.receive(), FORGED_PID);
}

fn a_forged_number_from_outside_becomes_zero() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGUSR1]);
        channel.send(0);
        channel.send_all(&signal_capture::next().to_numbers()[..3]);
    });
    init.receive();
    check!(SendCall::Sigqueue.send(init.pid, libc::SIGUSR1), Ok(()));
    check!(
        init.receive_all(),
        [libc::SIGUSR1, libc::SI_QUEUE, 0],
        "signal, si_code and si_pid"
    );
}

fn codes_of_the_kernel_cannot_be_forged() {
    let init = new_ns(|channel| {
        let member = fork(|_| {
            for code in [libc::SI_USER, libc::SI_KERNEL, libc::SI_TKILL] {
                check!(
                    sigqueue(1, libc::SIGTERM, code),
                    Err(Errno::EPERM),
                    "SIGTERM to init with si_code {code}"
                );
                check!(
                    sigqueue(1, libc::SIGKILL, code),
                    Err(Errno::EPERM),
                    "SIGKILL to init with si_code {code}"
                );
            }
        });
        check!(member.wait(), End::Exit(0));
        channel.receive();
    });
    for code in [libc::SI_USER, libc::SI_KERNEL, libc::SI_TKILL] {
        check!(
            sigqueue(init.pid, libc::SIGTERM, code),
            Err(Errno::EPERM),
            "from outside with si_code {code}"
        );
    }
    init.send(0);
    check!(init.wait(), End::Exit(0));
}

fn codes_of_the_kernel_to_oneself() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        // To oneself every code is allowed; it still does not end init.
        check!(sigqueue(1, libc::SIGTERM, libc::SI_USER), Ok(()));
        check!(sigqueue(1, libc::SIGTERM, libc::SI_TKILL), Ok(()));
        check!(sigqueue(1, libc::SIGTERM, libc::SI_KERNEL), Ok(()));
        channel.send(pid());
    });
    check!(init.receive(), 1);
}

fn a_user_without_a_mapping() {
    let init = Clone::new(NEWPID | libc::CLONE_NEWUSER as u64).start(|channel| {
        signal_capture::capture(&[libc::SIGTERM]);
        channel.send(0);
        loop {
            let caught = signal_capture::next();
            channel.send_all(&[caught.pid, caught.uid]);
        }
    });
    let init = init.expect("clone3");
    init.receive();
    for call in crate::send_signal::SEND_CALLS {
        check!(call.send(init.pid, libc::SIGTERM), Ok(()));
        check!(
            init.receive_all(),
            [0, NOBODY as i32],
            "si_pid and si_uid by {call:?}"
        );
    }
}

/// Reads one signal from a new signalfd: signal, code, pid, uid.
fn read_signalfd(signal: Signal, ready: impl FnOnce()) -> [i32; 4] {
    signal_state::block(signal as i32);
    let mask = nix::sys::signal::SigSet::from(signal);
    // SAFETY: the mask is live, and so is the buffer with its right length.
    unsafe {
        let fd = libc::signalfd(-1, mask.as_ref(), 0);
        ready();
        let mut info: libc::signalfd_siginfo = std::mem::zeroed();
        let length = size_of_val(&info);
        check!(
            libc::read(fd, (&raw mut info).cast(), length),
            length as isize,
            "read of a signalfd"
        );
        [
            info.ssi_signo as i32,
            info.ssi_code,
            info.ssi_pid as i32,
            info.ssi_uid as i32,
        ]
    }
}

fn a_signalfd_from_inside() {
    let init = new_ns(|channel| {
        let seen = read_signalfd(Signal::SIGTERM, || {
            let sender = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
            check!(sender.wait(), End::Exit(0));
        });
        channel.send_all(&seen);
    });
    check!(init.receive_all(), [libc::SIGTERM, libc::SI_USER, 2, 0]);
}

fn a_signalfd_from_outside() {
    let init =
        new_ns(|channel| channel.send_all(&read_signalfd(Signal::SIGTERM, || channel.send(0))));
    init.receive();
    init.kill(libc::SIGTERM);
    check!(init.receive_all(), [libc::SIGTERM, libc::SI_USER, 0, 0]);
}

fn sigwaitinfo_from_outside() {
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        channel.send(0);
        // SAFETY: set and siginfo are live.
        let seen = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::sigwaitinfo(
                nix::sys::signal::SigSet::from(Signal::SIGTERM).as_ref(),
                &mut info,
            );
            [info.si_signo, info.si_code, info.si_pid()]
        };
        channel.send_all(&seen);
    });
    init.receive();
    check!(SendCall::Sigqueue.send(init.pid, libc::SIGTERM), Ok(()));
    check!(init.receive_all(), [libc::SIGTERM, libc::SI_QUEUE, 0]);
}

fn a_member_told_by_init_and_by_the_outside() {
    unshare_pid();
    let init = fork(|channel| {
        channel.receive();
        check!(kill(2, libc::SIGUSR1), Ok(()));
        channel.receive_or_end();
    });
    let member = fork(|channel| {
        signal_capture::capture(&[libc::SIGUSR1]);
        channel.send(pid());
        for _ in 0..2 {
            channel.send(signal_capture::next().pid);
        }
    });
    check!(member.receive(), 2);
    init.send(0);
    check!(member.receive(), 1, "si_pid of a signal from init");
    member.kill(libc::SIGUSR1);
    check!(member.receive(), 0, "si_pid of a signal from outside");
}

fn the_end_of_an_inner_init() {
    let outer = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGCHLD]);
        let inner = new_ns(|_| quit(0));
        let caught = signal_capture::next();
        channel.send_all(&[caught.signal, caught.code, caught.pid, inner.pid]);
    });
    check!(
        outer.receive_all(),
        [libc::SIGCHLD, libc::CLD_EXITED, 2, 2],
        "SIGCHLD of an inner init"
    );
}

fn a_stop_of_init_told_to_the_outside() {
    signal_capture::capture(&[libc::SIGCHLD]);
    let init = new_ns(crate::process::echo);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    let caught = signal_capture::next();
    check!(
        (caught.code, caught.pid),
        (libc::CLD_STOPPED, init.pid),
        "SIGCHLD of a stop"
    );
    init.kill(libc::SIGCONT);
    let caught = signal_capture::next();
    check!(
        (caught.code, caught.pid),
        (libc::CLD_CONTINUED, init.pid),
        "SIGCHLD of a continuation"
    );
    init.check_alive();
}

fn readiness_of_a_file() {
    let (reader, writer) = std::os::unix::net::UnixStream::pair().expect("socketpair");
    let init = new_ns(|channel| {
        let fd = reader.as_raw_fd();
        // SAFETY: the calls take no pointers.
        unsafe {
            check!(libc::fcntl(fd, libc::F_SETOWN, 1), 0);
            check!(libc::fcntl(fd, libc::F_SETFL, libc::O_ASYNC), 0);
        }
        // The default action would end an ordinary process.
        channel.send(0);
        channel.receive();
        signal_capture::capture(&[libc::SIGIO]);
        channel.send(0);
        channel.send(signal_capture::next().signal);
    });
    init.receive();
    std::io::Write::write_all(&mut &writer, b"x").expect("write");
    init.send(0);
    init.receive();
    std::io::Write::write_all(&mut &writer, b"x").expect("write");
    check!(init.receive(), libc::SIGIO);
}
