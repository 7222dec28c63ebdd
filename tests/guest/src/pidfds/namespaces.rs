//! The pid namespaces of the process behind a pidfd.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::clone::Clone;
use crate::harness::Test;
use crate::ns_file::{inode_of, NsFile, INITIAL_INODE};
use crate::privilege::become_nobody;
use crate::process::{
    fork, new_ns, pid, pidfd_open, unshare_pid, wait_for_message, wait_for_zombie, End,
};

pub const TESTS: &[Test] = tests![
    the_own_one,
    one_for_children,
    one_for_children_without_an_init,
    one_that_can_be_entered,
    of_the_outside_from_inside,
    of_a_zombie,
    of_a_reaped_process,
    of_a_process_that_one_may_not_trace,
    with_an_argument,
];

pub const PIDFD_GET_PID_NAMESPACE: u64 = 0xff05;
pub const PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE: u64 = 0xff06;
const BOTH: [u64; 2] = [
    PIDFD_GET_PID_NAMESPACE,
    PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE,
];

pub fn get(pidfd: &OwnedFd, request: u64, argument: u64) -> nix::Result<NsFile> {
    // SAFETY: the request takes no pointer, and gives a descriptor of our own.
    unsafe {
        let fd = Errno::result(libc::ioctl(pidfd.as_raw_fd(), request, argument))?;
        Ok(NsFile::from_fd(OwnedFd::from_raw_fd(fd)))
    }
}

/// The inode numbers of a process's own namespace and of that of its children.
fn inodes(pidfd: &OwnedFd) -> [nix::Result<u64>; 2] {
    BOTH.map(|request| get(pidfd, request, 0).map(|file| file.inode()))
}

fn the_own_one() {
    let me = pidfd_open(pid()).expect("pidfd_open");
    check!(inodes(&me), [Ok(INITIAL_INODE), Ok(INITIAL_INODE)]);
    let init = new_ns(wait_for_message);
    let inner = inode_of(init.pid, "pid");
    check!(inodes(&init.pidfd()), [Ok(inner), Ok(inner)]);
    let file = get(&init.pidfd(), PIDFD_GET_PID_NAMESPACE, 0).expect("a namespace");
    check!(file.stat().st_dev, NsFile::of("self").stat().st_dev);
    // SAFETY: the call takes no pointers.
    let flags = unsafe { libc::fcntl(file.fd(), libc::F_GETFD) };
    check!(flags, libc::FD_CLOEXEC);
}

fn one_for_children() {
    let maker = fork(|channel| {
        unshare_pid();
        let _init = fork(wait_for_message);
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    let made = inode_of(maker.pid, "pid_for_children");
    check!(inodes(&maker.pidfd()), [Ok(INITIAL_INODE), Ok(made)]);
}

fn one_for_children_without_an_init() {
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    let file = get(&maker.pidfd(), PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE, 0);
    check!(file.expect("a namespace").enter(0), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn one_that_can_be_entered() {
    let init = new_ns(wait_for_message);
    for (request, number) in BOTH.into_iter().zip(2..) {
        let file = get(&init.pidfd(), request, 0).expect("a namespace");
        check!(file.enter(libc::CLONE_NEWPID), Ok(()));
        check!(Clone::new(0).attempt_inside(), Ok(number));
    }
}

fn of_the_outside_from_inside() {
    let outside = pidfd_open(pid()).expect("pidfd_open");
    let init = new_ns(|channel| {
        check!(inodes(&outside), [Ok(INITIAL_INODE), Ok(INITIAL_INODE)]);
        let first = get(&outside, PIDFD_GET_PID_NAMESPACE, 0).expect("a namespace");
        check!(first.enter(0), Err(Errno::EINVAL));
        channel.send(0);
    });
    init.receive();
}

fn of_a_zombie() {
    let init = new_ns(|_| ());
    let pidfd = init.pidfd();
    wait_for_zombie(init.pid);
    check!(inodes(&pidfd), [Err(Errno::ESRCH), Err(Errno::ESRCH)]);
    check!(init.wait(), End::Exit(0));
}

fn of_a_reaped_process() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    init.end();
    check!(inodes(&pidfd), [Err(Errno::ESRCH), Err(Errno::ESRCH)]);
}

fn of_a_process_that_one_may_not_trace() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    let own = pidfd_open(pid()).expect("pidfd_open");
    become_nobody();
    check!(inodes(&pidfd), [Err(Errno::EACCES), Err(Errno::EACCES)]);
    check!(inodes(&own), [Ok(INITIAL_INODE), Ok(INITIAL_INODE)]);
}

fn with_an_argument() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    for request in BOTH {
        check!(get(&pidfd, request, 1).err(), Some(Errno::EINVAL));
    }
    let unknown = get(&pidfd, 0xff7f, 0).err();
    check!(unknown, Some(Errno::ENOTTY), "an ioctl that is none");
    let file = NsFile::of(init.pid);
    check!(
        file.ask(PIDFD_GET_PID_NAMESPACE, 0),
        Err(Errno::ENOTTY),
        "to a namespace"
    );
}
