//! A namespace whose init is killed while others want something of it.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::{make_caches, nap, wait_for_the_end, Family};
use crate::clone::{Clone, NEWPID};
use crate::harness::{sample, Test};
use crate::ns_file::{setns, NsFile};
use crate::privilege::{await_room_for_pid_namespaces, limit_pid_namespaces};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, fork, kill, new_ns, quit, sleep_for_ever, sleepers, Child, End,
};
use crate::random::Random;

pub const TESTS: &[Test] = tests![300;
    members_make_namespaces,
    strangers_enter_and_fork,
    a_grandchild_enters_while_its_namespace_dies,
    its_processes_are_listed,
    its_threads_exit_together,
];

fn rounds() -> usize {
    sample(60, 25, 8)
}

/// All that its members make dies with it, and is counted no more.
fn members_make_namespaces() {
    const MOST: u32 = 40;
    make_caches(4);
    let user = fork(|_| {
        limit_pid_namespaces(&Proc::at("/proc"), MOST);
        let mut random = Random::new(1);
        for _ in 0..rounds() {
            let family = Family::new();
            // Those that died a moment ago still count.
            let Ok(init) = Clone::new(NEWPID).start(|channel| {
                for _ in 0..3 {
                    fork(|_| loop {
                        let made = Clone::new(NEWPID).start(|_| {
                            let _ = attempt_fork();
                            sleep_for_ever();
                        });
                        if let Ok(inner) = made {
                            let _ = kill(inner.pid, libc::SIGKILL);
                            inner.wait();
                        }
                    });
                }
                wait_for_the_end(channel)
            }) else {
                std::thread::sleep(std::time::Duration::from_millis(50));
                continue;
            };
            init.receive();
            nap(&mut random, 5_000);
            family.end_with(init);
        }
        await_room_for_pid_namespaces("room for all of them", MOST as usize);
    });
    check!(user.wait(), End::Exit(0), "the user");
}

/// They get a child in it, or `ENOMEM`, and nothing else when init can be reaped.
fn strangers_enter_and_fork() {
    let mut random = Random::new(2);
    for _ in 0..rounds() {
        let init = new_ns(wait_for_the_end);
        init.receive();
        let strangers: Vec<Child> = (0..3)
            .map(|_| {
                fork(|channel| {
                    let file = NsFile::of(init.pid);
                    check!(file.enter(libc::CLONE_NEWPID), Ok(()));
                    channel.send(0);
                    let last = loop {
                        match attempt_fork() {
                            Ok(_) => {}
                            Err(errno) => break errno,
                        }
                    };
                    check!(last, Errno::ENOMEM, "a fork into a dead namespace");
                    channel.receive_or_end();
                    check!(file.enter(libc::CLONE_NEWPID), Ok(()));
                    check!(attempt_fork(), Err(Errno::ENOMEM));
                })
            })
            .collect();
        strangers.iter().for_each(|s| {
            s.receive();
        });
        nap(&mut random, 5_000);
        init.end();
        for stranger in strangers {
            stranger.send(0);
            check!(stranger.wait(), End::Exit(0), "a stranger");
        }
    }
}

/// Two levels die at once, from above, while somebody enters the lower one.
fn a_grandchild_enters_while_its_namespace_dies() {
    let mut random = Random::new(3);
    for _ in 0..rounds() {
        let outer = new_ns(|channel| {
            let inner = new_ns(|inner| {
                channel.send_fd(NsFile::of("self").fd());
                wait_for_the_end(inner)
            });
            inner.receive();
            let pidfd = inner.pidfd();
            fork(|_| {
                check!(setns(pidfd.as_raw_fd(), libc::CLONE_NEWPID), Ok(()));
                while attempt_fork().is_ok() {}
                sleep_for_ever()
            });
            wait_for_the_end(channel)
        });
        let inner = NsFile::from_fd(outer.channel.receive_fd());
        outer.receive();
        nap(&mut random, 5_000);
        outer.end();
        let late = fork(|_| {
            check!(inner.enter(libc::CLONE_NEWPID), Ok(()));
            check!(attempt_fork(), Err(Errno::ENOMEM));
        });
        check!(late.wait(), End::Exit(0), "who comes late");
    }
}

/// A list of processes has numbers of its namespace, each once and in order, and ends.
fn its_processes_are_listed() {
    const MEMBERS: usize = 60;
    let mut random = Random::new(4);
    for round in 0..rounds() / 4 {
        let init = new_ns(|channel| {
            let proc = Proc::mount();
            channel.send_fd(proc.fd());
            sleepers(MEMBERS);
            channel.send(0);
            channel.receive();
            // By all at once, or one after another.
            if round % 2 == 0 {
                check!(kill(-1, libc::SIGKILL), Ok(()));
                for _ in 0..MEMBERS {
                    crate::process::wait_any();
                }
            }
            quit(0)
        });
        let proc = Proc::from_fd(init.channel.receive_fd());
        init.receive();
        let readers: Vec<Child> = (0..3)
            .map(|_| {
                fork(|channel| {
                    channel.send(0);
                    loop {
                        let listed = proc.pids();
                        let in_order = listed.windows(2).all(|pair| pair[0] < pair[1]);
                        check!(in_order, true, "{listed:?}");
                        let known = 1..=MEMBERS as i32 + 1;
                        check!(listed.iter().all(|n| known.contains(n)), true, "{listed:?}");
                        if listed.is_empty() {
                            break;
                        }
                    }
                })
            })
            .collect();
        readers.iter().for_each(|r| {
            r.receive();
        });
        nap(&mut random, 3_000);
        init.send(0);
        check!(init.wait(), End::Exit(0));
        for reader in readers {
            check!(reader.wait(), End::Exit(0), "a reader");
        }
    }
}

/// Whichever is the last, init ends once, with its status, and with all its children.
fn its_threads_exit_together() {
    const THREADS: usize = 6;
    for round in 0..rounds() {
        let family = Family::new();
        let init = new_ns(|_| {
            sleepers(2);
            let start = std::sync::Barrier::new(THREADS + 1);
            std::thread::scope(|scope| {
                for number in 0..THREADS {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        if round % 2 == 1 && number == round % THREADS {
                            quit(5);
                        }
                        crate::process::quit_thread(5)
                    });
                }
                start.wait();
                crate::process::quit_thread(5)
            })
        });
        check!(init.wait(), End::Exit(5), "init's status");
        family.check_gone();
    }
}
