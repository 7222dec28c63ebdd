//! Mounts of other namespaces, and of dead ones.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::harness::Test;
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{attempt_fork, echo, fork, new_ns, pid, sleep_for_ever, sleepers, End};

pub const TESTS: &[Test] = tests![
    the_last_number_in_loadavg,
    an_outer_mount_read_from_inside,
    an_inner_mount_read_from_outside,
    a_neighbours_mount,
    a_lock_of_the_outside_is_not_shown,
    a_mount_outlives_its_namespace,
    open_files_outlive_their_process,
    a_directory_of_a_process_takes_signals,
    signals_through_a_directory_from_outside,
];

fn the_last_number_in_loadavg() {
    let outer = Proc::at("/proc");
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        for _ in 0..5 {
            attempt_fork().expect("fork");
        }
        let last = |proc: &Proc| {
            proc.read("loadavg")
                .expect("loadavg")
                .split_whitespace()
                .last()
                .map(str::to_string)
        };
        check!(
            last(&proc),
            Some("6".to_string()),
            "the last number given, in a mount of the inside"
        );
        check!(
            last(&outer),
            Some("6".to_string()),
            "the last number given, in a mount of the outside"
        );
        channel.send(0);
    });
    init.receive();
}

fn an_outer_mount_read_from_inside() {
    let outer = Proc::at("/proc");
    let me = pid();
    let init = new_ns(|channel| {
        let own: i32 = outer.link("self").expect("self").parse().expect("a number");
        check!(
            outer.stat("self").ppid,
            me,
            "init's parent in a mount of the outside"
        );
        check!(
            outer.pids().contains(&me),
            true,
            "the outside in its own mount"
        );
        channel.send(own);
        channel.receive_or_end();
    });
    check!(
        init.receive(),
        init.pid,
        "/proc/self of init in a mount of the outside"
    );
}

#[track_caller]
fn check_foreign(proc: &Proc) {
    check!(
        proc.link("self"),
        Err(Errno::ENOENT),
        "self in a foreign mount"
    );
    check!(
        proc.link("thread-self"),
        Err(Errno::ENOENT),
        "thread-self in a foreign mount"
    );
    check!(
        proc.read("self/stat"),
        Err(Errno::ENOENT),
        "self/stat in a foreign mount"
    );
}

fn an_inner_mount_read_from_outside() {
    let init = new_ns(|channel| {
        let _members = sleepers(2);
        channel.send_fd(Proc::mount().fd());
        sleep_for_ever();
    });
    let inner = Proc::from_fd(init.channel.receive_fd());
    check_foreign(&inner);
    check!(inner.pids(), [1, 2, 3]);
    check!(inner.stat("2").ppid, 1);
    check!(
        inner.read(&format!("{}/stat", init.pid.max(100))),
        Err(Errno::ENOENT),
        "an outer number in the inner mount"
    );
}

fn a_neighbours_mount() {
    let one = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        sleep_for_ever();
    });
    let theirs = Proc::from_fd(one.channel.receive_fd());
    let other = new_ns(|channel| {
        check_foreign(&theirs);
        check!(theirs.pids(), [1]);
        channel.send(0);
    });
    other.receive();
}

fn a_lock_of_the_outside_is_not_shown() {
    let file =
        nix::sys::memfd::memfd_create(c"lock", nix::sys::memfd::MFdFlags::empty()).expect("memfd");
    let lock = |start: i64| {
        // SAFETY: the pointer is to a live `flock`.
        unsafe {
            let mut lock: libc::flock = std::mem::zeroed();
            (lock.l_type, lock.l_start, lock.l_len) = (libc::F_WRLCK as i16, start, 1);
            check!(
                libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &lock),
                0,
                "F_SETLK"
            );
        }
    };
    lock(0);
    let outer = Proc::at("/proc");
    let holders = |proc: &Proc| -> Vec<String> {
        let text = proc.read("locks").expect("locks");
        text.lines()
            .filter_map(|l| l.split_whitespace().nth(4).map(str::to_string))
            .collect()
    };
    let init = new_ns(|channel| {
        lock(10);
        check!(
            holders(&Proc::mount()),
            ["1"],
            "holders in a mount of the inside"
        );
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let seen = holders(&outer);
    check!(
        seen.contains(&pid().to_string()) && seen.contains(&init.pid.to_string()),
        true,
        "me and init in {seen:?}"
    );
}

fn a_mount_outlives_its_namespace() {
    for _ in 0..5 {
        let init = new_ns(|channel| {
            let _members = sleepers(3);
            let proc = Proc::mount();
            channel.send_fd(proc.fd());
            echo(channel);
        });
        let proc = Proc::from_fd(init.channel.receive_fd());
        check!(proc.pids(), [1, 2, 3, 4]);
        init.end();
        check!(proc.pids(), [0; 0], "processes of a dead namespace");
        check!(proc.read("1/stat"), Err(Errno::ENOENT), "its init");
        check!(proc.link("self"), Err(Errno::ENOENT), "its self");
        check!(
            proc.read("uptime").is_ok(),
            true,
            "a file that has nothing to do with processes"
        );
    }
}

fn open_files_outlive_their_process() {
    use std::io::Read;
    let init = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        echo(channel);
    });
    let proc = Proc::from_fd(init.channel.receive_fd());
    let directory = proc
        .open("1", OFlag::O_RDONLY | OFlag::O_DIRECTORY)
        .expect("open of a directory");
    let mut stat = proc.open("1/stat", OFlag::O_RDONLY).expect("open of stat");
    drop(proc);
    init.end();
    let read = stat.read(&mut [0; 64]).map_err(|e| e.raw_os_error());
    check!(
        read,
        Err(Some(libc::ESRCH)),
        "read of the stat of a dead process"
    );
    let inside = nix::fcntl::openat(
        &directory,
        "stat",
        OFlag::O_RDONLY,
        nix::sys::stat::Mode::empty(),
    );
    check!(
        inside.map(drop),
        Err(Errno::ESRCH),
        "open in the directory of a dead process"
    );
}

/// Sends a signal through the directory of a process.
fn signal_through(proc: &Proc, process: i32, signal: i32) -> nix::Result<()> {
    let directory = proc.open(&process.to_string(), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
    // SAFETY: the null siginfo is allowed.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            directory.as_raw_fd(),
            signal,
            0usize,
            0,
        )
    };
    Errno::result(sent).map(drop)
}

fn a_directory_of_a_process_takes_signals() {
    let outer = Proc::at("/proc");
    let outside = pid();
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let member = fork(|_| sleep_for_ever());
        check!(signal_through(&proc, 2, libc::SIGTERM), Ok(()));
        check!(
            member.wait(),
            End::Killed(libc::SIGTERM),
            "the end of a member"
        );
        check!(
            signal_through(&proc, 1, libc::SIGKILL),
            Ok(()),
            "SIGKILL by init to itself"
        );
        check!(
            signal_through(&outer, outside, libc::SIGKILL),
            Err(Errno::EINVAL),
            "SIGKILL to the outside"
        );
        channel.send(0);
    });
    init.receive();
}

fn signals_through_a_directory_from_outside() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        echo(channel);
    });
    let proc = Proc::from_fd(init.channel.receive_fd());
    check!(signal_through(&proc, 1, libc::SIGTERM), Ok(()));
    init.check_alive();
    check!(signal_through(&proc, 1, libc::SIGKILL), Ok(()));
    check!(init.wait(), End::Killed(libc::SIGKILL));
}
