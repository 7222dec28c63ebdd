//! How often the protection of an init dropped a signal, and how often one from outside acted.

use nix::sys::signal::Signal;

use super::{list, start};
use crate::channel::Channel;
use crate::harness::{scale, Test};
use crate::mode;
use crate::ns_file::inode_of;
use crate::process::{
    echo, eventually, fork, kill, new_ns, sleep_for_ever, wait_event, wait_for_zombie, Child, End,
};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    dropped_from_inside,
    what_is_asked_for_or_does_nothing_is_not_counted,
    dropped_when_taken,
    dropped_by_mainlines_verdict,
    what_two_sides_would_do,
    stopped_from_outside,
    ended_from_outside,
    ended_by_itself,
    ended_by_a_blocked_signal,
    ended_for_another_thread,
    a_core_from_outside,
    the_kernel_is_not_counted,
    counted_on_every_processor,
];

/// An init whose body begins with `before`, and its namespace.
fn init(before: impl FnOnce(&Channel)) -> (Child, u64) {
    let init = new_ns(|channel| {
        before(channel);
        channel.send(0);
        echo(channel);
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    (init, inode)
}

/// Dropped and acted.
#[track_caller]
fn counts(inode: u64) -> (u32, u32) {
    let line = list::of(inode);
    (line.dropped, line.acted)
}

fn dropped_from_inside() {
    start();
    for mode in [0, 1] {
        mode::set(mode);
        let (init, inode) = init(|_| {
            let member = fork(|_| {
                for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGTSTP, libc::SIGKILL] {
                    check!(kill(1, signal), Ok(()));
                }
            });
            check!(member.wait(), End::Exit(0));
            check!(kill(1, libc::SIGSTOP), Ok(()), "a signal of its own");
        });
        check!(counts(inode), (5, 0), "mode {mode}");
        init.end();
    }
}

fn what_is_asked_for_or_does_nothing_is_not_counted() {
    start();
    let (init, inode) = init(|_| {
        signal_state::ignore(libc::SIGUSR1);
        signal_capture::capture(&[libc::SIGUSR2]);
    });
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGCHLD, libc::SIGCONT] {
        init.kill(signal);
    }
    init.check_alive();
    check!(counts(inode), (0, 0));
    init.end();
}

fn dropped_when_taken() {
    start();
    let (init, inode) = init(|_| {
        signal_state::block(libc::SIGTERM);
        let member = fork(|_| {
            for _ in 0..3 {
                check!(kill(1, libc::SIGTERM), Ok(()));
            }
        });
        check!(member.wait(), End::Exit(0));
        signal_state::unblock(libc::SIGTERM);
    });
    check!(counts(inode), (1, 0), "three that became one");
    init.end();
}

fn dropped_by_mainlines_verdict() {
    start();
    mode::set(mode::MAINLINE);
    let (init, inode) = init(|_| ());
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGHUP);
    init.check_alive();
    check!(counts(inode), (2, 0));
    init.kill(libc::SIGSTOP);
    check!(
        counts(inode),
        (2, 1),
        "SIGSTOP acts by mainline's verdict too"
    );
    init.kill(libc::SIGCONT);
    init.check_alive();
    init.end();
}

/// By the rule that only tells.
fn what_two_sides_would_do() {
    start();
    mode::set(mode::TELL);
    let (init, inode) = init(|_| {
        let member = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(member.wait(), End::Exit(0));
    });
    for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGTSTP] {
        init.kill(signal);
    }
    init.check_alive();
    check!(counts(inode), (1, 3));
    init.kill(libc::SIGKILL);
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn stopped_from_outside() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus};
    start();
    mode::two_sided();
    let (init, inode) = init(|_| ());
    let number = nix::unistd::Pid::from_raw(init.pid);
    // Its process group is orphaned: these do nothing.
    init.kill(libc::SIGTSTP);
    init.kill(libc::SIGTTIN);
    init.check_alive();
    check!(counts(inode), (0, 0), "stops of an orphaned process group");
    nix::unistd::setpgid(number, number).expect("setpgid");
    for (times, signal) in [Signal::SIGTSTP, Signal::SIGTTOU, Signal::SIGSTOP]
        .into_iter()
        .enumerate()
    {
        init.kill(signal as i32);
        let stopped = wait_event(init.pid, WaitPidFlag::WUNTRACED);
        check!(stopped, WaitStatus::Stopped(number, signal));
        check!(counts(inode), (0, times as u32 + 1), "{signal}");
        init.kill(libc::SIGCONT);
        init.check_alive();
    }
    check!(counts(inode), (0, 3));
    init.end();
}

/// Waits until an init is dead, and looks at the counts while it is a zombie.
#[track_caller]
fn counts_of_the_dead(init: &Child, inode: u64, signal: i32) -> (u32, u32) {
    wait_for_zombie(init.pid);
    // Another thread's number goes last, when the first one is a zombie already.
    let line = eventually("its number is the last one", || {
        Some(list::of(inode)).filter(|line| line.numbers == 1)
    });
    check!(
        (line.init, line.tasks),
        (Some(init.pid), 0),
        "a zombie: {line:?}"
    );
    check!(init.wait(), End::Killed(signal));
    (line.dropped, line.acted)
}

fn ended_from_outside() {
    start();
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let (init, inode) = init(|_| ());
        init.kill(signal);
        check!(
            counts_of_the_dead(&init, inode, signal),
            (0, 1),
            "signal {signal}"
        );
    }
}

fn ended_by_itself() {
    start();
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        channel.send(0);
        channel.receive();
        check!(kill(1, libc::SIGTERM), Ok(()));
        sleep_for_ever();
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.send(0);
    check!(counts_of_the_dead(&init, inode, libc::SIGTERM), (0, 1));
}

fn ended_by_a_blocked_signal() {
    start();
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        channel.send(0);
        channel.receive();
        signal_state::unblock(libc::SIGTERM);
        sleep_for_ever();
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGTERM);
    check!(counts(inode), (0, 0), "while it is pending");
    init.send(0);
    check!(counts_of_the_dead(&init, inode, libc::SIGTERM), (0, 1));
}

fn ended_for_another_thread() {
    start();
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::block(libc::SIGTERM);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                signal_state::unblock(libc::SIGTERM);
                channel.send(0);
                sleep_for_ever();
            });
        });
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    check!(counts_of_the_dead(&init, inode, libc::SIGTERM), (0, 1));
}

fn a_core_from_outside() {
    start();
    mode::two_sided();
    let (init, inode) = init(|_| ());
    init.kill(libc::SIGQUIT);
    check!(counts_of_the_dead(&init, inode, libc::SIGQUIT), (0, 1));
}

fn the_kernel_is_not_counted() {
    start();
    let outer = new_ns(|channel| {
        let inner = new_ns(|_| sleep_for_ever());
        channel.send(inner.pid);
        channel.receive();
    });
    outer.receive();
    let path = format!("/proc/{0}/task/{0}/children", outer.pid);
    let inner = std::fs::read_to_string(path).expect("the children of a process");
    let file = crate::ns_file::NsFile::of(inner.trim());
    let inode = file.inode();
    outer.send(0);
    check!(outer.wait(), End::Exit(0));
    check!(
        counts(inode),
        (0, 0),
        "a namespace that fell with its parent"
    );
}

fn counted_on_every_processor() {
    start();
    const WORKERS: u32 = 4;
    let each = scale(2000, 300);
    let (init, inode) = init(|_| {
        let workers: Vec<Child> = (0..WORKERS)
            .map(|_| fork(|_| (0..each).for_each(|_| check!(kill(1, libc::SIGTERM), Ok(())))))
            .collect();
        workers.iter().for_each(|w| check!(w.wait(), End::Exit(0)));
    });
    check!(counts(inode), (WORKERS * each, 0));
    init.end();
}
