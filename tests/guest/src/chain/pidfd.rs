//! A process is more than its number: pidfds.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;

use crate::harness::Test;
use crate::proc_fs::Proc;
use crate::process::{fork, new_ns, pid, pidfd_open, wait_for_message, wait_pidfd, End};

pub const TESTS: &[Test] = tests![
    pidfds_of_one_process_are_one_inode,
    pidfds_of_recycled_numbers_differ,
    pidfd_info_speaks_the_readers_numbers,
    pidfd_fdinfo_speaks_the_mounts_numbers,
    a_pidfd_from_outside_has_no_power_inside,
    a_pidfd_tells_the_end_of_init,
];

fn inode(fd: &OwnedFd) -> u64 {
    nix::sys::stat::fstat(fd).expect("fstat of a pidfd").st_ino
}

fn pidfds_of_one_process_are_one_inode() {
    let init = new_ns(|channel| {
        let child = fork(wait_for_message);
        let own = pidfd_open(1).expect("pidfd_open");
        check!(
            inode(&own) == inode(&child.pidfd()),
            false,
            "init and its child have the same inode"
        );
        check!(
            inode(&child.pidfd()),
            inode(&child.pidfd()),
            "two pidfds of the child"
        );
        channel.send_fd(own.as_raw_fd());
        channel.receive_or_end();
    });
    let theirs = init.channel.receive_fd();
    check!(
        inode(&theirs),
        inode(&init.pidfd()),
        "init's pidfd opened inside and outside"
    );
    check!(
        inode(&theirs) == inode(&pidfd_open(pid()).expect("pidfd_open")),
        false,
        "init's inode is mine"
    );
}

fn pidfds_of_recycled_numbers_differ() {
    let wish = crate::clone::Clone::new(0).set_tid(&[55]);
    let init = new_ns(|channel| {
        let mut seen = Vec::new();
        for _ in 0..10 {
            let child = wish.clone().start(wait_for_message);
            let child = child.expect("clone3");
            let pidfd = child.pidfd();
            seen.push(inode(&pidfd));
            child.send(0);
            check!(child.wait(), End::Exit(0));
        }
        seen.sort_unstable();
        seen.dedup();
        channel.send(seen.len() as i32);
    });
    check!(
        init.receive(),
        10,
        "different inodes of number 55 in ten lives"
    );
}

/// pid, tgid and ppid of a process as the caller may know them.
fn pidfd_info(fd: &OwnedFd) -> nix::Result<[i32; 3]> {
    const PIDFD_GET_INFO: u64 = 3 << 30 | 64 << 16 | 0xff << 8 | 11;
    const MASK_PID: u64 = 1;
    let mut info = [0u32; 16];
    info[0] = MASK_PID as u32;
    // SAFETY: the buffer has the 64 bytes that the request names.
    Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), PIDFD_GET_INFO, info.as_mut_ptr()) })?;
    Ok([info[4] as i32, info[5] as i32, info[6] as i32])
}

fn pidfd_info_speaks_the_readers_numbers() {
    let outside = pidfd_open(pid()).expect("pidfd_open");
    let init = new_ns(|channel| {
        let child = fork(wait_for_message);
        let pidfd = child.pidfd();
        check!(
            pidfd_info(&pidfd),
            Ok([2, 2, 1]),
            "the child as init sees it"
        );
        check!(
            pidfd_info(&outside),
            Err(Errno::EREMOTE),
            "the outside as init sees it"
        );
        channel.send_fd(pidfd.as_raw_fd());
        channel.receive_or_end();
    });
    let seen = pidfd_info(&init.channel.receive_fd()).expect("PIDFD_GET_INFO");
    check!(
        (seen[0] == seen[1], seen[0] > 2, seen[2]),
        (true, true, init.pid),
        "the child from outside: {seen:?}"
    );
}

fn pidfd_fdinfo_speaks_the_mounts_numbers() {
    let me = pidfd_open(pid()).expect("pidfd_open");
    let outer = Proc::at("/proc");
    let init = new_ns(|channel| {
        let inner = Proc::mount();
        let own = pidfd_open(1).expect("pidfd_open");
        let number = |proc: &Proc, at: i32, fd: &OwnedFd| -> i32 {
            let text = proc
                .read(&format!("{at}/fdinfo/{}", fd.as_raw_fd()))
                .expect("fdinfo");
            let line = text.lines().find_map(|l| l.strip_prefix("Pid:"));
            line.expect("a Pid line").trim().parse().expect("a number")
        };
        channel.send_all(&[number(&inner, 1, &own), number(&inner, 1, &me)]);
        let outer_self: i32 = outer.link("self").expect("self").parse().expect("a number");
        channel.send_all(&[
            number(&outer, outer_self, &own),
            number(&outer, outer_self, &me),
        ]);
        channel.receive_or_end();
    });
    check!(
        init.receive_all(),
        [1, 0],
        "init and the outside, by a /proc of the inside"
    );
    check!(
        init.receive_all(),
        [init.pid, pid()],
        "init and the outside, by a /proc of the outside"
    );
}

fn a_pidfd_from_outside_has_no_power_inside() {
    let victim = fork(wait_for_message);
    let pidfd = victim.pidfd();
    let init = new_ns(|channel| {
        // SAFETY: the null siginfo is allowed.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                pidfd.as_raw_fd(),
                libc::SIGKILL,
                0usize,
                0,
            )
        };
        channel.send(if sent == -1 { Errno::last_raw() } else { 0 });
    });
    check!(
        init.receive(),
        libc::EINVAL,
        "pidfd_send_signal to the outside"
    );
    victim.send(0);
    check!(victim.wait(), End::Exit(0));
}

fn a_pidfd_tells_the_end_of_init() {
    let init = new_ns(|channel| {
        fork(wait_for_message);
        channel.receive_or_end();
    });
    let pidfd = init.pidfd();
    init.send(0);
    wait_pidfd(&pidfd);
    check!(init.wait(), End::Exit(0));
}
