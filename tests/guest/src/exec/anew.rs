//! A program that starts anew keeps its number, whichever thread starts it.

use std::os::fd::AsRawFd;

use super::program::*;
use crate::catch;
use crate::harness::{scale, this_program, Test};
use crate::mail::Mail;
use crate::mode;
use crate::process::{fork, kill, new_ns, quit_thread, sleep_for_ever, unshare_pid, Child, End};
use crate::talk::Talk;

pub const TESTS: &[Test] = tests![
    init_starts_anew,
    a_thread_of_init_starts_anew,
    a_thread_of_init_starts_anew_when_the_leader_has_left,
    one_of_many_threads_of_init_starts_anew,
    threads_of_init_race_to_start_anew,
    a_thread_of_a_member_starts_anew,
    init_started_anew_adopts_orphans,
    init_started_anew_is_still_protected,
    init_started_anew_falls_with_its_namespace,
    a_pidfd_follows_a_thread_that_starts_anew,
    starting_anew_keeps_the_namespace_for_children,
    a_spawned_program,
    killed_while_it_starts_anew,
];

/// An init of which a thread, not the leader, starts anew.
#[track_caller]
fn init_with_an_execing_thread() -> Child {
    let program = this_program();
    let init = new_ns(|talk| {
        std::thread::scope(|scope| {
            scope.spawn(|| start_anew(program.as_raw_fd(), talk));
        });
    });
    check!(
        init.hear_all(),
        [1, 1, 0],
        "getpid, gettid and getppid of init started anew by a thread"
    );
    init
}

fn init_starts_anew() {
    let program = this_program();
    let init = new_ns(|talk| start_anew(program.as_raw_fd(), talk));
    check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
    check!(ask(&init, FORK), [2]);
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
}

fn a_thread_of_init_starts_anew() {
    let init = init_with_an_execing_thread();
    // The thread was number 2, which is free again and not used at once.
    check!(ask(&init, FORK), [3], "the first child's number");
    check!(kill(init.pid, 0), Ok(()), "kill of init by its number here");
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
}

fn a_thread_of_init_starts_anew_when_the_leader_has_left() {
    let program = this_program();
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        fork(|_| {
            theirs.hear_or_end();
        });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                talk.hear();
                start_anew(program.as_raw_fd(), talk)
            });
            quit_thread(0);
        });
    });
    drop(theirs);
    init.say(0);
    check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
    check!(
        ask(&init, FORK),
        [4],
        "the first child's number after a member's and a thread's"
    );
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
    mine.hear_the_end();
}

fn one_of_many_threads_of_init_starts_anew() {
    let program = this_program();
    for _ in 0..scale(10, 4) {
        let init = new_ns(|talk| {
            for _ in 0..8 {
                std::thread::spawn(|| sleep_for_ever());
            }
            std::thread::scope(|scope| {
                scope.spawn(|| start_anew(program.as_raw_fd(), talk));
            });
        });
        check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
        check!(
            ask(&init, FORK),
            [11],
            "the first child's number after nine threads"
        );
        init.end();
    }
}

fn threads_of_init_race_to_start_anew() {
    let program = this_program();
    for _ in 0..scale(10, 4) {
        let init = new_ns(|talk| {
            let start = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        start_anew(program.as_raw_fd(), talk)
                    });
                }
            });
        });
        check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
        check!(ask(&init, NUMBERS), [1, 1, 0], "the same again");
        init.end();
    }
}

fn a_thread_of_a_member_starts_anew() {
    let program = this_program();
    let mail = Mail::new();
    let init = new_ns(|talk| {
        let member = fork(|talk| {
            mail.send();
            std::thread::scope(|scope| {
                scope.spawn(|| start_anew(program.as_raw_fd(), talk));
            });
        });
        check!(
            member.hear_all(),
            [2, 2, 1],
            "getpid, gettid and getppid of the member"
        );
        check!(ask(&member, FORK), [4], "its first child's number");
        check!(
            ask(&member, ORPHAN),
            [1],
            "the parent of an orphan of the member"
        );
        talk.say(0);
        talk.hear();
        check!(
            member.wait(),
            End::Killed(libc::SIGTERM),
            "the end of the member"
        );
        talk.say(0);
    });
    let member = mail.receive();
    init.hear();
    check!(
        kill(member, libc::SIGTERM),
        Ok(()),
        "SIGTERM to the member by its number here"
    );
    init.say(0);
    init.hear();
}

fn init_started_anew_adopts_orphans() {
    let init = init_with_an_execing_thread();
    check!(ask(&init, ORPHAN), [1], "an orphan's parent");
    check!(ask(&init, ORPHAN), [1], "another orphan's parent");
    init.end();
}

fn init_started_anew_is_still_protected() {
    mode::as_mainline();
    let program = this_program();
    let caught_before = new_ns(|talk| {
        catch::catch(&[libc::SIGTERM, libc::SIGUSR1]);
        start_anew(program.as_raw_fd(), talk)
    });
    caught_before.hear_all();
    for init in [caught_before, init_with_an_execing_thread()] {
        check!(ask(&init, ATTACK), [0], "init after an attack from inside");
        init.kill(libc::SIGTERM);
        check!(
            ask(&init, NUMBERS),
            [1, 1, 0],
            "init after SIGTERM from outside"
        );
        init.end();
    }
}

fn init_started_anew_falls_with_its_namespace() {
    let program = this_program();
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        fork(|_| {
            theirs.hear_or_end();
        });
        let inner = new_ns(|talk| {
            talk.say(0);
            sleep_for_ever();
        });
        inner.hear();
        std::thread::scope(|scope| {
            scope.spawn(|| start_anew(program.as_raw_fd(), talk));
        });
    });
    drop(theirs);
    init.hear_all();
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
    mine.hear_the_end();
}

fn a_pidfd_follows_a_thread_that_starts_anew() {
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

fn starting_anew_keeps_the_namespace_for_children() {
    let program = this_program();
    let maker = fork(|talk| {
        unshare_pid();
        start_anew(program.as_raw_fd(), talk)
    });
    check!(maker.hear_all()[0], maker.pid, "the maker's own number");
    check!(
        ask(&maker, FORK_INSIDE),
        [1],
        "its first child's number for itself"
    );
}

fn a_spawned_program() {
    let init = new_ns(|talk| {
        let (mine, theirs) = Talk::pair();
        let fd = theirs.fd().to_string();
        let mut program = std::process::Command::new("/proc/self/exe");
        let mut child = program.arg("--reborn").arg(fd).spawn().expect("spawn");
        check!(child.id(), 2, "the child's number");
        check!(mine.hear_all(), [2, 2, 1], "its own numbers");
        mine.say(QUIT);
        check!(child.wait().expect("wait").code(), Some(QUIT), "its status");
        talk.say(0);
    });
    init.hear();
}

fn killed_while_it_starts_anew() {
    let program = this_program();
    for round in 0..scale(30, 10) {
        let (mine, theirs) = Talk::pair();
        let init = new_ns(|talk| {
            fork(|_| {
                theirs.hear_or_end();
            });
            talk.say(0);
            std::thread::scope(|scope| {
                scope.spawn(|| start_anew(program.as_raw_fd(), talk));
            });
        });
        drop(theirs);
        init.hear();
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        init.end();
        mine.hear_the_end();
    }
}
