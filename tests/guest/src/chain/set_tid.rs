//! Numbers on demand, and what is refused.

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::privilege::{become_nobody, keep_only, CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, errno_of, fork, kill, new_ns, pid, unshare_pid, wait_for_message, End,
};
use crate::scm_credentials::CredentialsSocket;

pub const TESTS: &[Test] = tests![
    set_tid_at_one_level,
    set_tid_does_not_move_the_sequence,
    set_tid_at_several_levels,
    set_tid_for_the_first,
    set_tid_for_the_first_of_a_new_namespace,
    set_tid_of_a_taken_number,
    set_tid_taken_outside_frees_the_inner_number,
    set_tid_of_an_impossible_number,
    set_tid_for_too_many_levels,
    set_tid_with_bad_arguments,
    set_tid_needs_a_capability,
    set_tid_needs_a_capability_at_every_level,
    set_tid_frees_numbers_for_reuse,
];

/// A number that is free at level 0 and stays so during a test.
fn free_number() -> i32 {
    let pid_max: i32 = Proc::at("/proc")
        .read("sys/kernel/pid_max")
        .expect("pid_max")
        .trim()
        .parse()
        .expect("a number");
    (1..pid_max)
        .rev()
        .find(|n| kill(*n, 0) == Err(Errno::ESRCH))
        .expect("a free number")
}

fn set_tid_at_one_level() {
    let init = new_ns(|channel| {
        let seen = Clone::new(0).set_tid(&[42]);
        channel.send_all(&[
            seen.attempt().expect("clone3"),
            seen.attempt_inside().expect("clone3"),
        ]);
    });
    check!(
        init.receive_all(),
        [42, 42],
        "the number for the parent and for the child"
    );
}

fn set_tid_does_not_move_the_sequence() {
    let init = new_ns(|channel| {
        let before = attempt_fork().expect("fork");
        Clone::new(0).set_tid(&[1000]).attempt().expect("clone3");
        channel.send_all(&[before, attempt_fork().expect("fork")]);
    });
    check!(
        init.receive_all(),
        [2, 3],
        "plain forks before and after one with a wish"
    );
}

fn set_tid_at_several_levels() {
    let root_number = free_number();
    let sockets = [CredentialsSocket::new(), CredentialsSocket::new()];
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            let member = Clone::new(0)
                .set_tid(&[50, 60, root_number])
                .start(|channel| {
                    sockets.iter().for_each(CredentialsSocket::send);
                    channel.send(pid());
                    wait_for_message(channel);
                });
            let member = member.expect("clone3");
            channel.send_all(&[member.pid, member.receive()]);
            wait_for_message(channel);
        });
        let mut numbers = inner.receive_all();
        numbers.push(sockets[1].receive());
        channel.send_all(&numbers);
        wait_for_message(channel);
    });
    check!(
        outer.receive_all(),
        [50, 50, 60],
        "the number for the parent, for the child, one level out"
    );
    check!(sockets[0].receive(), root_number, "two levels out");
}

fn set_tid_for_the_first() {
    unshare_pid();
    check!(
        Clone::new(0).set_tid(&[2]).attempt(),
        Err(Errno::EINVAL),
        "a first process with number 2"
    );
    check!(Clone::new(0).set_tid(&[1]).attempt_inside(), Ok(1));
}

fn set_tid_for_the_first_of_a_new_namespace() {
    let root_number = free_number();
    let wish = Clone::new(NEWPID).set_tid(&[1, root_number]);
    check!(wish.attempt(), Ok(root_number), "the number for the parent");
    check!(wish.attempt_inside(), Ok(1), "the number for the child");
    check!(
        Clone::new(NEWPID).set_tid(&[3]).attempt(),
        Err(Errno::EINVAL),
        "number 3 in a new namespace"
    );
}

fn set_tid_of_a_taken_number() {
    let init = new_ns(|channel| {
        let taken = fork(wait_for_message);
        let again = Clone::new(0).set_tid(&[taken.pid]);
        let mut seen = vec![errno_of(again.attempt())];
        seen.push(errno_of(Clone::new(0).set_tid(&[1]).attempt()));
        taken.send(0);
        check!(taken.wait(), End::Exit(0));
        seen.push(errno_of(again.attempt()));
        channel.send_all(&seen);
    });
    check!(
        init.receive_all(),
        [libc::EEXIST, libc::EEXIST, 0],
        "a member's, init's and a freed number"
    );
}

fn set_tid_taken_outside_frees_the_inner_number() {
    let outside = pid();
    let init = new_ns(|channel| {
        let refused = Clone::new(0).set_tid(&[10, outside]).attempt();
        channel.send_all(&[
            errno_of(refused),
            errno_of(Clone::new(0).set_tid(&[10]).attempt()),
        ]);
    });
    check!(
        init.receive_all(),
        [libc::EEXIST, 0],
        "10 with a number taken outside, then 10 alone"
    );
}

fn set_tid_of_an_impossible_number() {
    let proc = Proc::at("/proc");
    let init = new_ns(|channel| {
        proc.write("sys/kernel/pid_max", "3000").expect("pid_max");
        let wish = |n: i32| errno_of(Clone::new(0).set_tid(&[n]).attempt());
        channel.send_all(&[
            wish(0),
            wish(-1),
            wish(i32::MIN),
            wish(i32::MAX),
            wish(3000),
            wish(2999),
        ]);
    });
    check!(
        init.receive_all(),
        [
            libc::EINVAL,
            libc::EINVAL,
            libc::EINVAL,
            libc::EINVAL,
            libc::EINVAL,
            0
        ]
    );
}

fn set_tid_for_too_many_levels() {
    check!(
        Clone::new(0).set_tid(&[30001, 30002]).attempt(),
        Err(Errno::EINVAL),
        "two levels at level 0"
    );
    let init = new_ns(|channel| {
        let three = Clone::new(0).set_tid(&[5, 30001, 30002]).attempt();
        let most = Clone::new(0).set_tid(&[5; 33]).attempt();
        channel.send_all(&[errno_of(three), errno_of(most)]);
    });
    check!(
        init.receive_all(),
        [libc::EINVAL, libc::EINVAL],
        "3 and 33 numbers at level 1"
    );
}

fn set_tid_with_bad_arguments() {
    let number = free_number();
    let init = new_ns(|channel| {
        let no_array = Clone::new(0).with(|a| a.set_tid_size = 1).attempt();
        let no_size = Clone::new(0)
            .with(|a| a.set_tid = (&raw const number) as u64)
            .attempt();
        let bad_pointer = Clone::new(0)
            .with(|a| (a.set_tid, a.set_tid_size) = (8, 1))
            .attempt();
        channel.send_all(&[errno_of(no_array), errno_of(no_size), errno_of(bad_pointer)]);
    });
    check!(
        init.receive_all(),
        [libc::EINVAL, libc::EINVAL, libc::EFAULT]
    );
}

fn set_tid_needs_a_capability() {
    let init = new_ns(|channel| {
        let with = |capabilities: &'static [u32], number: i32| {
            let member = fork(move |channel| {
                keep_only(capabilities);
                channel.send(errno_of(Clone::new(0).set_tid(&[number]).attempt()));
            });
            member.receive()
        };
        let seen = [
            with(&[CAP_CHECKPOINT_RESTORE], 70),
            with(&[CAP_SYS_ADMIN], 71),
            with(&[], 72),
            with(&[], 0),
        ];
        channel.send_all(&seen);
    });
    let want = [0, 0, libc::EPERM, libc::EINVAL];
    check!(
        init.receive_all(),
        want,
        "checkpoint_restore, sys_admin, nothing, and nothing with number 0"
    );
}

fn set_tid_needs_a_capability_at_every_level() {
    let root_number = free_number();
    become_nobody();
    let flags = NEWPID | libc::CLONE_NEWUSER as u64;
    let init = Clone::new(flags).start(|channel| {
        let own = Clone::new(0).set_tid(&[5]).attempt();
        let both = Clone::new(0).set_tid(&[6, root_number]).attempt();
        let rolled_back = Clone::new(0).set_tid(&[6]).attempt();
        channel.send_all(&[errno_of(own), errno_of(both), errno_of(rolled_back)]);
    });
    let init = init.expect("clone3(CLONE_NEWUSER | CLONE_NEWPID)");
    check!(
        init.receive_all(),
        [0, libc::EPERM, 0],
        "the own level, the root's too, the own level again"
    );
}

fn set_tid_frees_numbers_for_reuse() {
    let init = new_ns(|channel| {
        let wish = Clone::new(0).set_tid(&[77]);
        channel.send((0..50).filter(|_| wish.attempt_inside() == Ok(77)).count() as i32);
    });
    check!(init.receive(), 50, "lives of number 77");
}
