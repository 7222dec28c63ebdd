//! Forks that fail on the way, and what they leave behind: nothing.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::resource::{setrlimit, Resource};

use crate::clone::{Clone, NEWPID};
use crate::harness::{sample, scale, Test};
use crate::privilege::{become_nobody, limit_pid_namespaces};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, eventually, fork, new_ns, pid, sleep_for_ever, unshare, unshare_pid,
    wait_for_message, Child, End,
};
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    a_failed_first_child_leaves_room_for_the_next,
    a_failed_init_leaves_no_namespace,
    a_failed_fork_uses_up_its_number,
    a_failed_fork_leaves_no_number_taken,
    a_failed_fork_far_down,
    too_many_files,
    too_many_processes_of_a_user,
    too_many_processes_in_a_cgroup,
    too_many_processes_in_a_cgroup_for_an_init,
    signals_during_forks,
    failing_forks_into_a_dying_namespace,
    failing_forks_into_a_dead_namespace,
];

/// Calls that fail after the new process has got its numbers, with their errors.
fn failing(flags: u64) -> [(Clone, Errno); 2] {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let bad_pointer = Clone::new(flags | libc::CLONE_PIDFD as u64).with(|a| a.pidfd = 8);
    let bad_cgroup = Clone::new(flags | CLONE_INTO_CGROUP).with(|a| a.cgroup = 1_000_000);
    [(bad_pointer, Errno::EFAULT), (bad_cgroup, Errno::EBADF)]
}

/// Lets forks of both kinds fail, so many times each.
#[track_caller]
fn fail(times: usize) {
    for (call, error) in failing(0) {
        for _ in 0..times {
            check!(call.attempt(), Err(error), "a fork that fails");
        }
    }
}

fn a_failed_first_child_leaves_room_for_the_next() {
    unshare_pid();
    fail(20);
    check!(
        Clone::new(0).attempt_inside(),
        Ok(1),
        "the first fork that succeeds"
    );
    check!(
        attempt_fork(),
        Err(Errno::ENOMEM),
        "a fork when that one has ended"
    );
}

fn a_failed_init_leaves_no_namespace() {
    limit_pid_namespaces(&Proc::at("/proc"), 2);
    for (call, error) in failing(NEWPID) {
        for _ in 0..sample(100, 25, 20) {
            eventually("room for a namespace", || match call.attempt() {
                Err(Errno::ENOSPC) => None,
                other => {
                    check!(other, Err(error), "an init that fails");
                    Some(())
                }
            });
        }
    }
    eventually("room for a namespace that lives", || {
        Clone::new(NEWPID).attempt().ok()
    });
}

fn a_failed_fork_uses_up_its_number() {
    let init = new_ns(|channel| {
        check!(attempt_fork(), Ok(2));
        fail(3);
        check!(attempt_fork(), Ok(9), "the number after six that failed");
        channel.send(0);
    });
    init.receive();
}

fn a_failed_fork_leaves_no_number_taken() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        proc.write("sys/kernel/pid_max", "310").expect("pid_max");
        fail(200);
        let holders: Vec<Child> = (0..10).map(|_| fork(wait_for_message)).collect();
        let mut numbers: Vec<i32> = holders.iter().map(|h| h.pid).collect();
        numbers.sort_unstable();
        check!(
            numbers,
            (300..310).collect::<Vec<i32>>(),
            "numbers that are left below 310"
        );
        check!(
            attempt_fork(),
            Err(Errno::EAGAIN),
            "a fork when all are taken"
        );
        for (call, _) in failing(0) {
            check!(
                call.attempt(),
                Err(Errno::EAGAIN),
                "a fork that would fail, when all are taken"
            );
        }
        channel.send(0);
    });
    init.receive();
}

fn a_failed_fork_far_down() {
    fn descend(level: i32) {
        let init = new_ns(|channel| {
            if level < 10 {
                descend(level + 1);
            } else {
                fail(20);
                check!(attempt_fork(), Ok(42), "the number after forty that failed");
            }
            channel.send(pid());
        });
        check!(init.receive(), 1);
        check!(init.wait(), End::Exit(0));
    }
    descend(1);
}

fn too_many_files() {
    unshare_pid();
    let call = Clone::new(libc::CLONE_PIDFD as u64);
    let mut place = 0i32;
    let call = call.with(|a| a.pidfd = (&raw mut place) as u64);
    let start = |call: &Clone| call.clone().start(wait_for_message).map(|c| c.pid);
    let (_, highest) =
        nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE).expect("RLIMIT_NOFILE");
    // The channel to the child takes two descriptors before the call; there is no third.
    let lowest_free =
        std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/proc/self/stat").expect("open"));
    setrlimit(Resource::RLIMIT_NOFILE, lowest_free as u64 + 2, highest).expect("RLIMIT_NOFILE");
    check!(start(&call), Err(Errno::EMFILE));
    check!(start(&call), Err(Errno::EMFILE));
    setrlimit(Resource::RLIMIT_NOFILE, highest, highest).expect("RLIMIT_NOFILE");
    check!(
        Clone::new(0).attempt_inside(),
        Ok(1),
        "the first fork that succeeds"
    );
}

fn too_many_processes_of_a_user() {
    unshare_pid();
    become_nobody();
    let (_, highest) = nix::sys::resource::getrlimit(Resource::RLIMIT_NPROC).expect("RLIMIT_NPROC");
    setrlimit(Resource::RLIMIT_NPROC, 1, highest).expect("RLIMIT_NPROC");
    check!(
        attempt_fork(),
        Err(Errno::EAGAIN),
        "a first child beyond the limit"
    );
    setrlimit(Resource::RLIMIT_NPROC, 2, highest).expect("RLIMIT_NPROC");
    let init = fork(|channel| {
        check!(pid(), 1);
        check!(
            attempt_fork(),
            Err(Errno::EAGAIN),
            "a second child beyond the limit"
        );
        setrlimit(Resource::RLIMIT_NPROC, 3, highest).expect("RLIMIT_NPROC");
        channel.send(attempt_fork().expect("fork"));
    });
    check!(init.receive(), 2, "the first number given by init");
}

/// Runs `body` in a cgroup that allows so many processes besides those that it starts with.
fn in_a_cgroup_of(most: usize, body: impl FnOnce()) {
    let root = Path::new("/sys/fs/cgroup");
    let group = root.join("pidns-few");
    let enabled = std::fs::write(root.join("cgroup.subtree_control"), "+pids").is_ok();
    if !enabled || (std::fs::create_dir(&group).is_err() && !group.exists()) {
        crate::report::skip("no writable cgroup v2 with the pids controller on /sys/fs/cgroup");
    }
    std::fs::write(group.join("pids.max"), most.to_string()).expect("pids.max");
    let member = fork(|channel| {
        std::fs::write(group.join("cgroup.procs"), "0").expect("cgroup.procs");
        body();
        channel.send(0);
    });
    member.receive();
    check!(member.wait(), End::Exit(0));
    eventually("the cgroup is empty", || std::fs::remove_dir(&group).ok());
}

fn too_many_processes_in_a_cgroup() {
    in_a_cgroup_of(3, || {
        let init = new_ns(|channel| {
            let holder = fork(wait_for_message);
            check!(attempt_fork(), Err(Errno::EAGAIN), "a fourth process");
            check!(attempt_fork(), Err(Errno::EAGAIN), "a fourth process again");
            holder.end();
            check!(attempt_fork(), Ok(5), "a third process when one has gone");
            channel.send(0);
        });
        init.receive();
        check!(init.wait(), End::Exit(0));
    });
}

fn too_many_processes_in_a_cgroup_for_an_init() {
    in_a_cgroup_of(2, || {
        let holder = fork(wait_for_message);
        check!(
            Clone::new(NEWPID).attempt(),
            Err(Errno::EAGAIN),
            "an init beyond the limit"
        );
        check!(unshare(libc::CLONE_NEWPID), Ok(()));
        check!(
            attempt_fork(),
            Err(Errno::EAGAIN),
            "a first child beyond the limit"
        );
        holder.end();
        check!(
            Clone::new(0).attempt_inside(),
            Ok(1),
            "the first child when there is room"
        );
    });
}

fn signals_during_forks() {
    let init = new_ns(|channel| {
        extern "C" fn nothing(_: i32) {}
        // SAFETY: the handler does nothing; the pointers are live.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
            let mut timer: libc::itimerval = std::mem::zeroed();
            (timer.it_value.tv_usec, timer.it_interval.tv_usec) = (700, 700);
            libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
        }
        let mut last = 1;
        for _ in 0..scale(300, 100) {
            let next = attempt_fork().expect("a fork under a storm of signals");
            check!(next > last, true, "number {next} comes after {last}");
            last = next;
        }
        signal_state::ignore(libc::SIGALRM);
        channel.send(0);
    });
    init.receive();
}

fn failing_forks_into_a_dying_namespace() {
    for _ in 0..scale(20, 8) {
        let helper = fork(|_| {
            unshare_pid();
            let init = fork(|_| {
                for _ in 0..3 {
                    fork(|_| sleep_for_ever());
                }
                sleep_for_ever();
            });
            init.kill(libc::SIGKILL);
            eventually("the namespace takes nobody", || {
                let seen = failing(0).map(|(call, error)| (call.attempt(), error));
                let refused = seen.iter().all(|(result, _)| *result == Err(Errno::ENOMEM));
                for (result, error) in seen {
                    check!(
                        result == Err(Errno::ENOMEM) || result == Err(error),
                        true,
                        "a failing fork: {result:?}"
                    );
                }
                refused.then_some(())
            });
            check!(init.wait(), End::Killed(libc::SIGKILL));
        });
        check!(helper.wait(), End::Exit(0));
    }
}

fn failing_forks_into_a_dead_namespace() {
    unshare_pid();
    check!(Clone::new(0).attempt_inside(), Ok(1));
    for (call, _) in failing(0) {
        check!(call.attempt(), Err(Errno::ENOMEM));
    }
}
