//! A mount inside: exactly the members and those below.

use nix::mount::{mount, umount2, MntFlags, MsFlags};

use crate::harness::Test;
use crate::proc_fs::{Proc, Stat};
use crate::process::{
    attempt_fork, fork, new_ns, pid, sleep_for_ever, sleepers, unshare, unshare_pid,
    wait_for_message, End,
};

pub const TESTS: &[Test] = tests![
    a_fresh_mount_shows_the_members,
    a_nested_namespace_is_shown_with_outer_numbers,
    the_parents_mount_shows_all,
    mount_on_a_directory,
    a_mount_before_the_first_fork_shows_the_outside,
    self_is_the_readers_number,
    thread_self_is_the_readers_thread,
    stat_has_the_mounts_numbers,
    status_has_the_mounts_numbers,
    threads_have_the_mounts_numbers,
    children_have_the_mounts_numbers,
    a_tracer_outside_is_zero,
];

fn a_fresh_mount_shows_the_members() {
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        check!(proc.pids(), [1]);
        let members = sleepers(3);
        check!(proc.pids(), [1, 2, 3, 4]);
        for member in members {
            member.end();
        }
        check!(proc.pids(), [1]);
        check!(attempt_fork(), Ok(5));
        channel.send(0);
    });
    init.receive();
}

fn a_nested_namespace_is_shown_with_outer_numbers() {
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            let _members = sleepers(2);
            channel.send_all(&Proc::mount().pids());
            sleep_for_ever();
        });
        check!(inner.receive_all(), [1, 2, 3], "the inner mount");
        check!(Proc::mount().pids(), [1, 2, 3, 4], "the outer mount");
        channel.send(0);
    });
    outer.receive();
}

fn the_parents_mount_shows_all() {
    let proc = Proc::at("/proc");
    let init = new_ns(wait_for_message);
    let seen = proc.pids();
    check!(
        seen.contains(&init.pid) && seen.contains(&pid()),
        true,
        "init and me in {seen:?}"
    );
    check!(
        proc.stat(&init.pid.to_string()).ppid,
        pid(),
        "init's parent"
    );
}

fn mount_on_a_directory() {
    check!(unshare(libc::CLONE_NEWNS), Ok(()));
    let nothing: Option<&str> = None;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .expect("a private mount tree");
    let init = new_ns(|channel| {
        mount(
            Some("proc"),
            "/proc",
            Some("proc"),
            MsFlags::empty(),
            nothing,
        )
        .expect("mount of procfs");
        let names = std::fs::read_dir("/proc")
            .expect("readdir")
            .map(|e| e.expect("readdir").file_name());
        let numbers: Vec<i32> = names
            .filter_map(|n| n.to_string_lossy().parse().ok())
            .collect();
        channel.send_all(&numbers);
        channel.send(
            std::fs::read_link("/proc/self")
                .expect("readlink")
                .to_string_lossy()
                .parse()
                .expect("a number"),
        );
        channel.receive_or_end();
    });
    check!(init.receive_all(), [1], "processes in /proc");
    check!(init.receive(), 1, "/proc/self");
    check!(
        std::fs::read_link("/proc/self").is_err(),
        true,
        "/proc/self of one who is not in that namespace"
    );
    umount2("/proc", MntFlags::empty()).expect("umount");
    check!(
        std::fs::read_link("/proc/self").is_ok(),
        true,
        "/proc/self of the mount below"
    );
    init.send(0);
    check!(init.wait(), End::Exit(0));
}

fn a_mount_before_the_first_fork_shows_the_outside() {
    unshare_pid();
    let proc = Proc::mount();
    check!(
        proc.link("self"),
        Ok(pid().to_string()),
        "/proc/self after unshare"
    );
    check!(
        proc.pids().contains(&pid()),
        true,
        "me in a mount of mine after unshare"
    );
}

fn self_is_the_readers_number() {
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        check!(proc.link("self"), Ok("1".to_string()));
        let member =
            fork(|channel| channel.send(i32::from(proc.link("self") == Ok("2".to_string()))));
        check!(member.receive(), 1, "/proc/self of member 2");
        check!(proc.stat("self").pid, 1);
        channel.send(0);
    });
    init.receive();
}

fn thread_self_is_the_readers_thread() {
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        check!(proc.link("thread-self"), Ok("1/task/1".to_string()));
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| proc.link("thread-self"));
            check!(thread.join().expect("join"), Ok("1/task/2".to_string()));
        });
        channel.send(0);
    });
    init.receive();
}

fn stat_has_the_mounts_numbers() {
    let outer = Proc::at("/proc");
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let before = proc.stat("1");
        check!(
            (before.ppid, before.pgrp, before.session),
            (0, 0, 0),
            "parent, group and session of init"
        );
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| sleep_for_ever());
        let leader = fork(|channel| {
            nix::unistd::setsid().expect("setsid");
            channel.send(0);
            sleep_for_ever();
        });
        leader.receive();
        let seen = proc.stat("1");
        check!(
            seen,
            Stat {
                pid: 1,
                state: seen.state,
                ppid: 0,
                pgrp: 1,
                session: 1
            }
        );
        let seen = proc.stat(&member.pid.to_string());
        check!(
            seen,
            Stat {
                pid: 2,
                state: seen.state,
                ppid: 1,
                pgrp: 1,
                session: 1
            }
        );
        let seen = proc.stat(&leader.pid.to_string());
        check!(
            seen,
            Stat {
                pid: 3,
                state: seen.state,
                ppid: 1,
                pgrp: 3,
                session: 3
            }
        );
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let seen = outer.stat(&init.pid.to_string());
    check!(
        seen,
        Stat {
            pid: init.pid,
            state: seen.state,
            ppid: pid(),
            pgrp: init.pid,
            session: init.pid
        }
    );
}

fn status_has_the_mounts_numbers() {
    let outer = Proc::at("/proc");
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let member = fork(|_| sleep_for_ever());
        let seen = ["Pid", "Tgid", "PPid", "TracerPid"]
            .map(|field| proc.status(&member.pid.to_string(), field));
        check!(
            seen,
            ["2", "2", "1", "0"],
            "Pid, Tgid, PPid and TracerPid of a member"
        );
        check!(proc.status("1", "PPid"), "0");
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let seen = ["Pid", "Tgid", "PPid"].map(|field| outer.status(&init.pid.to_string(), field));
    check!(
        seen,
        [init.pid, init.pid, pid()].map(|n| n.to_string()),
        "Pid, Tgid and PPid of init outside"
    );
}

fn threads_have_the_mounts_numbers() {
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let (wait, waited) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || waited.recv().is_ok());
        check!(proc.numbers("1/task"), [1, 2], "init's threads");
        check!(proc.pids(), [1], "processes");
        check!(proc.stat("2").pid, 2, "a thread looked up as a process");
        check!(proc.status("1/task/2", "Tgid"), "1");
        check!(
            proc.read("2/task/1/comm").is_ok(),
            true,
            "the leader below its thread"
        );
        wait.send(()).expect("a message");
        check!(thread.join().expect("join"), true);
        channel.send(0);
    });
    init.receive();
}

fn children_have_the_mounts_numbers() {
    let outer = Proc::at("/proc");
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let _members = sleepers(2);
        let inner = new_ns(|_| sleep_for_ever());
        let seen = proc.read("1/task/1/children").expect("children");
        check!(seen, format!("2 3 {} ", inner.pid));
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let seen = outer
        .read(&format!("{0}/task/{0}/children", pid()))
        .expect("children");
    check!(seen, format!("{} ", init.pid), "my children");
}

fn a_tracer_outside_is_zero() {
    let outer = Proc::at("/proc");
    let init = new_ns(|channel| {
        channel.receive();
        channel.send(
            Proc::mount()
                .status("1", "TracerPid")
                .parse()
                .expect("a number"),
        );
        channel.receive_or_end();
    });
    nix::sys::ptrace::seize(
        nix::unistd::Pid::from_raw(init.pid),
        nix::sys::ptrace::Options::empty(),
    )
    .expect("PTRACE_SEIZE");
    init.send(0);
    check!(init.receive(), 0, "TracerPid inside");
    check!(
        outer.status(&init.pid.to_string(), "TracerPid"),
        pid().to_string(),
        "TracerPid outside"
    );
}
