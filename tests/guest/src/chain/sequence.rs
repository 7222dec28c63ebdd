//! Numbers follow each other at every level, up to the largest.

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, errno_of, fork, kill, new_ns, pid, quit, unshare, unshare_pid, wait_for_message,
    Child, End,
};
use crate::scm_credentials::CredentialsSocket;

pub const TESTS: &[Test] = tests![
    numbers_follow_each_other,
    numbers_are_not_reused_at_once,
    every_level_has_its_own_number,
    the_first_may_fail_and_is_still_first,
    pid_max_is_per_namespace,
    pid_max_has_a_least_value,
    pid_max_wraps_to_the_first_unreserved,
    pid_max_of_the_root_wraps,
    a_full_namespace_refuses,
    a_dead_namespace_refuses,
];

fn numbers_follow_each_other() {
    unshare_pid();
    let members: Vec<Child> = (0..4)
        .map(|_| {
            fork(|channel| {
                channel.send(pid());
                wait_for_message(channel);
            })
        })
        .collect();
    let numbers: Vec<i32> = members.iter().map(Child::receive).collect();
    check!(numbers, [1, 2, 3, 4]);
}

fn numbers_are_not_reused_at_once() {
    let init = new_ns(|channel| {
        for _ in 0..20 {
            attempt_fork().expect("fork");
        }
        channel.send(attempt_fork().expect("fork"));
    });
    check!(
        init.receive(),
        22,
        "the number after twenty that are free again"
    );
}

fn every_level_has_its_own_number() {
    let sockets = [
        CredentialsSocket::new(),
        CredentialsSocket::new(),
        CredentialsSocket::new(),
    ];
    let outer = new_ns(|channel| {
        attempt_fork().expect("fork");
        let inner = new_ns(|channel| {
            attempt_fork().expect("fork");
            attempt_fork().expect("fork");
            let member = fork(|channel| {
                sockets.iter().for_each(CredentialsSocket::send);
                channel.send(pid());
                wait_for_message(channel);
            });
            channel.send_all(&[member.receive(), sockets[2].receive()]);
            wait_for_message(channel);
        });
        let own = inner.receive_all();
        check!(kill(sockets[1].receive(), 0), Ok(()));
        channel.send_all(&[own[0], own[1], inner.pid]);
        wait_for_message(channel);
    });
    // The outer namespace has given 2 to a child, 3 to the inner init, 4 and 5 to its children.
    check!(outer.receive_all(), [4, 4, 3]);
    let number = sockets[0].receive();
    check!(
        kill(number, 0),
        Ok(()),
        "kill of the member by its number at level 0"
    );
    check!(
        number > outer.pid,
        true,
        "the member's number {number} came after {}",
        outer.pid
    );
}

fn the_first_may_fail_and_is_still_first() {
    unshare_pid();
    let failing = Clone::new(libc::CLONE_PIDFD as u64).with(|a| a.pidfd = 8);
    for _ in 0..3 {
        check!(
            failing.attempt(),
            Err(Errno::EFAULT),
            "a fork that fails after its number is taken"
        );
    }
    check!(
        Clone::new(0).attempt_inside(),
        Ok(1),
        "the first fork that succeeds"
    );
}

fn pid_max_is_per_namespace() {
    let proc = Proc::at("/proc");
    let outside = proc.read("sys/kernel/pid_max");
    let init = new_ns(|channel| {
        let number =
            |text: nix::Result<String>| text.expect("pid_max").trim().parse().expect("a number");
        let fresh: i32 = number(proc.read("sys/kernel/pid_max"));
        proc.write("sys/kernel/pid_max", "1234").expect("pid_max");
        let inner = new_ns(|channel| channel.send(number(proc.read("sys/kernel/pid_max"))));
        channel.send_all(&[
            fresh,
            number(proc.read("sys/kernel/pid_max")),
            inner.receive(),
        ]);
        wait_for_message(channel);
    });
    check!(
        init.receive_all(),
        [4194304, 1234, 4194304],
        "a fresh, a changed and a nested pid_max"
    );
    check!(proc.read("sys/kernel/pid_max"), outside, "pid_max outside");
}

fn pid_max_has_a_least_value() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        let set = |n: &str| errno_of(proc.write("sys/kernel/pid_max", n));
        channel.send_all(&[set("300"), set("4194305"), set("301"), set("4194304")]);
    });
    check!(
        init.receive_all(),
        [libc::EINVAL, libc::EINVAL, 0, 0],
        "300, 4194305, 301, 4194304"
    );
}

fn pid_max_wraps_to_the_first_unreserved() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        proc.write("sys/kernel/pid_max", "310").expect("pid_max");
        let numbers: Vec<i32> = (0..320).map(|_| attempt_fork().expect("fork")).collect();
        channel.send_all(&numbers);
    });
    let want: Vec<i32> = (2..310).chain((300..310).cycle()).take(320).collect();
    check!(init.receive_all(), want);
}

fn pid_max_of_the_root_wraps() {
    let proc = Proc::at("/proc");
    let before = proc.read("sys/kernel/pid_max").expect("pid_max");
    proc.write("sys/kernel/pid_max", "600").expect("pid_max");
    let numbers: Vec<nix::Result<i32>> = (0..400).map(|_| attempt_fork()).collect();
    let inside = Clone::new(NEWPID).attempt_inside();
    proc.write("sys/kernel/pid_max", before.trim())
        .expect("pid_max");
    check!(inside, Ok(1), "number 1 in a new namespace meanwhile");
    let numbers: Vec<i32> = numbers.into_iter().map(|n| n.expect("fork")).collect();
    check!(
        numbers.iter().all(|n| *n < 600),
        true,
        "every number is below 600: {numbers:?}"
    );
    let wraps: Vec<i32> = numbers
        .windows(2)
        .filter(|w| w[1] < w[0])
        .map(|w| w[1])
        .collect();
    check!(wraps.is_empty(), false, "a wrap in 400 forks below 600");
    check!(
        wraps.iter().all(|n| (300..310).contains(n)),
        true,
        "after a wrap: {wraps:?}"
    );
}

fn a_full_namespace_refuses() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        proc.write("sys/kernel/pid_max", "310").expect("pid_max");
        for _ in 2..310 {
            attempt_fork().expect("fork");
        }
        let holders: Vec<Child> = (300..310).map(|_| fork(wait_for_message)).collect();
        let full = errno_of(attempt_fork());
        let wish = errno_of(Clone::new(0).set_tid(&[20]).attempt());
        holders[4].send(0);
        check!(holders[4].wait(), End::Exit(0));
        channel.send_all(&[full, wish, attempt_fork().expect("fork into the gap")]);
        quit(0);
    });
    check!(
        init.receive_all(),
        [libc::EAGAIN, 0, 304],
        "a full namespace, a wish below 300, the gap"
    );
    check!(init.wait(), End::Exit(0));
}

fn a_dead_namespace_refuses() {
    unshare_pid();
    check!(attempt_fork().is_ok(), true);
    for _ in 0..3 {
        check!(
            attempt_fork(),
            Err(Errno::ENOMEM),
            "a fork into a dead namespace"
        );
        check!(
            Clone::new(0).set_tid(&[1]).attempt(),
            Err(Errno::ENOMEM),
            "a wish for number 1 of a dead namespace"
        );
    }
    check!(unshare(libc::CLONE_NEWPID), Err(Errno::EINVAL));
}
