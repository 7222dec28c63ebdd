//! `user.max_pid_namespaces`: who sets it, and what it does to those that live.

use nix::errno::Errno;
use nix::unistd::{setresuid, Uid};

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::privilege::{become_mapped_root, become_nobody, limit_pid_namespaces};
use crate::proc_fs::Proc;
use crate::process::{attempt_fork, fork, new_ns, unshare, wait_for_message};

use super::{get, set};

pub const TESTS: &[Test] = tests![
    a_new_user_namespace_has_no_limit_of_its_own,
    the_bounds,
    who_may_write,
    the_living_are_not_harmed,
    users_are_counted_one_by_one,
];

const NAME: &str = "user/max_pid_namespaces";

fn a_new_user_namespace_has_no_limit_of_its_own() {
    check!(get(NAME) > 0, true);
    let proc = Proc::at("/proc");
    limit_pid_namespaces(&proc, 5);
    check!(get(NAME), 5);
    become_mapped_root(&proc);
    check!(unshare(libc::CLONE_NEWUSER), Ok(()));
    check!(get(NAME), i32::MAX);
}

fn the_bounds() {
    limit_pid_namespaces(&Proc::at("/proc"), 5);
    for wrong in ["-1", "2147483648", "x"] {
        check!(
            set(NAME, wrong),
            Err(Errno::EINVAL),
            "max_pid_namespaces={wrong}"
        );
    }
    check!(get(NAME), 5);
    for right in [0, i32::MAX] {
        check!(set(NAME, right), Ok(()));
        check!(get(NAME), right);
    }
}

fn who_may_write() {
    let child = fork(|channel| {
        become_nobody();
        check!(set(NAME, 5), Err(Errno::EACCES));
        channel.send(0);
    });
    child.receive();
    limit_pid_namespaces(&Proc::at("/proc"), 5);
    crate::privilege::keep_only(&[]);
    check!(set(NAME, 6), Err(Errno::EACCES));
    check!(get(NAME), 5);
}

fn the_living_are_not_harmed() {
    limit_pid_namespaces(&Proc::at("/proc"), 2);
    let init = new_ns(|channel| {
        channel.receive();
        check!(attempt_fork().is_ok(), true, "a fork inside");
        check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
        channel.send(0);
    });
    check!(set(NAME, 0), Ok(()));
    init.send(0);
    init.receive();
    check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
    check!(unshare(libc::CLONE_NEWPID), Err(Errno::ENOSPC));
}

fn users_are_counted_one_by_one() {
    let owner = fork(|channel| {
        check!(unshare(libc::CLONE_NEWUSER), Ok(()));
        channel.send(0);
        channel.receive();
        check!(set(NAME, 1), Ok(()));
        let _held = new_ns(wait_for_message);
        check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
        let other = fork(|channel| {
            let (first, second) = (Uid::from_raw(0), Uid::from_raw(1));
            setresuid(first, second, first).expect("setresuid");
            check!(
                Clone::new(NEWPID).attempt(),
                Err(Errno::EPERM),
                "without the capability"
            );
            let flags = NEWPID | libc::CLONE_NEWUSER as u64;
            check!(
                Clone::new(flags).attempt_inside(),
                Ok(1),
                "another user's first"
            );
            channel.send(0);
        });
        other.receive();
        channel.send(0);
    });
    owner.receive();
    let map = |name| Proc::at("/proc").write(&format!("{}/{name}", owner.pid), "0 0 2");
    check!((map("uid_map"), map("gid_map")), (Ok(()), Ok(())));
    owner.send(0);
    owner.receive();
}
