//! Who may enter: CAP_SYS_ADMIN in the namespace's user namespace, and in the caller's own.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::{inode_of, setns, NsFile};
use crate::privilege::{become_nobody, drop_capability, keep_only, CAP_SYS_ADMIN};
use crate::process::{fork, new_ns, pid, unshare, wait_for_message, Child};

pub const TESTS: &[Test] = tests![
    without_the_capability,
    with_the_capability_alone,
    the_capability_is_asked_for_first,
    a_descriptor_gives_no_power,
    an_unprivileged_user_into_its_own,
    an_unprivileged_user_step_by_step,
    a_user_namespaces_root_into_the_outer,
    a_user_namespaces_root_into_one_of_the_outer,
];

fn without_the_capability() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let pidfd = init.pidfd();
    drop_capability(CAP_SYS_ADMIN);
    check!(file.enter(0), Err(Errno::EPERM));
    check!(file.enter(libc::CLONE_NEWPID), Err(Errno::EPERM));
    check!(
        NsFile::of("self").enter(0),
        Err(Errno::EPERM),
        "the own one"
    );
    let by_pidfd = setns(pidfd.as_raw_fd(), libc::CLONE_NEWPID);
    check!(by_pidfd, Err(Errno::EPERM));
    check!(
        inode_of("self", "pid_for_children"),
        inode_of("self", "pid")
    );
}

fn with_the_capability_alone() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    keep_only(&[CAP_SYS_ADMIN]);
    check!(file.enter(0), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn the_capability_is_asked_for_first() {
    let outer = NsFile::of("self");
    let init = new_ns(|channel| {
        drop_capability(CAP_SYS_ADMIN);
        check!(outer.enter(0), Err(Errno::EPERM), "an outer one");
        check!(
            outer.enter(libc::CLONE_NEWUTS),
            Err(Errno::EINVAL),
            "a wrong type"
        );
        check!(setns(-1, 0), Err(Errno::EBADF));
        channel.send(0);
    });
    init.receive();
}

fn a_descriptor_gives_no_power() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    become_nobody();
    check!(file.enter(0), Err(Errno::EPERM));
}

/// An unprivileged process's child in a user and a pid namespace of its own.
#[track_caller]
fn own_container() -> Child {
    become_nobody();
    nix::sys::prctl::set_dumpable(true).expect("PR_SET_DUMPABLE");
    let flags = NEWPID | libc::CLONE_NEWUSER as u64;
    Clone::new(flags).start(wait_for_message).expect("clone3")
}

fn an_unprivileged_user_into_its_own() {
    let init = own_container();
    let pidfd = init.pidfd();
    let enter = |flags| setns(pidfd.as_raw_fd(), flags);
    check!(
        enter(libc::CLONE_NEWPID),
        Err(Errno::EPERM),
        "the pid namespace alone"
    );
    check!(enter(libc::CLONE_NEWUSER | libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
    check!(inode_of("self", "user"), inode_of(init.pid, "user"));
}

fn an_unprivileged_user_step_by_step() {
    let init = own_container();
    let (user, file) = (NsFile::named(init.pid, "user"), NsFile::of(init.pid));
    check!(
        file.enter(0),
        Err(Errno::EPERM),
        "without its user namespace"
    );
    check!(user.enter(libc::CLONE_NEWUSER), Ok(()));
    check!(file.enter(libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn a_user_namespaces_root_into_the_outer() {
    let own = NsFile::of("self");
    check!(unshare(libc::CLONE_NEWUSER), Ok(()));
    check!(own.enter(0), Err(Errno::EPERM));
    check!(unshare(libc::CLONE_NEWPID), Ok(()));
    check!(own.enter(0), Err(Errno::EPERM));
    check!(
        NsFile::for_children_of("self").enter(0),
        Ok(()),
        "one that it owns"
    );
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn a_user_namespaces_root_into_one_of_the_outer() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let child = fork(|channel| {
        check!(unshare(libc::CLONE_NEWUSER), Ok(()));
        check!(file.enter(0), Err(Errno::EPERM));
        let child = fork(|channel| channel.send(pid()));
        channel.send_all(&[child.receive(), child.pid]);
    });
    let seen = child.receive_all();
    check!(
        seen[0],
        seen[1],
        "numbers of a child: for itself, for its parent"
    );
}
