//! `execve` keeps the number of a process, whichever of its threads calls it.

use std::os::fd::AsRawFd;

use crate::agent::{self, ask, message, Command, QUIT_STATUS};
use crate::channel::Channel;
use crate::harness::{scale, this_program, Test};
use crate::mode;
use crate::process::{fork, kill, new_ns, quit_thread, sleep_for_ever, unshare_pid, Child, End};
use crate::scm_credentials::CredentialsSocket;
use crate::signal_capture;

pub const TESTS: &[Test] = tests![
    init_calls_execve,
    a_thread_of_init_calls_execve,
    a_thread_of_init_calls_execve_when_the_leader_has_left,
    one_of_many_threads_of_init_calls_execve,
    threads_of_init_race_to_execve,
    a_thread_of_a_member_calls_execve,
    init_after_execve_adopts_orphans,
    init_after_execve_is_still_protected,
    init_after_execve_ends_with_its_namespace,
    a_pidfd_follows_a_thread_that_calls_execve,
    execve_keeps_the_namespace_for_children,
    a_spawned_program,
    killed_while_it_calls_execve,
];

/// An init of which a thread, not the leader, calls execve.
#[track_caller]
fn init_with_an_execing_thread() -> Child {
    let program = this_program();
    let init = new_ns(|channel| {
        std::thread::scope(|scope| {
            scope.spawn(|| agent::execute(program.as_raw_fd(), channel));
        });
    });
    check!(
        init.receive_all(),
        [1, 1, 0],
        "getpid, gettid and getppid of init after execve by a thread"
    );
    init
}

fn init_calls_execve() {
    let program = this_program();
    let init = new_ns(|channel| agent::execute(program.as_raw_fd(), channel));
    check!(init.receive_all(), [1, 1, 0], "getpid, gettid and getppid");
    check!(ask(&init, Command::Fork()), [2]);
    init.channel.send_all(&message(&[Command::Quit()]));
    check!(init.wait(), End::Exit(QUIT_STATUS));
}

fn a_thread_of_init_calls_execve() {
    let init = init_with_an_execing_thread();
    // The thread was number 2, which is free again and not used at once.
    check!(ask(&init, Command::Fork()), [3], "the first child's number");
    check!(kill(init.pid, 0), Ok(()), "kill of init by its number here");
    init.channel.send_all(&message(&[Command::Quit()]));
    check!(init.wait(), End::Exit(QUIT_STATUS));
}

fn a_thread_of_init_calls_execve_when_the_leader_has_left() {
    let program = this_program();
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        fork(|_| {
            theirs.receive_or_end();
        });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                channel.receive();
                agent::execute(program.as_raw_fd(), channel)
            });
            quit_thread(0);
        });
    });
    drop(theirs);
    init.send(0);
    check!(init.receive_all(), [1, 1, 0], "getpid, gettid and getppid");
    check!(
        ask(&init, Command::Fork()),
        [4],
        "the first child's number after a member's and a thread's"
    );
    init.channel.send_all(&message(&[Command::Quit()]));
    check!(init.wait(), End::Exit(QUIT_STATUS));
    mine.receive_end();
}

fn one_of_many_threads_of_init_calls_execve() {
    let program = this_program();
    for _ in 0..scale(10, 4) {
        let init = new_ns(|channel| {
            for _ in 0..8 {
                std::thread::spawn(|| sleep_for_ever());
            }
            std::thread::scope(|scope| {
                scope.spawn(|| agent::execute(program.as_raw_fd(), channel));
            });
        });
        check!(init.receive_all(), [1, 1, 0], "getpid, gettid and getppid");
        check!(
            ask(&init, Command::Fork()),
            [11],
            "the first child's number after nine threads"
        );
        init.end();
    }
}

fn threads_of_init_race_to_execve() {
    let program = this_program();
    for _ in 0..scale(10, 4) {
        let init = new_ns(|channel| {
            let start = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        agent::execute(program.as_raw_fd(), channel)
                    });
                }
            });
        });
        check!(init.receive_all(), [1, 1, 0], "getpid, gettid and getppid");
        check!(ask(&init, Command::Numbers()), [1, 1, 0], "the same again");
        init.end();
    }
}

fn a_thread_of_a_member_calls_execve() {
    let program = this_program();
    let socket = CredentialsSocket::new();
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            socket.send();
            std::thread::scope(|scope| {
                scope.spawn(|| agent::execute(program.as_raw_fd(), channel));
            });
        });
        check!(
            member.receive_all(),
            [2, 2, 1],
            "getpid, gettid and getppid of the member"
        );
        check!(
            ask(&member, Command::Fork()),
            [4],
            "its first child's number"
        );
        check!(
            ask(&member, Command::Orphan()),
            [1],
            "the parent of an orphan of the member"
        );
        channel.send(0);
        channel.receive();
        check!(
            member.wait(),
            End::Killed(libc::SIGTERM),
            "the end of the member"
        );
        channel.send(0);
    });
    let member = socket.receive();
    init.receive();
    check!(
        kill(member, libc::SIGTERM),
        Ok(()),
        "SIGTERM to the member by its number here"
    );
    init.send(0);
    init.receive();
}

fn init_after_execve_adopts_orphans() {
    let init = init_with_an_execing_thread();
    check!(ask(&init, Command::Orphan()), [1], "an orphan's parent");
    check!(
        ask(&init, Command::Orphan()),
        [1],
        "another orphan's parent"
    );
    init.end();
}

fn init_after_execve_is_still_protected() {
    mode::as_mainline();
    let program = this_program();
    let caught_before = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGTERM, libc::SIGUSR1]);
        agent::execute(program.as_raw_fd(), channel)
    });
    caught_before.receive_all();
    for init in [caught_before, init_with_an_execing_thread()] {
        check!(
            ask(&init, Command::AttackInit()),
            [0],
            "init after an attack from inside"
        );
        init.kill(libc::SIGTERM);
        check!(
            ask(&init, Command::Numbers()),
            [1, 1, 0],
            "init after SIGTERM from outside"
        );
        init.end();
    }
}

fn init_after_execve_ends_with_its_namespace() {
    let program = this_program();
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        fork(|_| {
            theirs.receive_or_end();
        });
        let inner = new_ns(|channel| {
            channel.send(0);
            sleep_for_ever();
        });
        inner.receive();
        std::thread::scope(|scope| {
            scope.spawn(|| agent::execute(program.as_raw_fd(), channel));
        });
    });
    drop(theirs);
    init.receive_all();
    init.channel.send_all(&message(&[Command::Quit()]));
    check!(init.wait(), End::Exit(QUIT_STATUS));
    mine.receive_end();
}

fn a_pidfd_follows_a_thread_that_calls_execve() {
    let init = init_with_an_execing_thread();
    let pidfd = init.pidfd();
    let mut poll = libc::pollfd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the pointer is to one live pollfd.
    let ready = unsafe { libc::poll(&mut poll, 1, 0) };
    check!(ready, 0, "an end before the end");
    init.kill(libc::SIGKILL);
    crate::process::wait_pidfd(&pidfd);
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn execve_keeps_the_namespace_for_children() {
    let program = this_program();
    let maker = fork(|channel| {
        unshare_pid();
        agent::execute(program.as_raw_fd(), channel)
    });
    check!(maker.receive_all()[0], maker.pid, "the maker's own number");
    check!(
        ask(&maker, Command::ForkInside()),
        [1],
        "its first child's number for itself"
    );
}

fn a_spawned_program() {
    let init = new_ns(|channel| {
        let (mine, theirs) = Channel::pair();
        let fd = theirs.fd().to_string();
        let mut program = std::process::Command::new("/proc/self/exe");
        let mut child = program.arg(agent::ARGUMENT).arg(fd).spawn().expect("spawn");
        check!(child.id(), 2, "the child's number");
        check!(mine.receive_all(), [2, 2, 1], "its own numbers");
        mine.send_all(&message(&[Command::Quit()]));
        check!(
            child.wait().expect("wait").code(),
            Some(QUIT_STATUS),
            "its status"
        );
        channel.send(0);
    });
    init.receive();
}

fn killed_while_it_calls_execve() {
    let program = this_program();
    for round in 0..scale(30, 10) {
        let (mine, theirs) = Channel::pair();
        let init = new_ns(|channel| {
            fork(|_| {
                theirs.receive_or_end();
            });
            channel.send(0);
            std::thread::scope(|scope| {
                scope.spawn(|| agent::execute(program.as_raw_fd(), channel));
            });
        });
        drop(theirs);
        init.receive();
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        init.end();
        mine.receive_end();
    }
}
