//! Who may not make a namespace, and how many there may be.

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::{sample, Test};
use crate::privilege::{
    await_room_for_pid_namespaces, become_mapped_root, become_nobody, drop_capability,
    limit_pid_namespaces, CAP_SYS_ADMIN, NOBODY,
};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, errno_of, eventually, fork, new_ns, pid, unshare, unshare_pid, wait_for_message,
    Child, End,
};
use crate::starved::Starved;

pub const TESTS: &[Test] = tests![
    without_the_capability,
    an_unprivileged_user_with_a_user_namespace,
    a_limit_of_zero,
    the_limit_counts_the_living,
    the_limit_counts_many_living,
    the_limit_is_one_of_all_processes,
    the_limit_of_an_outer_user_namespace_holds,
    a_namespace_without_processes_goes,
    a_failed_creation_is_not_counted,
    a_namespace_lives_while_its_maker_may_fork,
    a_starved_task_holds_nobodys_place,
    many_come_and_go,
];

fn without_the_capability() {
    check!(
        Clone::new(NEWPID).attempt_inside(),
        Ok(1),
        "root with all capabilities"
    );
    let all_but = fork(|channel| {
        drop_capability(CAP_SYS_ADMIN);
        let by_clone = errno_of(Clone::new(NEWPID).attempt());
        channel.send_all(&[by_clone, errno_of(unshare(libc::CLONE_NEWPID))]);
    });
    check!(
        all_but.receive_all(),
        [libc::EPERM, libc::EPERM],
        "root without CAP_SYS_ADMIN"
    );
    become_nobody();
    check!(Clone::new(NEWPID).attempt(), Err(Errno::EPERM));
    check!(unshare(libc::CLONE_NEWPID), Err(Errno::EPERM));
}

fn an_unprivileged_user_with_a_user_namespace() {
    become_nobody();
    let flags = NEWPID | libc::CLONE_NEWUSER as u64;
    let init = Clone::new(flags).start(|channel| {
        let uid = nix::unistd::getuid().as_raw() as i32;
        channel.send_all(&[
            pid(),
            uid,
            Clone::new(NEWPID).attempt_inside().expect("clone3"),
        ]);
    });
    check!(
        init.expect("clone3").receive_all(),
        [1, NOBODY as i32, 1],
        "its number, its user, its own child namespace"
    );
    check!(unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn a_limit_of_zero() {
    limit_pid_namespaces(&Proc::at("/proc"), 0);
    check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
    check!(unshare(libc::CLONE_NEWPID), Err(Errno::ENOSPC));
    check!(attempt_fork().is_ok(), true, "a plain fork still works");
}

fn the_limit_counts_the_living() {
    limit_pid_namespaces(&Proc::at("/proc"), 2);
    let first = new_ns(wait_for_message);
    let _second = new_ns(wait_for_message);
    check!(
        Clone::new(NEWPID).attempt(),
        Err(Errno::ENOSPC),
        "a third namespace"
    );
    first.end();
    eventually("room for another when one has ended", || {
        Clone::new(NEWPID).attempt().ok()
    });
}

fn the_limit_counts_many_living() {
    for most in [1, 16] {
        let user = fork(|_| {
            limit_pid_namespaces(&Proc::at("/proc"), most);
            for _ in 0..2 {
                let living: Vec<Child> = (0..most)
                    .map(|_| {
                        eventually("room for one that lives", || {
                            Clone::new(NEWPID).start(wait_for_message).ok()
                        })
                    })
                    .collect();
                for _ in 0..2 {
                    check!(
                        Clone::new(NEWPID).attempt(),
                        Err(Errno::ENOSPC),
                        "one more than {most}"
                    );
                    check!(unshare(libc::CLONE_NEWPID), Err(Errno::ENOSPC));
                }
                living.into_iter().for_each(Child::end);
            }
        });
        check!(user.wait(), End::Exit(0), "the user with {most}");
    }
}

/// Those that come and go on several processors do not take each other's room for good.
fn the_limit_is_one_of_all_processes() {
    const MOST: u32 = 8;
    limit_pid_namespaces(&Proc::at("/proc"), MOST);
    let workers: Vec<Child> = (0..MOST / 2)
        .map(|_| {
            fork(|_| {
                for _ in 0..5 {
                    eventually("room beside others", || Clone::new(NEWPID).attempt().ok());
                }
            })
        })
        .collect();
    for worker in workers {
        check!(worker.wait(), End::Exit(0), "the end of a worker");
    }
    await_room_for_pid_namespaces("all of them again", MOST as usize);
}

fn the_limit_of_an_outer_user_namespace_holds() {
    let proc = Proc::at("/proc");
    limit_pid_namespaces(&proc, 1);
    let _held = new_ns(wait_for_message);
    become_mapped_root(&proc);
    check!(
        unshare(libc::CLONE_NEWUSER),
        Ok(()),
        "a user namespace without a limit of its own"
    );
    check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
}

fn a_namespace_without_processes_goes() {
    limit_pid_namespaces(&Proc::at("/proc"), 1);
    for _ in 0..5 {
        eventually("room after a namespace that was never entered", || {
            let maker =
                fork(|channel| channel.send(i32::from(unshare(libc::CLONE_NEWPID) == Ok(()))));
            let made = maker.receive();
            check!(maker.wait(), End::Exit(0));
            (made == 1).then_some(())
        });
    }
}

fn a_failed_creation_is_not_counted() {
    let proc = Proc::at("/proc");
    limit_pid_namespaces(&proc, 1);
    proc.write("sys/user/max_net_namespaces", "0")
        .expect("max_net_namespaces");
    for _ in 0..5 {
        let both = unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNET);
        check!(
            both,
            Err(Errno::ENOSPC),
            "a pid namespace with a net namespace that is refused"
        );
    }
    eventually("room after creations that failed", || {
        Clone::new(NEWPID).attempt().ok()
    });
    eventually("room for the caller's own", || {
        unshare(libc::CLONE_NEWPID).ok()
    });
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn a_namespace_lives_while_its_maker_may_fork() {
    limit_pid_namespaces(&Proc::at("/proc"), 1);
    let maker = fork(|channel| {
        unshare_pid();
        attempt_fork().expect("fork");
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    check!(
        Clone::new(NEWPID).attempt(),
        Err(Errno::ENOSPC),
        "the maker still holds its dead namespace"
    );
    maker.send(0);
    check!(maker.wait(), End::Exit(0));
    eventually("room when the maker has gone", || {
        Clone::new(NEWPID).attempt().ok()
    });
}

/// A task that has a processor to wait for, however long, is nothing to namespaces that end elsewhere.
/// In takeover mode the kernel frees its own namespaces.
fn a_starved_task_holds_nobodys_place() {
    let starved = Starved::new();
    let user = fork(|_| {
        limit_pid_namespaces(&Proc::at("/proc"), 3);
        for _ in 0..6 {
            eventually("room beside a starved task", || {
                Clone::new(NEWPID).attempt().ok()
            });
        }
    });
    check!(user.wait(), End::Exit(0));
    starved.end();
}

fn many_come_and_go() {
    limit_pid_namespaces(&Proc::at("/proc"), 100);
    for _ in 0..sample(1000, 400, 120) {
        eventually("room for one of many", || Clone::new(NEWPID).attempt().ok());
    }
}
