//! Entering several namespaces of a process at once, by its pidfd: all of them or none.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::{inode_of, setns, NsFile};
use crate::privilege::become_nobody;
use crate::process::{
    fork, new_ns, pid, pidfd_open, sleeping_thread, unshare, unshare_pid, wait_for_message,
    wait_for_zombie, End,
};
use crate::processor::{call32, wants_call32};

use super::maker;

pub const TESTS: &[Test] = tests![
    the_pid_namespace_alone,
    with_the_other_namespaces,
    the_processes_own_not_its_childrens,
    of_the_caller,
    of_a_thread,
    by_the_system_call_of_32_bit_programs,
    no_flags_and_wrong_flags,
    all_or_nothing_outside_of_the_subtree,
    all_or_nothing_with_a_user_namespace,
    not_of_a_reaped_process,
    not_of_a_zombie,
    not_of_a_process_that_one_may_not_trace,
    not_of_the_outside,
];

/// Every kind of namespace but the user's.
const KINDS: [(i32, &str); 7] = [
    (libc::CLONE_NEWNS, "mnt"),
    (libc::CLONE_NEWUTS, "uts"),
    (libc::CLONE_NEWIPC, "ipc"),
    (libc::CLONE_NEWNET, "net"),
    (libc::CLONE_NEWCGROUP, "cgroup"),
    (0x80, "time"), // CLONE_NEWTIME
    (libc::CLONE_NEWPID, "pid_for_children"),
];

/// The inode numbers of a process's namespaces, in the order of `KINDS`.
#[track_caller]
fn inodes(process: i32) -> [u64; 7] {
    KINDS.map(|(_, name)| inode_of(process, name))
}

fn enter(pidfd: &OwnedFd, flags: i32) -> nix::Result<()> {
    setns(pidfd.as_raw_fd(), flags)
}

fn the_pid_namespace_alone() {
    let init = Clone::new(NEWPID | libc::CLONE_NEWUTS as u64)
        .start(wait_for_message)
        .expect("clone3");
    let before = inodes(pid());
    check!(enter(&init.pidfd(), libc::CLONE_NEWPID), Ok(()));
    check!(inodes(pid())[..6], before[..6], "the other namespaces");
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn with_the_other_namespaces() {
    let flags = KINDS[..5].iter().fold(0, |all, (flag, _)| all | flag);
    let init = Clone::new(NEWPID | flags as u64)
        .start(wait_for_message)
        .expect("clone3");
    let (theirs, own) = (inodes(init.pid), inode_of("self", "pid"));
    let all = KINDS.iter().fold(0, |all, (flag, _)| all | flag);
    check!(enter(&init.pidfd(), all), Ok(()));
    check!(inodes(pid()), theirs, "the caller's namespaces");
    check!(inode_of("self", "pid"), own, "the caller's pid namespace");
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn the_processes_own_not_its_childrens() {
    let maker = maker();
    check!(enter(&maker.pidfd(), libc::CLONE_NEWPID), Ok(()));
    check!(
        inode_of("self", "pid_for_children"),
        inode_of("self", "pid")
    );
    let child = fork(|channel| channel.send(pid()));
    check!(child.receive(), child.pid, "the child's number for itself");
}

fn of_the_caller() {
    unshare_pid();
    let me = pidfd_open(pid()).expect("pidfd_open");
    check!(enter(&me, libc::CLONE_NEWPID), Ok(()));
    check!(
        inode_of("self", "pid_for_children"),
        inode_of("self", "pid")
    );
}

fn of_a_thread() {
    let init = new_ns(|channel| {
        // SAFETY: the call takes no pointers, and gives a descriptor of our own.
        let thread = unsafe {
            const PIDFD_THREAD: i32 = libc::O_EXCL;
            let number = sleeping_thread();
            libc::syscall(libc::SYS_pidfd_open, number, PIDFD_THREAD)
        };
        channel.send_fd(Errno::result(thread).expect("pidfd_open") as i32);
        channel.receive_or_end();
    });
    check!(
        enter(&init.channel.receive_fd(), libc::CLONE_NEWPID),
        Ok(())
    );
    check!(
        Clone::new(0).attempt_inside(),
        Ok(3),
        "after init and its thread"
    );
}

fn by_the_system_call_of_32_bit_programs() {
    wants_call32();
    const SETNS: i32 = 346;
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    let setns32 = |flags: i32| call32(SETNS, [pidfd.as_raw_fd() as u32, flags as u32, 0]);
    for flags in [0, libc::CLONE_NEWPID | libc::CLONE_VM] {
        check!(setns32(flags), Err(Errno::EINVAL), "flags {flags:#x}");
    }
    check!(setns32(libc::CLONE_NEWUTS), Ok(0));
    check!(setns32(libc::CLONE_NEWPID | libc::CLONE_NEWUTS), Ok(0));
    check!(Clone::new(0).attempt_inside(), Ok(2));
    init.end();
    check!(setns32(libc::CLONE_NEWPID), Err(Errno::ESRCH));
}

fn no_flags_and_wrong_flags() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    for flags in [
        0,
        libc::CLONE_VM,
        libc::CLONE_NEWPID | libc::CLONE_VM,
        1,
        -1,
    ] {
        check!(
            enter(&pidfd, flags),
            Err(Errno::EINVAL),
            "setns with {flags:#x}"
        );
    }
    check!(
        inode_of("self", "pid_for_children"),
        inode_of("self", "pid")
    );
}

/// Fails unless a refused call leaves every namespace of the caller as it was. The caller is an
/// init, and sees the machine's first /proc.
#[track_caller]
fn check_refused(pidfd: &OwnedFd, flags: i32, error: Errno) {
    let all = || KINDS.map(|(_, name)| inode_of("self", name));
    let (before, user) = (all(), inode_of("self", "user"));
    check!(enter(pidfd, flags), Err(error), "setns with {flags:#x}");
    check!(all(), before, "the caller's namespaces after {flags:#x}");
    check!(inode_of("self", "user"), user);
}

fn all_or_nothing_outside_of_the_subtree() {
    let outside = pidfd_open(pid()).expect("pidfd_open");
    let others = KINDS[..5].iter().fold(0, |all, (flag, _)| all | flag);
    let init = Clone::new(NEWPID | others as u64).start(|channel| {
        check_refused(&outside, libc::CLONE_NEWPID, Errno::EINVAL);
        for (flag, _) in &KINDS[..6] {
            check_refused(&outside, libc::CLONE_NEWPID | flag, Errno::EINVAL);
        }
        check_refused(&outside, libc::CLONE_NEWPID | others, Errno::EINVAL);
        check!(Clone::new(0).attempt_inside(), Ok(2));
        check!(enter(&outside, others), Ok(()), "all but the pid namespace");
        check!(Clone::new(0).attempt_inside(), Ok(3));
        channel.send(0);
    });
    init.expect("clone3").receive();
}

fn all_or_nothing_with_a_user_namespace() {
    // Nobody enters the user namespace that it is in; so the pid namespace is not entered either.
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    let both = libc::CLONE_NEWUSER | libc::CLONE_NEWPID;
    check_refused(&pidfd, both, Errno::EINVAL);
    check_refused(&pidfd, both | libc::CLONE_NEWUTS, Errno::EINVAL);
    check!(enter(&pidfd, libc::CLONE_NEWPID), Ok(()));
    check!(NsFile::of("self").enter(0), Ok(()));
    let child = fork(|channel| {
        check!(unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWUTS), Ok(()));
        check_refused(&pidfd, libc::CLONE_NEWPID, Errno::EPERM);
        channel.send(0);
    });
    child.receive();
}

fn not_of_a_reaped_process() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    init.end();
    check_refused(&pidfd, libc::CLONE_NEWPID, Errno::ESRCH);
    check_refused(
        &pidfd,
        libc::CLONE_NEWPID | libc::CLONE_NEWNET,
        Errno::ESRCH,
    );
    check!(enter(&pidfd, 0), Err(Errno::EINVAL), "flags come first");
}

fn not_of_a_zombie() {
    let init = new_ns(|_| ());
    let pidfd = init.pidfd();
    wait_for_zombie(init.pid);
    check_refused(&pidfd, libc::CLONE_NEWPID, Errno::ESRCH);
    check!(init.wait(), End::Exit(0));
}

fn not_of_a_process_that_one_may_not_trace() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    become_nobody();
    check!(enter(&pidfd, libc::CLONE_NEWPID), Err(Errno::EPERM));
    check!(enter(&pidfd, 0), Err(Errno::EINVAL), "flags come first");
}

fn not_of_the_outside() {
    let outside = pidfd_open(pid()).expect("pidfd_open");
    let sibling = new_ns(wait_for_message);
    let theirs = sibling.pidfd();
    let init = new_ns(|channel| {
        check_refused(&outside, libc::CLONE_NEWPID, Errno::EINVAL);
        check_refused(&theirs, libc::CLONE_NEWPID, Errno::EINVAL);
        channel.send(0);
    });
    init.receive();
}
