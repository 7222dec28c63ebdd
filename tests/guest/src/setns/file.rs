//! Entering by the file of a namespace.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::sys::stat::Mode;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::{inode_of, setns, two_levels, NsFile};
use crate::process::{
    attempt_fork, fork, new_ns, pid, pidfd_open, unshare, unshare_pid, wait_for_message, End,
};

use super::maker;

pub const TESTS: &[Test] = tests![
    into_a_child,
    by_the_link_for_children,
    into_the_own,
    into_a_grandchild,
    from_one_child_into_another,
    there_and_back,
    not_into_a_parent,
    not_into_a_sibling,
    not_with_another_type,
    not_without_a_namespace,
    the_descriptor_is_not_needed_afterwards,
    one_thread_enters_for_itself,
    no_new_namespace_while_children_go_elsewhere,
    entering_the_own_undoes_an_unshare,
];

fn into_a_child() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    for (flags, number) in [(0, 2), (libc::CLONE_NEWPID, 3)] {
        check!(file.enter(flags), Ok(()), "setns with {flags:#x}");
        check!(Clone::new(0).attempt_inside(), Ok(number));
    }
}

fn by_the_link_for_children() {
    let maker = maker();
    let file = NsFile::for_children_of(maker.pid);
    check!(file.enter(libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn into_the_own() {
    check!(NsFile::of("self").enter(0), Ok(()));
    let child = fork(|channel| channel.send(pid()));
    check!(child.receive(), child.pid, "the child's number for itself");
    let init = new_ns(|channel| {
        check!(NsFile::of("self").enter(libc::CLONE_NEWPID), Ok(()));
        check!(Clone::new(0).attempt_inside(), Ok(2));
        channel.send(0);
    });
    init.receive();
}

fn into_a_grandchild() {
    let (_outer, inner) = two_levels();
    check!(inner.enter(0), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn from_one_child_into_another() {
    let (first, second) = (new_ns(wait_for_message), new_ns(wait_for_message));
    let (one, other) = (NsFile::of(first.pid), NsFile::of(second.pid));
    for number in 2..5 {
        check!(one.enter(0), Ok(()));
        check!(Clone::new(0).attempt_inside(), Ok(number));
        check!(other.enter(0), Ok(()));
        check!(Clone::new(0).attempt_inside(), Ok(number));
    }
}

fn there_and_back() {
    let own = NsFile::of("self");
    let (outer, inner) = two_levels();
    let outer = NsFile::of(outer.pid);
    for file in [&outer, &inner, &outer, &own] {
        check!(file.enter(libc::CLONE_NEWPID), Ok(()));
        check!(inode_of("self", "pid_for_children"), file.inode());
        check!(inode_of("self", "pid"), own.inode(), "the caller's own");
    }
    let child = fork(|channel| channel.send(pid()));
    check!(child.receive(), child.pid, "the child's number for itself");
}

fn not_into_a_parent() {
    let top = NsFile::of("self");
    let outer = new_ns(|channel| {
        let parent = NsFile::of("self");
        let inner = new_ns(|channel| {
            for file in [&top, &parent] {
                check!(file.enter(0), Err(Errno::EINVAL));
                check!(file.enter(libc::CLONE_NEWPID), Err(Errno::EINVAL));
            }
            check!(Clone::new(0).attempt_inside(), Ok(2));
            channel.send_fd(NsFile::of("self").fd());
            channel.receive_or_end();
        });
        let child = NsFile::from_fd(inner.channel.receive_fd());
        check!(top.enter(0), Err(Errno::EINVAL));
        // A member whose parent is above cannot leave either.
        check!(child.enter(0), Ok(()));
        let member = fork(|channel| {
            check!(parent.enter(0), Err(Errno::EINVAL));
            channel.send(0);
        });
        member.receive();
        channel.send(0);
    });
    outer.receive();
}

fn not_into_a_sibling() {
    let sibling = new_ns(wait_for_message);
    let theirs = NsFile::of(sibling.pid);
    let init = new_ns(|channel| {
        check!(theirs.enter(0), Err(Errno::EINVAL));
        check!(theirs.enter(libc::CLONE_NEWPID), Err(Errno::EINVAL));
        check!(Clone::new(0).attempt_inside(), Ok(2));
        channel.send(0);
    });
    init.receive();
}

fn not_with_another_type() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    for flags in [
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID | libc::CLONE_NEWUTS,
        libc::CLONE_VM,
        1,
        -1,
    ] {
        check!(
            file.enter(flags),
            Err(Errno::EINVAL),
            "setns with {flags:#x}"
        );
    }
    let uts = NsFile::named(init.pid, "uts");
    check!(uts.enter(libc::CLONE_NEWPID), Err(Errno::EINVAL));
    check!(
        inode_of("self", "pid_for_children"),
        inode_of("self", "pid")
    );
}

fn not_without_a_namespace() {
    let flags = libc::CLONE_NEWPID;
    check!(setns(-1, flags), Err(Errno::EBADF));
    check!(setns(9999, 0), Err(Errno::EBADF));
    let path = open("/proc/self/ns/pid", OFlag::O_PATH, Mode::empty()).expect("open with O_PATH");
    check!(setns(path.as_raw_fd(), flags), Err(Errno::EBADF), "O_PATH");
    for path in [
        "/dev/null",
        "/proc/self",
        "/proc/self/ns",
        "/proc/self/status",
    ] {
        let file = std::fs::File::open(path).expect(path);
        check!(setns(file.as_raw_fd(), flags), Err(Errno::EINVAL), "{path}");
        check!(setns(file.as_raw_fd(), 0), Err(Errno::EINVAL), "{path}");
    }
    let (end, _other) = nix::unistd::pipe().expect("pipe");
    check!(setns(end.as_raw_fd(), flags), Err(Errno::EINVAL), "a pipe");
}

fn the_descriptor_is_not_needed_afterwards() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(attempt_fork().is_ok(), true);
    init.end();
    check!(
        attempt_fork(),
        Err(Errno::ENOMEM),
        "a fork into a dead namespace"
    );
    check!(NsFile::of("self").enter(0), Ok(()));
    check!(attempt_fork().is_ok(), true, "a fork after coming home");
}

fn one_thread_enters_for_itself() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let number = std::thread::spawn(move || {
        check!(file.enter(libc::CLONE_NEWPID), Ok(()));
        let thread = format!("self/task/{}", crate::process::tid());
        check!(inode_of(&thread, "pid_for_children"), file.inode());
        Clone::new(0).attempt_inside()
    });
    check!(number.join().expect("join"), Ok(2));
    check!(
        inode_of("self", "pid_for_children"),
        inode_of("self", "pid")
    );
    let child = fork(|channel| channel.send(pid()));
    check!(child.receive(), child.pid, "a child of the other thread");
}

fn no_new_namespace_while_children_go_elsewhere() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(unshare(libc::CLONE_NEWPID), Err(Errno::EINVAL));
    check!(Clone::new(NEWPID).attempt(), Err(Errno::EINVAL));
    check!(Clone::new(0).attempt_inside(), Ok(2));
    let me = pidfd_open(pid()).expect("pidfd_open");
    check!(setns(me.as_raw_fd(), libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(NEWPID).attempt_inside(), Ok(1));
}

fn entering_the_own_undoes_an_unshare() {
    let own = NsFile::of("self");
    let mut seen = vec![own.inode()];
    for _ in 0..5 {
        unshare_pid();
        let child = Clone::new(0).start(wait_for_message).expect("clone3");
        seen.push(inode_of("self", "pid_for_children"));
        check!(own.enter(0), Ok(()));
        child.send(0);
        check!(child.wait(), End::Exit(0));
        check!(Clone::new(NEWPID).attempt_inside(), Ok(1));
    }
    check!(
        seen[1..].contains(&seen[0]),
        false,
        "inode numbers {seen:?}"
    );
}
