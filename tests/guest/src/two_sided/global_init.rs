//! The machine's own init is nobody's namespace's init: nothing about it changes.

use super::subject::Subject;
use crate::harness::Test;
use crate::mode;
use crate::process::{fork, new_ns, End};
use crate::send_signal::{sigqueue, SEND_CALLS};

pub const TESTS: &[Test] = tests![
    nothing_ends_or_stops_it,
    nothing_stays_pending,
    from_those_who_cannot_see_it,
];

fn status(field: &str) -> String {
    crate::proc_fs::Proc::at("/proc").status("1", field)
}

/// What the machine's init has no handler for, and what it has: SIGKILL and SIGSTOP among them.
fn unwanted() -> Vec<i32> {
    let caught = u64::from_str_radix(&status("SigCgt"), 16).expect("a number");
    (1..=64).filter(|s| caught & (1 << (s - 1)) == 0).collect()
}

#[track_caller]
fn check_untouched() {
    let state = status("State");
    check!(
        state.starts_with(['S', 'R', 'D']),
        true,
        "the state of process 1: {state}"
    );
}

fn nothing_ends_or_stops_it() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in unwanted() {
            check!(
                call.send(1, signal),
                Ok(()),
                "{signal} to process 1 by {call:?}"
            );
        }
        check_untouched();
    }
    for code in [libc::SI_QUEUE, -60] {
        for signal in unwanted() {
            check!(sigqueue(1, signal, code), Ok(()));
        }
    }
    let attackers: Vec<_> = (0..3)
        .map(|_| {
            fork(|_| {
                for signal in unwanted() {
                    check!(SEND_CALLS[0].send(1, signal), Ok(()));
                }
            })
        })
        .collect();
    for attacker in attackers {
        check!(attacker.wait(), End::Exit(0));
    }
    check_untouched();
}

fn nothing_stays_pending() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in unwanted() {
            check!(call.send(1, signal), Ok(()));
        }
    }
    crate::process::eventually("nothing is pending for process 1", || {
        let blocked = u64::from_str_radix(&status("SigBlk"), 16).expect("a number");
        let pending = ["SigPnd", "ShdPnd"].map(|f| u64::from_str_radix(&status(f), 16));
        let pending = pending
            .map(|p| p.expect("a number"))
            .into_iter()
            .sum::<u64>();
        (pending & !blocked == 0).then_some(())
    });
}

/// In a namespace process 1 is another.
fn from_those_who_cannot_see_it() {
    mode::two_sided();
    let subject = Subject::new();
    for call in SEND_CALLS {
        for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSTOP] {
            subject.inside_by(call, signal);
        }
    }
    subject.check_alive("process 1 of its namespace");
    let init = new_ns(|_| {
        // Through a file of the initial namespace's procfs.
        use std::os::fd::AsRawFd;
        let outer = std::fs::File::open("/proc/1").expect("/proc/1");
        // SAFETY: the null siginfo is allowed.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                outer.as_raw_fd(),
                libc::SIGTERM,
                0usize,
                0,
            )
        };
        check!(
            (sent, nix::errno::Errno::last()),
            (-1, nix::errno::Errno::EINVAL)
        );
    });
    check!(init.wait(), End::Exit(0));
    check_untouched();
}
