//! The numbers of a process at every level that a mount shows.

use nix::unistd::{getpgrp, getsid, setpgid, setsid, Pid};

use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::proc_fs::Proc;
use crate::process::{
    fork, new_ns, pid, sleeping_thread, unshare_pid, wait_for_message, wait_for_zombie, End,
};

pub const TESTS: &[Test] = tests![
    the_place_of_the_lines,
    a_process_at_the_top,
    a_process_one_level_down,
    a_process_three_levels_down,
    a_group_and_a_session_outside,
    a_group_and_a_session_inside,
    a_group_outside_and_another_inside,
    a_thread,
    a_zombie,
    a_process_that_entered,
    a_process_whose_children_go_elsewhere,
    a_kernel_thread,
    a_mount_of_the_outside_read_from_inside,
];

const NAMES: [&str; 4] = ["NStgid", "NSpid", "NSpgid", "NSsid"];

/// The numbers that the four lines hold.
#[track_caller]
fn lines(proc: &Proc, path: impl std::fmt::Display) -> [Vec<i32>; 4] {
    let path = format!("{path}/status");
    let text = proc.read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    NAMES.map(|name| {
        let value = text
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(":\t"));
        let value = value.unwrap_or_else(|| panic!("no {name} with a tab in {path}"));
        value
            .split('\t')
            .map(|n| n.parse().expect("a number"))
            .collect()
    })
}

/// The numbers of group and session of the caller, in its own namespace.
fn own_group() -> (i32, i32) {
    let session = getsid(None).expect("getsid");
    (getpgrp().as_raw(), session.as_raw())
}

fn the_place_of_the_lines() {
    let init = new_ns(|channel| {
        for proc in [Proc::mount(), Proc::at("/proc")] {
            let text = proc.read("self/status").expect("status");
            let names: Vec<&str> = text.lines().filter_map(|l| l.split(':').next()).collect();
            let first = names.iter().position(|n| *n == NAMES[0]).expect(NAMES[0]);
            check!(names[first - 1], "Groups", "the line before");
            check!(names[first..first + 4], NAMES);
            check!(names[first + 4], "Kthread", "the line behind");
        }
        channel.send(0);
    });
    init.receive();
}

fn a_process_at_the_top() {
    let (group, session) = own_group();
    let child = fork(wait_for_message);
    let seen = lines(&Proc::at("/proc"), child.pid);
    let own = vec![child.pid];
    check!(seen, [own.clone(), own, vec![group], vec![session]]);
}

fn a_process_one_level_down() {
    let init = new_ns(|channel| {
        setsid().expect("setsid");
        let member = fork(wait_for_message);
        let inner = Proc::mount();
        check!(lines(&inner, 1), [vec![1], vec![1], vec![1], vec![1]]);
        check!(lines(&inner, "self"), [vec![1], vec![1], vec![1], vec![1]]);
        check!(
            lines(&inner, member.pid),
            [vec![2], vec![2], vec![1], vec![1]]
        );
        let outer = Proc::at("/proc");
        let number = NsFile::of("self").ask(crate::ns_file::NS_GET_PID_IN_PIDNS, 2);
        check!(number, Ok(2));
        channel.send(outer.link("self").expect("self").parse().expect("a number"));
        channel.receive_or_end();
    });
    let me = init.receive();
    check!(me, init.pid);
    let own = vec![me, 1];
    let seen = lines(&Proc::at("/proc"), init.pid);
    check!(seen, [own.clone(), own.clone(), own.clone(), own]);
}

fn a_process_three_levels_down() {
    setsid().ok();
    let outer = Proc::at("/proc");
    let (group, session) = own_group();
    let first = new_ns(|channel| {
        let one = Proc::mount();
        let second = new_ns(|channel| {
            let two = Proc::mount();
            let third = new_ns(|channel| {
                let three = Proc::mount();
                check!(lines(&three, 1), [vec![1], vec![1], vec![0], vec![0]]);
                let top: i32 = outer.link("self").expect("self").parse().expect("a number");
                check!(
                    lines(&outer, "self"),
                    [
                        vec![top, 3, 2, 1],
                        vec![top, 3, 2, 1],
                        vec![group, 0, 0, 0],
                        vec![session, 0, 0, 0]
                    ],
                    "from the top"
                );
                channel.send(0);
                channel.receive_or_end();
            });
            third.receive();
            check!(lines(&two, third.pid)[1], [2, 1], "one level above");
            check!(lines(&one, 3)[1], [3, 2, 1], "two levels above");
            check!(lines(&one, 3)[0], [3, 2, 1], "two levels above");
            check!(lines(&one, 3)[2..], [vec![0, 0, 0], vec![0, 0, 0]]);
            channel.send(0);
            channel.receive_or_end();
        });
        second.receive();
        check!(lines(&one, 1)[1], [1]);
        check!(lines(&one, second.pid)[1], [2, 1]);
        channel.send(0);
    });
    first.receive();
}

fn a_group_and_a_session_outside() {
    let (group, session) = own_group();
    let init = new_ns(|channel| {
        let inner = Proc::mount();
        check!(lines(&inner, 1), [vec![1], vec![1], vec![0], vec![0]]);
        let member = fork(wait_for_message);
        check!(
            lines(&inner, member.pid),
            [vec![2], vec![2], vec![0], vec![0]]
        );
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let seen = lines(&Proc::at("/proc"), init.pid);
    check!(seen[2..], [vec![group, 0], vec![session, 0]]);
}

fn a_group_and_a_session_inside() {
    let init = new_ns(|channel| {
        let leader = fork(|channel| {
            setsid().expect("setsid");
            let member = fork(wait_for_message);
            channel.send(member.pid);
            channel.receive_or_end();
        });
        check!(
            leader.receive(),
            3,
            "the number of the session's second member"
        );
        let inner = Proc::mount();
        check!(lines(&inner, 2), [vec![2], vec![2], vec![2], vec![2]]);
        check!(lines(&inner, 3), [vec![3], vec![3], vec![2], vec![2]]);
        channel.send_fd(inner.fd());
        channel.receive_or_end();
    });
    let inner = Proc::from_fd(init.channel.receive_fd());
    let file = NsFile::of(init.pid);
    let outside = |n| {
        file.ask(crate::ns_file::NS_GET_PID_FROM_PIDNS, n)
            .expect("a number")
    };
    let (leader, member) = (outside(2), outside(3));
    let both = vec![leader, 2];
    let own = vec![member, 3];
    let seen = lines(&Proc::at("/proc"), member);
    check!(seen, [own.clone(), own, both.clone(), both]);
    check!(
        lines(&inner, 3)[1],
        [3],
        "the inner mount read from outside"
    );
}

fn a_group_outside_and_another_inside() {
    let (_, session) = own_group();
    let init = new_ns(|channel| {
        setpgid(Pid::from_raw(0), Pid::from_raw(0)).expect("setpgid");
        check!(lines(&Proc::mount(), 1)[2..], [vec![1], vec![0]]);
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let seen = lines(&Proc::at("/proc"), init.pid);
    check!(seen[2..], [vec![init.pid, 1], vec![session, 0]]);
}

fn a_thread() {
    let init = new_ns(|channel| {
        let thread = sleeping_thread();
        let inner = Proc::mount();
        let seen = lines(&inner, format_args!("1/task/{thread}"));
        check!(seen[..2], [vec![1], vec![thread]]);
        check!(
            lines(&inner, thread)[..2],
            [vec![1], vec![thread]],
            "by its own name"
        );
        channel.send(thread);
        channel.receive_or_end();
    });
    let thread = init.receive();
    let outer = Proc::at("/proc");
    let threads = outer.numbers(&format!("{}/task", init.pid));
    check!(threads.len(), 2);
    let seen = lines(&outer, format_args!("{}/task/{}", init.pid, threads[1]));
    check!(seen[..2], [vec![init.pid, 1], vec![threads[1], thread]]);
}

fn a_zombie() {
    let init = new_ns(|_| ());
    wait_for_zombie(init.pid);
    let seen = lines(&Proc::at("/proc"), init.pid);
    check!(seen[..2], [vec![init.pid, 1], vec![init.pid, 1]]);
    check!(init.wait(), End::Exit(0));
}

fn a_process_that_entered() {
    let (group, session) = own_group();
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let member = fork(wait_for_message);
    let own = vec![member.pid, 2];
    let seen = lines(&Proc::at("/proc"), member.pid);
    check!(seen, [own.clone(), own, vec![group, 0], vec![session, 0]]);
    let me = pid();
    check!(
        lines(&Proc::at("/proc"), me)[..2],
        [vec![me], vec![me]],
        "the one who entered"
    );
}

fn a_process_whose_children_go_elsewhere() {
    unshare_pid();
    let me = pid();
    let seen = lines(&Proc::at("/proc"), "self");
    check!(seen[..2], [vec![me], vec![me]]);
}

fn a_kernel_thread() {
    let seen = lines(&Proc::at("/proc"), 2);
    check!(seen, [vec![2], vec![2], vec![0], vec![0]]);
}

fn a_mount_of_the_outside_read_from_inside() {
    let outer = Proc::at("/proc");
    let me = pid();
    let init = new_ns(|channel| {
        check!(lines(&outer, me)[1], [me], "a process of the outside");
        check!(
            lines(&outer, channel.receive())[1].last(),
            Some(&1),
            "the own"
        );
        channel.send(0);
    });
    init.send(init.pid);
    init.receive();
}
