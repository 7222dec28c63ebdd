//! The module is loaded and unloaded again and again, and leaves nothing behind.

use nix::errno::Errno;

use super::{
    check_held, check_load_beside_starved, hooked, load, load_now, start, storm, unload,
    unload_soon,
};
use crate::clone::{Clone, NEWPID};
use crate::harness::{scale, times, Test};
use crate::ns_file::{setns, NsFile};
use crate::privilege::limit_pid_namespaces;
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, eventually, fork, new_ns, sleep_for_ever, unshare, unshare_pid, wait_for_message,
    Child, End,
};
use crate::report::skip;

pub const TESTS: &[Test] = tests![300;
    a_second_load_is_refused,
    without_the_module_there_are_no_namespaces,
    a_member_holds_the_module,
    a_namespace_that_was_never_entered_holds_the_module,
    a_mount_of_proc_holds_the_module,
    a_pidfd_of_a_dead_member_holds_the_module,
    processes_live_through_an_unload,
    no_function_stays_hooked,
    a_load_does_not_wait_for_a_starved_task,
    loads_and_unloads_with_namespaces,
    an_unload_is_tried_under_a_storm_of_namespaces,
    a_limit_on_namespaces_is_one_on_their_memory,
];

/// Many loads, each of which waits for every task of the storm, and thousands of namespaces.
pub const STORMS: &[Test] = tests![14_000;
    loads_and_unloads_under_a_storm_of_forks,
    namespaces_leave_no_memory_behind,
];

fn a_second_load_is_refused() {
    start();
    check!(load(), Err(Errno::EEXIST));
    check!(
        Clone::new(NEWPID).attempt_inside(),
        Ok(1),
        "a namespace afterwards"
    );
}

fn without_the_module_there_are_no_namespaces() {
    start();
    for _ in 0..3 {
        unload_soon();
        check!(
            unshare(libc::CLONE_NEWPID),
            Err(Errno::EINVAL),
            "unshare without the module"
        );
        check!(
            Clone::new(NEWPID).attempt(),
            Err(Errno::EINVAL),
            "clone3 without the module"
        );
        check!(
            unload(),
            Err(Errno::ENOENT),
            "unload of a module that is not there"
        );
        load_now();
        check!(
            Clone::new(NEWPID).attempt_inside(),
            Ok(1),
            "clone3 with the module"
        );
    }
}

fn a_member_holds_the_module() {
    start();
    let init = new_ns(|channel| {
        fork(|_| sleep_for_ever());
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    check_held(|| init.end());
}

fn a_namespace_that_was_never_entered_holds_the_module() {
    start();
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    check_held(|| maker.end());
}

fn a_mount_of_proc_holds_the_module() {
    start();
    let init = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        channel.receive_or_end();
    });
    let proc = Proc::from_fd(init.channel.receive_fd());
    check!(proc.pids(), [1]);
    init.end();
    check!(proc.pids(), [0; 0], "processes of a dead namespace");
    check_held(|| drop(proc));
}

fn a_pidfd_of_a_dead_member_holds_the_module() {
    start();
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    init.end();
    check_held(|| drop(pidfd));
}

fn processes_live_through_an_unload() {
    start();
    let fork_and_wait = |channel: &crate::channel::Channel| {
        while channel.receive_or_end().is_some() {
            let child = fork(wait_for_message);
            child.end();
            channel.send(attempt_fork().map_or(0, |n| i32::from(n > 1)));
        }
    };
    let ask = |child: &Child| {
        child.send(0);
        check!(child.receive(), 1, "the answer of a process that forks");
    };
    let mut before: Vec<Child> = Vec::new();
    for _ in 0..3 {
        before.push(fork(fork_and_wait));
        unload_soon();
        before.iter().for_each(ask);
        before.push(fork(fork_and_wait));
        load_now();
        before.iter().for_each(ask);
    }
    // Those that were started later hold the lines of the earlier ones as well.
    let numbers: Vec<i32> = before.iter().map(|c| c.pid).collect();
    drop(before);
    for number in numbers {
        check!(crate::process::wait_for(number), End::Exit(0));
    }
}

fn no_function_stays_hooked() {
    start();
    check!(
        hooked() > 0,
        true,
        "functions are hooked while the module is loaded"
    );
    unload_soon();
    check!(hooked(), 0, "functions that stay hooked");
    load_now();
}

fn a_load_does_not_wait_for_a_starved_task() {
    start();
    unload_soon();
    check_load_beside_starved();
}

fn loads_and_unloads_under_a_storm_of_forks() {
    start();
    let storm = storm();
    for _ in 0..times("PIDNS_CYCLES", scale(5, 4)) {
        unload_soon();
        load_now();
    }
    storm.into_iter().for_each(Child::end);
    check!(
        Clone::new(NEWPID).attempt_inside(),
        Ok(1),
        "a namespace afterwards"
    );
}

fn loads_and_unloads_with_namespaces() {
    start();
    for _ in 0..times("PIDNS_CYCLES", scale(6, 3)) {
        let init = new_ns(|channel| {
            check!(Clone::new(NEWPID).attempt_inside(), Ok(1));
            check!(attempt_fork().is_ok(), true);
            channel.send(0);
        });
        init.receive();
        check!(init.wait(), End::Exit(0));
        unload_soon();
        load_now();
    }
}

fn an_unload_is_tried_under_a_storm_of_namespaces() {
    start();
    let pause = || std::thread::sleep(std::time::Duration::from_millis(5));
    let mut unloads = 0;
    let storm: Vec<Child> = (0..4)
        .map(|_| {
            fork(|channel| {
                let mut left = scale(100, 25);
                while left > 0 {
                    match Clone::new(NEWPID).attempt_inside() {
                        Ok(number) => {
                            check!(number, 1);
                            left -= 1;
                        }
                        Err(e) => {
                            check!(e, Errno::EINVAL, "clone3 while the module may be gone");
                            pause();
                        }
                    }
                }
                channel.send(0);
            })
        })
        .collect();
    while storm.iter().any(is_not_reaped) {
        match unload() {
            Ok(()) => {
                load_now();
                unloads += 1;
                // Now it is the storm's turn.
                pause();
            }
            Err(e) => check!(e, Errno::EAGAIN, "unload in a storm"),
        }
        reap(&storm);
    }
    crate::report::note(&format!("{unloads} unloads in the storm"));
    unload_soon();
    load_now();
}

/// Whether a child has not been reaped.
fn is_not_reaped(child: &Child) -> bool {
    crate::process::kill(child.pid, 0).is_ok()
}

/// Reaps those that have ended, and checks that they ended well.
fn reap(children: &[Child]) {
    use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
    for child in children.iter().filter(|c| is_not_reaped(c)) {
        match waitpid(
            nix::unistd::Pid::from_raw(child.pid),
            Some(WaitPidFlag::WNOHANG),
        ) {
            Ok(WaitStatus::StillAlive | WaitStatus::Exited(_, 0)) => {}
            other => panic!("expected a worker to exit with 0, saw {other:?}"),
        }
    }
}

fn namespaces_leave_no_memory_behind() {
    start();
    // Most are never lived in: those take less time.
    let make = |count: usize| {
        for _ in 0..count / 10 {
            eventually("a namespace", || Clone::new(NEWPID).attempt().ok());
        }
        let init = new_ns(|_| {
            let mut left = count - count / 10;
            while left > 0 {
                left -= make_uninhabited(left);
            }
        });
        check!(init.wait(), End::Exit(0));
    };
    make(300);
    // Where the kernel counts objects: a few of the machine's own. Else kilobytes: a fifth of what
    // the smallest object of five thousand namespaces would take.
    let (count, noise): (fn() -> u64, u64) = if std::path::Path::new("/proc/slabinfo").exists() {
        (|| objects("pid"), 50)
    } else {
        (kilobytes, 1000)
    };
    let before = eventually("the memory of the first namespaces is free", || {
        let before = count();
        std::thread::sleep(std::time::Duration::from_millis(500));
        (count() + noise / 10 >= before).then(count)
    });
    make(times("PIDNS_NAMESPACES", scale(5_000, 1_500)));
    let mut after = 0;
    let free = (0..100).any(|_| {
        after = count();
        std::thread::sleep(std::time::Duration::from_millis(100));
        after <= before + noise
    });
    check!(
        free,
        true,
        "memory before and after: {before} and {after}, noise {noise}"
    );
    unload_soon();
    load_now();
}

fn a_limit_on_namespaces_is_one_on_their_memory() {
    const MOST: u32 = 8;
    const NOISE: u64 = 50;
    start();
    if !std::path::Path::new("/proc/slabinfo").exists() {
        skip("the kernel does not count objects");
    }
    let namespaces = || objects("pid_namespace");
    let before = namespaces();
    let user = fork(|_| {
        limit_pid_namespaces(&Proc::at("/proc"), MOST);
        let init = Clone::new(NEWPID).start(|_| {
            let made = make_uninhabited(scale(20_000, 2_000));
            check!(made > MOST as usize, true, "{made} namespaces");
        });
        check!(init.expect("a namespace").wait(), End::Exit(0));
    });
    let mut most = before;
    while is_not_reaped(&user) {
        most = most.max(namespaces());
        reap(std::slice::from_ref(&user));
    }
    check!(
        most <= before + u64::from(MOST) + NOISE,
        true,
        "objects before, and at the most: {before}, {most}"
    );
}

/// Tries so often to make a namespace in which nobody lives, and that is dead at once; how many it were. The caller is an
/// init.
fn make_uninhabited(tries: usize) -> usize {
    let own = NsFile::of("self");
    let made = (0..tries).filter(|_| match unshare(libc::CLONE_NEWPID) {
        Ok(()) => {
            check!(setns(own.fd(), libc::CLONE_NEWPID), Ok(()));
            true
        }
        Err(errno) => {
            check!(errno, Errno::ENOSPC);
            false
        }
    });
    made.count()
}

/// Objects in the slab caches whose names begin so.
fn objects(caches: &str) -> u64 {
    let read = || std::fs::read_to_string("/proc/slabinfo").expect("/proc/slabinfo");
    let lines = |text: &str| -> Vec<(String, u64)> {
        let fields = text
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<&str>>());
        let ours = fields.filter(|f| f.len() > 1 && f[0].starts_with(caches));
        ours.filter_map(|f| Some((f[0].to_string(), f[1].parse().ok()?)))
            .collect()
    };
    for (cache, _) in lines(&read()) {
        // This also empties KASAN's quarantine; a cache without the file is counted as it is.
        let _ = std::fs::write(format!("/sys/kernel/slab/{cache}/shrink"), "1");
    }
    lines(&read()).iter().map(|(_, objects)| objects).sum()
}

/// Memory that slab caches hold and cannot give back.
fn kilobytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("SUnreclaim:"))
        .expect("SUnreclaim");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}
