//! Members of a control group.

use nix::mount::{mount, umount2, MntFlags, MsFlags};

use crate::fs_context::own_mounts;
use crate::harness::Test;
use crate::process::{fork, new_ns, pid, wait_for_message};

pub const TESTS: &[Test] = tests![
    members_of_a_group_in_the_second_version,
    members_of_a_group_in_the_first_version,
];

const PLACE: &str = "/tmp/groups";

/// What a list of members says; numbers that the reader does not see are 0 or left out.
#[track_caller]
fn members(file: &str) -> Vec<i32> {
    let path = format!("{PLACE}/test/{file}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut numbers: Vec<i32> = text.lines().map(|l| l.parse().expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

#[track_caller]
fn join(number: i32) {
    let path = format!("{PLACE}/test/cgroup.procs");
    std::fs::write(path, number.to_string()).expect("cgroup.procs");
}

#[track_caller]
fn prepare(kind: &str, options: Option<&str>) {
    own_mounts();
    std::fs::create_dir_all(PLACE).expect("a directory");
    let mounted = mount(Some("none"), PLACE, Some(kind), MsFlags::empty(), options);
    if let Err(e) = mounted {
        crate::report::skip(&format!("mount of {kind}: {e}"));
    }
    std::fs::create_dir_all(format!("{PLACE}/test")).expect("a group");
}

fn clean() {
    crate::process::eventually("the group is empty", || {
        std::fs::remove_dir(format!("{PLACE}/test")).ok()
    });
    check!(umount2(PLACE, MntFlags::MNT_DETACH), Ok(()), "umount");
}

/// Puts an outside process, an init and a member into a group and reads it from both sides.
#[track_caller]
fn check_members(threads: &str, hidden: &[i32]) {
    let outside = fork(wait_for_message);
    join(outside.pid);
    let hidden = hidden.to_vec();
    let threads = threads.to_string();
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        join(1);
        join(member.pid);
        for file in ["cgroup.procs", &threads] {
            let want = [hidden.as_slice(), &[1, 2]].concat();
            check!(members(file), want, "{file} read from inside");
        }
        channel.send(0);
        channel.receive_or_end();
        join(member.pid);
        member.end();
    });
    init.receive();
    for file in ["cgroup.procs", &threads] {
        let seen = members(file);
        check!(seen.len(), 3, "{file} read from outside");
        check!(
            seen[..2],
            [outside.pid, init.pid],
            "{file} read from outside"
        );
    }
    init.send(0);
    init.wait();
    check!(members("cgroup.procs"), [outside.pid]);
    outside.end();
    check!(members("cgroup.procs").contains(&pid()), false);
}

fn members_of_a_group_in_the_second_version() {
    prepare("cgroup2", None);
    check_members("cgroup.threads", &[0]);
    clean();
}

fn members_of_a_group_in_the_first_version() {
    prepare("cgroup", Some("none,name=pidns"));
    check_members("tasks", &[]);
    clean();
}
