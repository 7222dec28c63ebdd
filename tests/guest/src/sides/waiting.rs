//! An init that waits for a signal takes it as any process does, wherever it comes from, and nothing
//! of that is left for the next one.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::puppet::{change_mask, set_of};
use super::{attack, own_group, reset, threads};
use crate::catch;
use crate::harness::Test;
use crate::mode;
use crate::process::{echo, errno_of, fork, kill, new_ns, sleep_for_ever, Child, End};
use crate::talk::Talk;
use crate::way::{Way, WAYS};

pub const TESTS: &[Test] = tests![300;
    by_sigwait,
    by_sigtimedwait,
    by_a_signalfd,
    by_a_thread_of_its_own,
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
            let way = WAYS[(2 * index + usize::from(sent_before)) % WAYS.len()];
            let init = new_ns(|talk| {
                own_group();
                reset();
                change_mask(libc::SIG_BLOCK, signal);
                talk.say(0);
                if sent_before {
                    talk.hear();
                }
                talk.say_all(&wait(signal));
                change_mask(libc::SIG_UNBLOCK, signal);
                attack(&[signal]);
                echo(talk);
            });
            init.hear();
            check!(way.send(init.pid, signal), Ok(()));
            if sent_before {
                init.say(0);
            }
            let taken = init.hear_all();
            check!(taken, [signal, way.code(), 0][..taken.len()], "by {way:?}");
            init.check_alive();
            check!(way.send(init.pid, libc::SIGTERM), Ok(()));
            check!(init.wait(), End::Killed(libc::SIGTERM), "by {way:?}");
        }
    }
}

fn sigwait(signal: i32) -> Vec<i32> {
    let mut taken = 0;
    // SAFETY: the pointers are to a live set and number.
    let failed = unsafe { libc::sigwait(&set_of(signal), &mut taken) };
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
            let (set, call) = (set_of(signal), libc::SYS_rt_sigtimedwait);
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
            let fd = OwnedFd::from_raw_fd(libc::signalfd(-1, &set_of(signal), 0));
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
        let init = new_ns(|talk| {
            own_group();
            reset();
            change_mask(libc::SIG_BLOCK, signal);
            let (tell, told) = std::sync::mpsc::channel();
            threads(2, |_| sleep_for_ever());
            threads(1, move |_| tell.send(sigwait(signal)).expect("a word"));
            talk.say(0);
            talk.say_all(&told.recv().expect("a signal"));
            attack(&[signal]);
            change_mask(libc::SIG_UNBLOCK, signal);
            echo(talk);
        });
        init.hear();
        init.kill(signal);
        check!(init.hear(), signal);
        init.check_alive();
        init.kill(libc::SIGTERM);
        check!(init.wait(), End::Killed(libc::SIGTERM));
    }
}

/// A call that waits with every signal unblocked, and returns when a handler has run.
type Wait = fn() -> Errno;

const WAITS: [(&str, Wait); 4] = [
    ("pause", || {
        change_mask(libc::SIG_UNBLOCK, libc::SIGTERM);
        change_mask(libc::SIG_UNBLOCK, libc::SIGUSR1);
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
    new_ns(|talk: &Talk| {
        own_group();
        reset();
        catch::catch(&[libc::SIGUSR1]);
        change_mask(libc::SIG_BLOCK, libc::SIGTERM);
        change_mask(libc::SIG_BLOCK, libc::SIGUSR1);
        before();
        talk.say(0);
        talk.say(wait() as i32);
        change_mask(libc::SIG_UNBLOCK, libc::SIGTERM);
        attack(&[libc::SIGTERM, libc::SIGQUIT]);
        echo(talk);
    })
}

fn until_a_handler_has_run() {
    mode::two_sided();
    for (name, wait) in WAITS {
        for way in [Way::Kill, Way::Tgkill, Way::Sigqueue] {
            let init = waiter(wait, || ());
            init.hear();
            if name == "pause" {
                let path = init.pid.to_string();
                let sleeps = || (super::state(&path) == 'S').then_some(());
                crate::process::eventually("a pause", sleeps);
            }
            check!(way.send(init.pid, libc::SIGUSR1), Ok(()));
            check!(init.hear(), libc::EINTR, "{name}, by {way:?}");
            init.check_alive();
        }
    }
}

fn until_it_ends() {
    mode::two_sided();
    for (name, wait) in WAITS {
        for way in [Way::Kill, Way::Tgkill, Way::Sigqueue] {
            let init = waiter(wait, || ());
            init.hear();
            check!(way.send(init.pid, libc::SIGTERM), Ok(()));
            let end = init.wait();
            check!(end, End::Killed(libc::SIGTERM), "{name}, by {way:?}");
        }
    }
}

fn until_it_stops_and_goes_on() {
    mode::two_sided();
    for (name, wait) in WAITS {
        let init = waiter(wait, || ());
        init.hear();
        init.kill(libc::SIGTSTP);
        super::check_stops(&init, libc::SIGTSTP, name);
        init.kill(libc::SIGCONT);
        super::check_continues(&init, name);
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
        let (order, ordered) = Talk::pair();
        let init = waiter(wait, || {
            fork(|_| {
                for _ in 0..2 {
                    let signal = ordered.hear();
                    check!(kill(1, signal), Ok(()));
                    ordered.say(errno_of(kill(1, 0)));
                }
            });
        });
        init.hear();
        order.say(libc::SIGTERM);
        check!(order.hear(), 0);
        order.say(libc::SIGUSR1);
        check!(order.hear(), 0);
        check!(init.hear(), libc::EINTR, "{name}");
        init.check_alive();
    }
}
