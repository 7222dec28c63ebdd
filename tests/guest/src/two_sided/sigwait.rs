//! An init that waits for a signal takes it as any process does, wherever it comes from, and nothing
//! of that is left for the next one.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::attack;
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    check_continues, check_stops, echo, errno_of, eventually, fork, kill, lead_group, new_ns, quit,
    quit_thread, sleep_for_ever, start_threads, Child, End,
};
use crate::send_signal::{SendCall, SEND_CALLS};
use crate::signal_capture;
use crate::signal_state::{self, sigset};

pub const TESTS: &[Test] = tests![300;
    by_sigwait,
    by_sigtimedwait,
    by_a_signalfd,
    by_a_thread_of_its_own,
    when_the_first_thread_has_gone,
    until_a_handler_has_run,
    until_it_ends,
    until_it_stops_and_goes_on,
    one_from_inside_ends_no_wait,
];

const SIGNALS: [i32; 4] = [libc::SIGTERM, libc::SIGQUIT, libc::SIGTSTP, 40];

/// Lets an init take signals with `wait`, which gives the signal and, if it knows them, its code and its
/// sender's number.
fn check_takes(wait: fn(i32) -> Vec<i32>) {
    mode::two_sided();
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        for sent_before in [true, false] {
            let call = SEND_CALLS[(2 * index + usize::from(sent_before)) % SEND_CALLS.len()];
            let init = new_ns(|channel| {
                lead_group();
                signal_state::reset();
                signal_state::block(signal);
                channel.send(0);
                if sent_before {
                    channel.receive();
                }
                channel.send_all(&wait(signal));
                signal_state::unblock(signal);
                attack(&[signal]);
                echo(channel);
            });
            init.receive();
            check!(call.send(init.pid, signal), Ok(()));
            if sent_before {
                init.send(0);
            }
            let taken = init.receive_all();
            check!(
                taken,
                [signal, call.code(), 0][..taken.len()],
                "by {call:?}"
            );
            init.check_alive();
            check!(call.send(init.pid, libc::SIGTERM), Ok(()));
            check!(init.wait(), End::Killed(libc::SIGTERM), "by {call:?}");
        }
    }
}

fn sigwait(signal: i32) -> Vec<i32> {
    let mut taken = 0;
    // SAFETY: the pointers are to a live set and number.
    let failed = unsafe { libc::sigwait(&sigset(signal), &mut taken) };
    check!(failed, 0, "sigwait");
    vec![taken]
}

fn by_sigwait() {
    check_takes(sigwait);
}

fn by_sigtimedwait() {
    check_takes(|signal| {
        // The C library's own shows SI_TKILL as SI_USER.
        // SAFETY: the pointers are to live structures; the kernel fills in a sender.
        unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let limit = libc::timespec {
                tv_sec: 30,
                tv_nsec: 0,
            };
            let (set, call) = (sigset(signal), libc::SYS_rt_sigtimedwait);
            let taken = libc::syscall(call, &set, &mut info, &limit, 8);
            vec![taken as i32, info.si_code, info.si_pid()]
        }
    });
}

fn by_a_signalfd() {
    check_takes(|signal| {
        // SAFETY: the set is live; the descriptor is new; all bytes zero is a valid answer, and the
        // buffer is as large as one.
        unsafe {
            let fd = OwnedFd::from_raw_fd(libc::signalfd(-1, &sigset(signal), 0));
            let mut taken: libc::signalfd_siginfo = std::mem::zeroed();
            let size = size_of_val(&taken);
            let got = libc::read(fd.as_raw_fd(), (&raw mut taken).cast(), size);
            check!(got, size as isize, "read of a signalfd");
            let numbers = [taken.ssi_signo as i32, taken.ssi_code, taken.ssi_pid as i32];
            numbers.to_vec()
        }
    });
}

/// All threads block the signal, and one of them waits for it.
fn by_a_thread_of_its_own() {
    mode::two_sided();
    for signal in SIGNALS {
        let init = new_ns(|channel| {
            lead_group();
            signal_state::reset();
            signal_state::block(signal);
            let (tell, told) = std::sync::mpsc::channel();
            start_threads(2, |_| sleep_for_ever());
            start_threads(1, move |_| tell.send(sigwait(signal)).expect("a message"));
            channel.send(0);
            channel.send_all(&told.recv().expect("a signal"));
            attack(&[signal]);
            signal_state::unblock(signal);
            echo(channel);
        });
        init.receive();
        init.kill(signal);
        check!(init.receive(), signal);
        init.check_alive();
        init.kill(libc::SIGTERM);
        check!(init.wait(), End::Killed(libc::SIGTERM));
    }
}

/// A call that waits with every signal unblocked, and returns when a handler has run.
type Wait = fn() -> Errno;

const WAITS: [(&str, Wait); 4] = [
    ("pause", || {
        signal_state::unblock(libc::SIGTERM);
        signal_state::unblock(libc::SIGUSR1);
        // SAFETY: the call takes no pointers.
        unsafe { libc::pause() };
        Errno::last()
    }),
    ("sigsuspend", || {
        // SAFETY: the set is live.
        unsafe { libc::sigsuspend(&no_signals()) };
        Errno::last()
    }),
    ("ppoll", || {
        let (none, no_limit) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: the set is live; there are no descriptors.
        unsafe { libc::ppoll(none, 0, no_limit, &no_signals()) };
        Errno::last()
    }),
    ("pselect", || {
        let (none, no_limit) = (std::ptr::null_mut(), std::ptr::null());
        // SAFETY: the set is live; there are no descriptors.
        unsafe { libc::pselect(0, none, none, none, no_limit, &no_signals()) };
        Errno::last()
    }),
];

fn no_signals() -> libc::sigset_t {
    // SAFETY: all bytes zero is a valid `sigset_t`.
    unsafe { std::mem::zeroed() }
}

/// An init that handles SIGUSR1, does something, waits and tells what the call said.
fn waiter(wait: Wait, before: impl FnOnce()) -> Child {
    new_ns(|channel: &Channel| {
        lead_group();
        signal_state::reset();
        signal_capture::capture(&[libc::SIGUSR1]);
        signal_state::block(libc::SIGTERM);
        signal_state::block(libc::SIGUSR1);
        before();
        channel.send(0);
        channel.send(wait() as i32);
        signal_state::unblock(libc::SIGTERM);
        attack(&[libc::SIGTERM, libc::SIGQUIT]);
        echo(channel);
    })
}

/// It takes nothing any more, and another one waits for the signal.
fn when_the_first_thread_has_gone() {
    mode::two_sided();
    let body = |channel: &Channel| {
        signal_state::reset();
        signal_state::block(libc::SIGTERM);
        let fd = channel.fd();
        std::thread::spawn(move || {
            Channel::from_inherited(fd).send(0);
            sigwait(libc::SIGTERM);
            quit(42)
        });
        signal_state::unblock(libc::SIGTERM);
        quit_thread(0)
    };
    for child in [fork(body), new_ns(body)] {
        child.receive();
        let waits = || {
            Proc::at("/proc")
                .read(&format!("{}/stat", child.pid))
                .ok()?
                .contains(") Z ")
                .then_some(())
        };
        eventually("the end of the first thread", waits);
        std::thread::sleep(std::time::Duration::from_millis(50));
        child.kill(libc::SIGTERM);
        check!(child.wait(), End::Exit(42));
    }
}

fn until_a_handler_has_run() {
    mode::two_sided();
    for (name, wait) in WAITS {
        for call in [SendCall::Kill, SendCall::Tgkill, SendCall::Sigqueue] {
            let init = waiter(wait, || ());
            init.receive();
            if name == "pause" {
                let path = init.pid.to_string();
                let sleeps = || (super::state(&path) == 'S').then_some(());
                crate::process::eventually("a pause", sleeps);
            }
            check!(call.send(init.pid, libc::SIGUSR1), Ok(()));
            check!(init.receive(), libc::EINTR, "{name}, by {call:?}");
            init.check_alive();
        }
    }
}

fn until_it_ends() {
    mode::two_sided();
    for (name, wait) in WAITS {
        for call in [SendCall::Kill, SendCall::Tgkill, SendCall::Sigqueue] {
            let init = waiter(wait, || ());
            init.receive();
            check!(call.send(init.pid, libc::SIGTERM), Ok(()));
            let end = init.wait();
            check!(end, End::Killed(libc::SIGTERM), "{name}, by {call:?}");
        }
    }
}

fn until_it_stops_and_goes_on() {
    mode::two_sided();
    for (name, wait) in WAITS {
        let init = waiter(wait, || ());
        init.receive();
        init.kill(libc::SIGTSTP);
        check_stops(&init, libc::SIGTSTP, name);
        init.kill(libc::SIGCONT);
        check_continues(&init, name);
        init.kill(libc::SIGTERM);
        check!(init.wait(), End::Killed(libc::SIGTERM), "{name}");
    }
}

fn one_from_inside_ends_no_wait() {
    mode::two_sided();
    for (name, wait) in WAITS {
        if name == "pause" {
            // What it takes before it sleeps is not for it.
            continue;
        }
        let (order, ordered) = Channel::pair();
        let init = waiter(wait, || {
            fork(|_| {
                for _ in 0..2 {
                    let signal = ordered.receive();
                    check!(kill(1, signal), Ok(()));
                    ordered.send(errno_of(kill(1, 0)));
                }
            });
        });
        init.receive();
        order.send(libc::SIGTERM);
        check!(order.receive(), 0);
        order.send(libc::SIGUSR1);
        check!(order.receive(), 0);
        check!(init.receive(), libc::EINTR, "{name}");
        init.check_alive();
    }
}
