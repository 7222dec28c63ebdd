//! Everything at once, on several processors.

use nix::errno::Errno;

use crate::channel::Channel;
use crate::harness::{sample, scale, Test};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, echo, fork, kill, new_ns, pid, pidfd_open, quit, sleep_for_ever, unshare_pid,
    wait_for_message, Child, End,
};
use crate::send_signal::SEND_CALLS;

pub const TESTS: &[Test] = tests![120;
    forks_on_every_processor,
    threads_on_every_processor,
    forks_in_many_namespaces,
    namespaces_in_namespaces,
    namespaces_that_are_killed_at_once,
    signals_at_init_from_inside_and_outside,
    signals_at_members_that_come_and_go,
    numbers_that_are_scarce,
    pidfds_of_numbers_that_come_and_go,
    proc_while_processes_come_and_go,
    zombies_of_parents_outside,
    forks_stops_and_kills,
];

const WORKERS: usize = 4;

/// Runs `work` in several children of the caller at once and waits for all to end well.
#[track_caller]
pub fn in_parallel(work: impl Fn(usize)) {
    let workers: Vec<Child> = (0..WORKERS).map(|n| fork(|_| work(n))).collect();
    for worker in workers {
        check!(worker.wait(), End::Exit(0), "the end of a worker");
    }
}

fn forks_on_every_processor() {
    let init = new_ns(|channel| {
        in_parallel(|_| {
            for _ in 0..sample(300, 120, 40) {
                let child = fork(|channel| channel.send(pid()));
                check!(
                    child.receive(),
                    child.pid,
                    "a child's number for itself and for its parent"
                );
                check!(child.wait(), End::Exit(0));
            }
        });
        channel.send(attempt_fork().expect("fork"));
    });
    let all = WORKERS as i32 * (sample(300, 120, 40) + 1);
    check!(init.receive(), all + 2, "the number after all the others");
}

fn threads_on_every_processor() {
    let init = new_ns(|channel| {
        in_parallel(|_| {
            for _ in 0..scale(50, 8) {
                let threads: Vec<_> = (0..4)
                    .map(|_| std::thread::spawn(crate::process::tid))
                    .collect();
                let mut numbers: Vec<i32> = threads
                    .into_iter()
                    .map(|t| t.join().expect("join"))
                    .collect();
                numbers.sort_unstable();
                numbers.dedup();
                check!(numbers.len(), 4, "different numbers of four threads");
            }
        });
        channel.send(0);
    });
    init.receive();
}

fn forks_in_many_namespaces() {
    in_parallel(|_| {
        for _ in 0..sample(20, 10, 4) {
            let init = new_ns(|channel| {
                for number in 2..12 {
                    check!(attempt_fork(), Ok(number));
                }
                channel.send(0);
            });
            init.receive();
            check!(init.wait(), End::Exit(0));
        }
    });
}

fn namespaces_in_namespaces() {
    fn descend(levels: usize) {
        let init = new_ns(|_| {
            if levels > 1 {
                descend(levels - 1);
            }
            check!(pid(), 1);
        });
        check!(
            init.wait(),
            End::Exit(0),
            "the end of an init with {levels} levels"
        );
    }
    in_parallel(|worker| {
        for _ in 0..scale(15, 4) {
            descend(3 + worker);
        }
    });
}

fn namespaces_that_are_killed_at_once() {
    in_parallel(|_| {
        for _ in 0..scale(15, 3) {
            let (mine, theirs) = Channel::pair();
            let init = new_ns(|channel| {
                let inner = new_ns(|channel| {
                    for _ in 0..3 {
                        fork(|_| loop {
                            let _ = attempt_fork();
                        });
                    }
                    channel.send(0);
                    sleep_for_ever();
                });
                inner.receive();
                channel.send(0);
                sleep_for_ever();
            });
            drop(theirs);
            init.receive();
            init.end();
            mine.receive_end();
        }
    });
}

fn signals_at_init_from_inside_and_outside() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        let attackers: Vec<Child> = (0..3)
            .map(|_| {
                fork(|_| {
                    for _ in 0..scale(100, 15) {
                        for call in SEND_CALLS {
                            for signal in [
                                libc::SIGKILL,
                                libc::SIGSTOP,
                                libc::SIGTERM,
                                libc::SIGABRT,
                                40,
                            ] {
                                check!(call.send(1, signal), Ok(()));
                            }
                        }
                    }
                })
            })
            .collect();
        echo(channel);
        for attacker in attackers {
            check!(attacker.wait(), End::Exit(0), "the end of an attacker");
        }
        quit(8);
    });
    for _ in 0..scale(100, 15) {
        for call in SEND_CALLS {
            check!(call.send(init.pid, libc::SIGTERM), Ok(()));
        }
        init.check_alive();
    }
    drop(init.channel);
    check!(
        crate::process::wait_for(init.pid),
        End::Exit(8),
        "init's own end after all attacks"
    );
}

fn signals_at_members_that_come_and_go() {
    let init = new_ns(|channel| {
        let shooter = fork(|channel| loop {
            // Everybody but init and the shooter itself; members may be gone at any moment.
            match kill(-1, libc::SIGUSR1) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(e) => panic!("kill(-1): {e}"),
            }
            channel.send(0);
        });
        for _ in 0..scale(100, 15) {
            let member = fork(|_| sleep_for_ever());
            while nix::sys::wait::waitpid(
                nix::unistd::Pid::from_raw(member.pid),
                Some(nix::sys::wait::WaitPidFlag::WNOHANG),
            ) == Ok(nix::sys::wait::WaitStatus::StillAlive)
            {
                shooter.receive();
            }
        }
        shooter.end();
        channel.send(0);
    });
    init.receive();
}

fn numbers_that_are_scarce() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        proc.write("sys/kernel/pid_max", "330").expect("pid_max");
        for _ in 2..330 {
            attempt_fork().expect("fork");
        }
        in_parallel(|_| {
            for _ in 0..sample(30, 10, 5) {
                let mut held: Vec<Child> = Vec::new();
                for _ in 0..10 {
                    match crate::clone::Clone::new(0).start(wait_for_message) {
                        Ok(child) => held.push(child),
                        Err(e) => check!(e, Errno::EAGAIN, "a fork when numbers are scarce"),
                    }
                }
                check!(
                    held.iter().all(|c| (300..330).contains(&c.pid)),
                    true,
                    "numbers between 300 and 330"
                );
                held.into_iter().for_each(Child::end);
            }
        });
        // 30 numbers, all free again but for none: exactly so many fit.
        let held: Vec<Child> = (300..330).map(|_| fork(wait_for_message)).collect();
        check!(attempt_fork(), Err(Errno::EAGAIN), "one more");
        channel.send(held.len() as i32);
    });
    check!(init.receive(), 30, "numbers that are free in the end");
}

fn pidfds_of_numbers_that_come_and_go() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        proc.write("sys/kernel/pid_max", "320").expect("pid_max");
        in_parallel(|worker| {
            for round in 0..sample(300, 120, 50) {
                if worker % 2 == 0 {
                    let _ = attempt_fork();
                } else {
                    match pidfd_open(300 + round % 20) {
                        // The number may be a process's no more, or a process group's alone.
                        Ok(_) | Err(Errno::ESRCH | Errno::ENOENT) => {}
                        Err(e) => panic!("pidfd_open: {e}"),
                    }
                }
            }
        });
        channel.send(0);
    });
    init.receive();
}

fn proc_while_processes_come_and_go() {
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let stable = fork(wait_for_message);
        let churn: Vec<Child> = (0..3)
            .map(|_| {
                fork(|channel| loop {
                    attempt_fork().expect("fork");
                    if channel.receive_or_end().is_none() {
                        return;
                    }
                })
            })
            .collect();
        for _ in 0..scale(60, 10) {
            churn.iter().for_each(|c| (0..3).for_each(|_| c.send(0)));
            let seen = proc.pids();
            check!(
                seen.starts_with(&[1, stable.pid]),
                true,
                "init and a stable member in {seen:?}"
            );
            for number in seen {
                match proc.read(&format!("{number}/stat")) {
                    Ok(line) => check!(line.starts_with(&format!("{number} (")), true, "{line}"),
                    Err(e) => check!(
                        matches!(e, Errno::ENOENT | Errno::ESRCH),
                        true,
                        "stat of {number}: {e}"
                    ),
                }
            }
        }
        churn.into_iter().for_each(Child::end);
        channel.send(0);
    });
    init.receive();
}

fn zombies_of_parents_outside() {
    in_parallel(|_| {
        for _ in 0..scale(10, 4) {
            let maker = fork(|_| {
                unshare_pid();
                let init = fork(|_| sleep_for_ever());
                let members: Vec<Child> = (0..6)
                    .map(|n| {
                        fork(|_| {
                            if n % 2 == 0 {
                                quit(n)
                            } else {
                                sleep_for_ever()
                            }
                        })
                    })
                    .collect();
                init.kill(libc::SIGKILL);
                for _ in 0..members.len() {
                    check!(
                        crate::process::wait_any().0 == init.pid,
                        false,
                        "init ends before a member"
                    );
                }
                check!(init.wait(), End::Killed(libc::SIGKILL));
            });
            check!(maker.wait(), End::Exit(0), "the end of a maker");
        }
    });
}

fn forks_stops_and_kills() {
    in_parallel(|_| {
        for _ in 0..scale(10, 4) {
            let init = new_ns(|channel| loop {
                fork(|_| sleep_for_ever());
                channel.send(0);
            });
            for _ in 0..3 {
                init.receive();
                init.kill(libc::SIGSTOP);
                init.kill(libc::SIGCONT);
            }
            init.kill(libc::SIGSTOP);
            init.end();
        }
    });
}
