//! When init ends, everything inside is killed and reaped before init's own end is seen.

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::family;
use crate::channel::Channel;
use crate::harness::{scale, Test};
use crate::process::{
    attempt_fork, echo, eventually, fork, kill, new_ns, quit, quit_thread, sleep_for_ever,
    wait_for_zombie, Child, End,
};
use crate::scm_credentials::CredentialsSocket;
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    members_die_when_init_exits,
    members_die_when_init_is_killed,
    init_may_choose_its_end_in_a_handler,
    a_stopped_init_can_be_killed,
    nothing_is_left_when_init_is_reaped,
    children_that_init_never_reaped,
    members_in_every_state_of_sleep,
    a_frozen_member,
    init_killed_while_it_forks,
    members_killed_while_they_fork,
];

fn members_die_when_init_exits() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|_| {
        family();
        quit(7);
    });
    drop(theirs);
    check!(init.wait(), End::Exit(7));
    mine.receive_end();
}

fn members_die_when_init_is_killed() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        family();
        channel.send(0);
        sleep_for_ever();
    });
    drop(theirs);
    init.receive();
    init.kill(libc::SIGKILL);
    check!(init.wait(), End::Killed(libc::SIGKILL));
    mine.receive_end();
}

fn init_may_choose_its_end_in_a_handler() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        family();
        signal_capture::capture(&[libc::SIGTERM]);
        channel.send(0);
        quit(100 + signal_capture::next().signal);
    });
    drop(theirs);
    init.receive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Exit(100 + libc::SIGTERM));
    mine.receive_end();
}

fn a_stopped_init_can_be_killed() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        family();
        echo(channel);
    });
    drop(theirs);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    let stopped = crate::process::wait_event(init.pid, WaitPidFlag::WUNTRACED);
    check!(
        stopped,
        WaitStatus::Stopped(Pid::from_raw(init.pid), Signal::SIGSTOP)
    );
    init.end();
    mine.receive_end();
}

fn nothing_is_left_when_init_is_reaped() {
    let socket = CredentialsSocket::new();
    for _ in 0..10 {
        let init = new_ns(|channel| {
            for _ in 0..4 {
                fork(|_| {
                    socket.send();
                    sleep_for_ever();
                });
            }
            echo(channel);
        });
        let members: Vec<i32> = (0..4).map(|_| socket.receive()).collect();
        init.end();
        for member in members {
            check!(
                kill(member, 0),
                Err(Errno::ESRCH),
                "kill of member {member} when init is reaped"
            );
        }
    }
}

fn children_that_init_never_reaped() {
    let init = new_ns(|channel| {
        let zombies: Vec<Child> = (0..20).map(|code| fork(|_| quit(code))).collect();
        zombies.iter().for_each(|z| wait_for_zombie(z.pid));
        channel.send(0);
        quit(9);
    });
    init.receive();
    check!(init.wait(), End::Exit(9));
}

fn members_in_every_state_of_sleep() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        let stopped = fork(|_| sleep_for_ever());
        stopped.kill(libc::SIGSTOP);
        crate::process::wait_event(stopped.pid, WaitPidFlag::WUNTRACED);
        let traced = fork(|_| {
            nix::sys::ptrace::traceme().expect("PTRACE_TRACEME");
            nix::sys::signal::raise(Signal::SIGSTOP).expect("raise");
        });
        crate::process::wait_event(traced.pid, WaitPidFlag::WUNTRACED);
        let deaf = fork(|channel| {
            for signal in
                Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP))
            {
                signal_state::block(signal as i32);
            }
            channel.send(0);
            sleep_for_ever();
        });
        deaf.receive();
        let in_vfork = fork(|channel| {
            // The parent of a vforked child waits where only a fatal signal reaches it.
            extern "C" fn wait_below(_: *mut libc::c_void) -> i32 {
                sleep_for_ever()
            }
            let mut stack = vec![0u8; 64 << 10];
            channel.send(0);
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            // SAFETY: the stack is the child's alone for as long as it lives.
            unsafe {
                libc::clone(
                    wait_below,
                    stack.as_mut_ptr().add(64 << 10).cast(),
                    flags,
                    std::ptr::null_mut(),
                )
            };
        });
        in_vfork.receive();
        let threads = fork(|channel| {
            for _ in 0..3 {
                std::thread::spawn(|| sleep_for_ever());
            }
            channel.send(0);
            std::thread::park();
        });
        threads.receive();
        let half_dead = fork(|channel| {
            std::thread::spawn(|| sleep_for_ever());
            channel.send(0);
            quit_thread(0);
        });
        half_dead.receive();
        fork(|channel| {
            channel.receive_or_end();
        });
        std::mem::forget(channel.receive_or_end());
        sleep_for_ever();
    });
    drop(theirs);
    init.send(0);
    init.end();
    mine.receive_end();
}

fn a_frozen_member() {
    let group = std::path::Path::new("/sys/fs/cgroup/pidns-frozen");
    if std::fs::create_dir(group).is_err() {
        crate::report::skip("no writable cgroup v2 on /sys/fs/cgroup");
    }
    let init = new_ns(|channel| {
        let member = fork(|_| sleep_for_ever());
        std::fs::write(group.join("cgroup.procs"), member.pid.to_string()).expect("cgroup.procs");
        std::fs::write(group.join("cgroup.freeze"), "1").expect("cgroup.freeze");
        eventually("the member is frozen", || {
            let events =
                std::fs::read_to_string(group.join("cgroup.events")).expect("cgroup.events");
            events.contains("frozen 1").then_some(())
        });
        channel.send(0);
        sleep_for_ever();
    });
    init.receive();
    init.end();
    eventually("the cgroup is empty", || std::fs::remove_dir(group).ok());
}

fn init_killed_while_it_forks() {
    for _ in 0..scale(20, 8) {
        let (mine, theirs) = Channel::pair();
        let init = new_ns(|channel| loop {
            fork(|_| sleep_for_ever());
            channel.send(0);
        });
        drop(theirs);
        for _ in 0..5 {
            init.receive();
        }
        init.end();
        mine.receive_end();
    }
}

fn members_killed_while_they_fork() {
    for _ in 0..scale(10, 4) {
        let (mine, theirs) = Channel::pair();
        let init = new_ns(|channel| {
            for _ in 0..4 {
                fork(|_| loop {
                    let _ = attempt_fork();
                    channel.send(0);
                });
            }
            sleep_for_ever();
        });
        drop(theirs);
        for _ in 0..20 {
            init.receive();
        }
        init.end();
        mine.receive_end();
    }
}
