//! `kernel.ns_last_pid`: the number that was given last.

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::privilege::{
    become_mapped_root, become_nobody, drop_capability, keep_only, CAP_CHECKPOINT_RESTORE,
    CAP_SYS_ADMIN,
};
use crate::proc_fs::Proc;
use crate::process::{fork, new_ns, wait_for_message};

use super::{get, inside, set};

pub const TESTS: &[Test] = tests![
    the_last_number_given,
    the_next_number_to_be_given,
    a_number_that_is_taken,
    every_namespace_has_its_own,
    a_member_that_entered,
    the_bounds,
    after_the_greatest,
    with_one_of_two_capabilities,
    without_both_capabilities,
    the_capability_in_the_owning_user_namespace,
];

const NAME: &str = "kernel/ns_last_pid";

#[track_caller]
fn next() -> i32 {
    Clone::new(0).attempt_inside().expect("clone3")
}

fn the_last_number_given() {
    inside(|_| {
        check!(get(NAME), 1);
        for number in 2..6 {
            check!(next(), number);
            check!(get(NAME), number);
        }
        let chosen = Clone::new(0).set_tid(&[50]).attempt_inside();
        check!(
            (chosen, get(NAME)),
            (Ok(50), 5),
            "a number of choice is not counted"
        );
    });
}

fn the_next_number_to_be_given() {
    inside(|_| {
        for last in [99, 4999, 1, 20_000] {
            check!(set(NAME, last), Ok(()));
            check!(get(NAME), last);
            check!(next(), last + 1, "the number after {last}");
        }
        check!(set(NAME, 0), Ok(()));
        check!(next(), 2, "the number after 0 where init lives");
    });
}

fn a_number_that_is_taken() {
    inside(|_| {
        let held = [fork(wait_for_message), fork(wait_for_message)];
        check!(set(NAME, held[0].pid - 1), Ok(()));
        check!(next(), held[1].pid + 1);
    });
}

fn every_namespace_has_its_own() {
    inside(|_| {
        check!(set(NAME, 500), Ok(()));
        let child = new_ns(|channel| {
            check!(get(NAME), 1);
            check!(set(NAME, 700), Ok(()));
            check!(next(), 701);
            channel.send(0);
            channel.receive_or_end();
        });
        check!(child.pid, 501);
        child.receive();
        check!(get(NAME), 502, "after init and its child");
        check!(next(), 503);
    });
}

fn a_member_that_entered() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let outer = get(NAME);
    check!(outer >= init.pid, true, "the caller sees its own: {outer}");
    let member = fork(|channel| {
        check!(get(NAME), 2);
        check!(set(NAME, 300), Ok(()));
        channel.send(0);
    });
    member.receive();
    check!(next(), 301);
}

fn the_bounds() {
    inside(|_| {
        check!(set("kernel/pid_max", 1000), Ok(()));
        for wrong in ["-1", "1001", "4194305", "x", "99999999999"] {
            check!(set(NAME, wrong), Err(Errno::EINVAL), "ns_last_pid={wrong}");
        }
        check!(get(NAME), 1);
        check!(set(NAME, 1000), Ok(()));
    });
}

fn after_the_greatest() {
    inside(|_| {
        check!(set("kernel/pid_max", 1000), Ok(()));
        check!(set(NAME, 999), Ok(()));
        check!(next(), 300, "the number after the greatest");
        check!(set(NAME, 998), Ok(()));
        check!(next(), 999);
    });
}

fn with_one_of_two_capabilities() {
    for capability in [CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN] {
        inside(|_| {
            keep_only(&[capability]);
            check!(set(NAME, 77), Ok(()), "with capability {capability}");
            check!(next(), 78);
        });
    }
}

fn without_both_capabilities() {
    inside(|_| {
        let root = fork(|channel| {
            keep_only(&[0, 1, 2, 3, 5, 7, 12, 19]);
            check!(get(NAME), 2);
            check!(set(NAME, 77), Err(Errno::EPERM));
            channel.send(0);
        });
        root.receive();
        let nobody = fork(|channel| {
            become_nobody();
            check!(get(NAME), 3);
            check!(set(NAME, 77), Err(Errno::EPERM));
            check!(set(NAME, -1), Err(Errno::EPERM), "EPERM comes first");
            channel.send(0);
        });
        nobody.receive();
        drop_capability(CAP_SYS_ADMIN);
        check!(set(NAME, 77), Ok(()), "without one of them");
    });
}

fn the_capability_in_the_owning_user_namespace() {
    let flags = libc::CLONE_NEWUSER as u64;
    let owner = Clone::new(NEWPID | flags).start(|channel| {
        become_mapped_root(&Proc::at("/proc"));
        check!(set(NAME, 77), Ok(()));
        check!(next(), 78);
        let outsider = Clone::new(flags).start(|channel| {
            check!(set(NAME, 99), Err(Errno::EPERM), "a user namespace below");
            channel.send(0);
        });
        outsider.expect("clone3").receive();
        channel.send(0);
    });
    owner.expect("clone3").receive();
}
