//! Numbers that a pidfd shows: in its `fdinfo`, and by PIDFD_GET_INFO.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;

use crate::clone::Clone;
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::proc_fs::Proc;
use crate::process::{
    fork, new_ns, pid, pidfd_open, sleep_for_ever, sleeping_thread, wait_for_message,
    wait_for_zombie, End,
};

pub const TESTS: &[Test] = tests![
    the_place_of_the_lines,
    numbers_at_the_top,
    numbers_down_to_the_bottom,
    numbers_in_every_mount,
    a_process_outside_is_zero,
    a_neighbour_is_zero,
    a_thread_has_its_own_numbers,
    a_zombie_keeps_its_numbers,
    a_reaped_process_has_none,
    a_process_that_entered,
    information_in_the_readers_numbers,
    information_of_a_thread,
    information_after_the_end,
];

/// The numbers in the `Pid` and `NSpid` lines that a mount shows for the caller's descriptor.
#[track_caller]
fn numbers(proc: &Proc, fd: &OwnedFd) -> (i32, Vec<i32>) {
    let path = format!("self/fdinfo/{}", fd.as_raw_fd());
    let text = proc.read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let line = |name: &str| -> Vec<i32> {
        let value = text.lines().find_map(|l| l.strip_prefix(name));
        let value = value.unwrap_or_else(|| panic!("no {name:?} in {path}"));
        value
            .split('\t')
            .map(|n| n.parse().expect("a number"))
            .collect()
    };
    (line("Pid:\t")[0], line("NSpid:\t"))
}

fn the_place_of_the_lines() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(path).expect("fdinfo");
    let names: Vec<&str> = text.lines().filter_map(|l| l.split(':').next()).collect();
    check!(names, ["pos", "flags", "mnt_id", "ino", "Pid", "NSpid"]);
}

fn numbers_at_the_top() {
    let child = fork(wait_for_message);
    let seen = numbers(&Proc::at("/proc"), &child.pidfd());
    check!(seen, (child.pid, vec![child.pid]));
}

/// An init whose child is the init of a third level; gives a pidfd of that one.
fn bottom() -> (crate::process::Child, OwnedFd) {
    let outer = new_ns(|channel| {
        let _sleeper = fork(|_| sleep_for_ever());
        let inner = new_ns(wait_for_message);
        channel.send_fd(inner.pidfd().as_raw_fd());
        channel.receive_or_end();
    });
    let pidfd = outer.channel.receive_fd();
    (outer, pidfd)
}

fn numbers_down_to_the_bottom() {
    let (outer, pidfd) = bottom();
    let top = NsFile::of(outer.pid).ask(crate::ns_file::NS_GET_PID_FROM_PIDNS, 3);
    let top = top.expect("the inner init's number at the top");
    check!(numbers(&Proc::at("/proc"), &pidfd), (top, vec![top, 3, 1]));
}

fn numbers_in_every_mount() {
    let own = pidfd_open(pid()).expect("pidfd_open");
    let outer = Proc::at("/proc");
    let me = pid();
    let init = new_ns(|channel| {
        let inner = Proc::mount();
        let first = pidfd_open(1).expect("pidfd_open");
        check!(numbers(&inner, &first), (1, vec![1]));
        check!(
            numbers(&inner, &own),
            (0, vec![0]),
            "the outside in a mount of the inside"
        );
        check!(
            numbers(&outer, &own),
            (me, vec![me]),
            "the outside in its own mount"
        );
        let (number, levels) = numbers(&outer, &first);
        check!(levels, [number, 1], "init in a mount of the outside");
        channel.send(number);
    });
    check!(init.receive(), init.pid);
}

fn a_process_outside_is_zero() {
    let outside = fork(wait_for_message);
    let pidfd = outside.pidfd();
    let init = new_ns(|channel| {
        check!(numbers(&Proc::mount(), &pidfd), (0, vec![0]));
        channel.send(0);
    });
    init.receive();
}

fn a_neighbour_is_zero() {
    let neighbour = new_ns(wait_for_message);
    let pidfd = neighbour.pidfd();
    let init = new_ns(|channel| {
        check!(numbers(&Proc::mount(), &pidfd), (0, vec![0]));
        channel.send(0);
    });
    init.receive();
    let seen = numbers(&Proc::at("/proc"), &pidfd);
    check!(seen, (neighbour.pid, vec![neighbour.pid, 1]));
}

/// A pidfd of one thread of the caller, which does nothing but wait.
fn thread() -> (i32, OwnedFd) {
    use std::os::fd::FromRawFd;
    const PIDFD_THREAD: i32 = libc::O_EXCL;
    let number = sleeping_thread();
    // SAFETY: the call takes no pointers, and gives a descriptor of our own.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, number, PIDFD_THREAD);
        let fd = Errno::result(fd).expect("pidfd_open of a thread");
        (number, OwnedFd::from_raw_fd(fd as i32))
    }
}

fn a_thread_has_its_own_numbers() {
    let init = new_ns(|channel| {
        let (number, pidfd) = thread();
        check!(numbers(&Proc::mount(), &pidfd), (number, vec![number]));
        channel.send_fd(pidfd.as_raw_fd());
        channel.send(number);
        channel.receive_or_end();
    });
    let pidfd = init.channel.receive_fd();
    let inner = init.receive();
    let (outer, levels) = numbers(&Proc::at("/proc"), &pidfd);
    check!(levels, [outer, inner]);
    check!(outer == init.pid, false, "the thread has init's number");
}

fn a_zombie_keeps_its_numbers() {
    let init = new_ns(|_| ());
    let pidfd = init.pidfd();
    wait_for_zombie(init.pid);
    check!(
        numbers(&Proc::at("/proc"), &pidfd),
        (init.pid, vec![init.pid, 1])
    );
    check!(init.wait(), End::Exit(0));
}

fn a_reaped_process_has_none() {
    let outside = fork(wait_for_message);
    let init = new_ns(wait_for_message);
    let pidfds = [outside.pidfd(), init.pidfd()];
    outside.end();
    init.end();
    for pidfd in &pidfds {
        check!(numbers(&Proc::at("/proc"), pidfd), (-1, vec![-1]));
    }
    let reader = new_ns(|channel| {
        for pidfd in &pidfds {
            check!(
                numbers(&Proc::mount(), pidfd),
                (-1, vec![-1]),
                "from elsewhere"
            );
        }
        channel.send(0);
    });
    reader.receive();
}

fn a_process_that_entered() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let member = fork(wait_for_message);
    let seen = numbers(&Proc::at("/proc"), &member.pidfd());
    check!(seen, (member.pid, vec![member.pid, 2]));
}

/// The part of `struct pidfd_info` that was there first.
#[derive(Debug, PartialEq, Eq)]
struct Info {
    pid: i32,
    tgid: i32,
    ppid: i32,
    exit_code: Option<i32>,
}

fn information(pidfd: &OwnedFd, mask: u32) -> nix::Result<Info> {
    const PIDFD_GET_INFO: u64 = 3 << 30 | 64 << 16 | 0xff << 8 | 11;
    let mut words = [0u32; 16];
    words[0] = mask;
    // SAFETY: the buffer has the 64 bytes that the request names.
    Errno::result(unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, words.as_mut_ptr()) })?;
    Ok(Info {
        pid: words[4] as i32,
        tgid: words[5] as i32,
        ppid: words[6] as i32,
        exit_code: (words[0] & EXIT != 0).then_some(words[15] as i32),
    })
}

const PID: u32 = 1;
const EXIT: u32 = 8;

#[track_caller]
fn check_information(pidfd: &OwnedFd, pid: i32, tgid: i32, ppid: i32) {
    let want = Info {
        pid,
        tgid,
        ppid,
        exit_code: None,
    };
    check!(information(pidfd, PID), Ok(want));
}

fn information_in_the_readers_numbers() {
    let me = pid();
    let own = pidfd_open(me).expect("pidfd_open");
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        let first = pidfd_open(1).expect("pidfd_open");
        check_information(&first, 1, 1, 0);
        check_information(&member.pidfd(), 2, 2, 1);
        check!(information(&own, PID), Err(Errno::EREMOTE), "the outside");
        channel.send_fd(first.as_raw_fd());
        channel.receive_or_end();
    });
    let first = init.channel.receive_fd();
    check_information(&first, init.pid, init.pid, me);
    let neighbour = new_ns(|channel| {
        let seen = information(&first, PID);
        channel.send(crate::process::errno_of(seen));
    });
    check!(neighbour.receive(), libc::EREMOTE, "a neighbour");
}

fn information_of_a_thread() {
    let init = new_ns(|channel| {
        let (number, pidfd) = thread();
        check_information(&pidfd, number, 1, 0);
        channel.send_fd(pidfd.as_raw_fd());
        channel.receive_or_end();
    });
    let seen = information(&init.channel.receive_fd(), PID).expect("PIDFD_GET_INFO");
    check!((seen.tgid, seen.ppid), (init.pid, pid()));
}

fn information_after_the_end() {
    let init = Clone::new(crate::clone::NEWPID)
        .start(|_| crate::process::quit(3))
        .expect("clone3");
    let pidfd = init.pidfd();
    check!(init.wait(), End::Exit(3));
    check!(
        information(&pidfd, PID),
        Err(Errno::ESRCH),
        "without PIDFD_INFO_EXIT"
    );
    let seen = information(&pidfd, EXIT).expect("PIDFD_GET_INFO");
    check!(seen.exit_code, Some(3 << 8));
    let reader = new_ns(|channel| {
        check!(
            information(&pidfd, EXIT),
            Err(Errno::EREMOTE),
            "from elsewhere"
        );
        channel.send(0);
    });
    reader.receive();
}
