//! `pidns:signal_verdict`: who sent it to whom.

use super::signal_verdict::{numbers, waiting, words};
use super::start;
use super::tracefs::Trace;
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::ns_file::inode_of;
use crate::process::{
    echo, fork, kill, new_ns, quit, sleep_for_ever, wait_for_message, Child, End,
};
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    numbers_of_levels,
    a_sender_below,
    a_signal_to_a_thread,
    the_kernel_kills,
    a_timer_is_nobody,
];

/// A namespace in a namespace: its outer init's body ends with `outer`, which gets the inner init.
fn nested(inner: impl Fn(&Channel), outer: impl Fn(&Child)) -> Child {
    new_ns(|channel| {
        let child = new_ns(|channel| {
            channel.send(0);
            inner(channel);
        });
        child.receive();
        channel.send(child.pid);
        channel.receive();
        outer(&child);
        channel.send(0);
        wait_for_message(channel);
    })
}

/// The global number of the only child of a process.
#[track_caller]
pub fn only_child(process: i32) -> i32 {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = std::fs::read_to_string(path).expect("the children of a process");
    children.trim().parse().expect("one child")
}

fn numbers_of_levels() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let outer = nested(
        |_| sleep_for_ever(),
        |inner| {
            let member = fork(|_| check!(kill(inner.pid, libc::SIGTERM), Ok(())));
            check!(member.wait(), End::Exit(0));
            check!(inner.wait(), End::Killed(libc::SIGTERM));
        },
    );
    check!(
        outer.receive(),
        2,
        "the inner init's number in the outer namespace"
    );
    let inner = only_child(outer.pid);
    let (ns, inner_ns) = (inode_of(outer.pid, "pid"), inode_of(inner, "pid"));
    outer.send(0);
    outer.receive();
    let events = trace.verdicts(inner_ns, libc::SIGTERM);
    check!(words(&events[..1]), ["send ancestor default act"]);
    let [sender, sender_global, rest @ ..] = numbers(&events[0]);
    check!(
        sender,
        3,
        "the number of the outer namespace's third process"
    );
    check!(sender_global > inner as u64, true);
    check!(rest, [ns, 1, inner as u64, inner_ns]);
}

fn a_sender_below() {
    start();
    let trace = Trace::start();
    let outer = new_ns(|channel| {
        // There is no number for it below, but there is its process group.
        nix::unistd::setpgid(nix::unistd::Pid::this(), nix::unistd::Pid::this()).expect("setpgid");
        signal_state::block(libc::SIGTERM);
        let inner = new_ns(|channel| {
            channel.send(crate::process::errno_of(kill(0, libc::SIGTERM)));
            wait_for_message(channel);
        });
        channel.send(inner.receive());
        wait_for_message(channel);
    });
    check!(outer.receive(), 0, "kill of the own process group");
    let inner = only_child(outer.pid);
    let (ns, inner_ns) = (inode_of(outer.pid, "pid"), inode_of(inner, "pid"));
    let events = trace.verdicts(ns, libc::SIGTERM);
    check!(words(&events), ["send inside default keep"]);
    check!(
        numbers(&events[0]),
        [1, inner as u64, inner_ns, 1, outer.pid as u64, ns]
    );
}

fn a_signal_to_a_thread() {
    start();
    // With two sides the thread would have asked for it.
    mode::set(mode::MAINLINE);
    let trace = Trace::start();
    let init = new_ns(|channel| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let tid = crate::process::tid();
                // SAFETY: the call takes no pointers.
                unsafe { libc::syscall(libc::SYS_tgkill, 1, tid, libc::SIGTERM) };
                channel.send(tid);
                echo(channel);
            });
        });
    });
    check!(init.receive(), 2, "the thread's number");
    let inode = inode_of(init.pid, "pid");
    let events = trace.verdicts(inode, libc::SIGTERM);
    check!(words(&events), ["send inside default drop"]);
    let number = init.pid as u64;
    check!(
        numbers(&events[0]),
        [1, number, inode, 1, number, inode],
        "numbers are those of processes"
    );
}

fn the_kernel_kills() {
    start();
    let trace = Trace::start();
    let outer = nested(|_| sleep_for_ever(), |_| quit(0));
    outer.receive();
    let inner = only_child(outer.pid);
    let (ns, inner_ns) = (inode_of(outer.pid, "pid"), inode_of(inner, "pid"));
    outer.send(0);
    check!(outer.wait(), End::Exit(0));
    let events = trace.verdicts(inner_ns, libc::SIGKILL);
    check!(words(&events), ["send kernel default act"]);
    check!(
        numbers(&events[0]),
        [1, outer.pid as u64, ns, 1, inner as u64, inner_ns],
        "it is sent by the dying init"
    );
}

fn a_timer_is_nobody() {
    start();
    let trace = Trace::start();
    let (init, inode) = waiting(|| {
        let soon = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: 0,
                tv_usec: 10_000,
            },
        };
        // SAFETY: the pointer is to a live value; the old one is not asked for.
        let set = unsafe {
            libc::syscall(
                libc::SYS_setitimer,
                libc::ITIMER_REAL,
                &soon,
                std::ptr::null_mut::<u8>(),
            )
        };
        check!(set, 0, "setitimer");
    });
    let events = crate::process::eventually("a verdict", || {
        let events = trace.verdicts(inode, libc::SIGALRM);
        (!events.is_empty()).then_some(events)
    });
    check!(words(&events), ["send kernel default drop"]);
    check!(numbers(&events[0]), [0, 0, 0, 1, init.pid as u64, inode]);
    init.check_alive();
}
