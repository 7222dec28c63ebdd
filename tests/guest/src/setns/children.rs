//! What the children of a process become that has entered a namespace.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::clone::{thread_errno, Clone};
use crate::harness::Test;
use crate::mode;
use crate::ns_file::{inode_of, NsFile};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, fork, kill, new_ns, pid, ppid, sleep_for_ever, unshare_pid, wait_any, wait_for,
    wait_for_message, wait_for_zombie, End,
};

pub const TESTS: &[Test] = tests![
    the_caller_stays_where_it_is,
    a_member_has_no_parent_inside,
    members_have_members,
    an_orphan_goes_to_the_inner_init,
    a_number_of_choice,
    a_member_ends_with_init,
    init_waits_for_a_zombie_of_the_outside,
    no_fork_into_a_dead_namespace,
    no_threads_while_children_go_elsewhere,
    a_vfork_into_a_namespace,
    an_init_by_another_process,
    an_init_when_the_maker_has_gone,
    a_failed_init_is_tried_again,
    many_processes_enter,
];

fn the_caller_stays_where_it_is() {
    let init = new_ns(wait_for_message);
    let (me, parent, own) = (pid(), ppid(), inode_of("self", "pid"));
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    attempt_fork().expect("fork");
    check!((pid(), ppid()), (me, parent));
    check!(inode_of("self", "pid"), own);
    check!(kill(init.pid, 0), Ok(()), "the number of init out here");
    check!(
        Proc::mount().link("self"),
        Ok(me.to_string()),
        "a new mount"
    );
}

fn a_member_has_no_parent_inside() {
    let init = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        channel.receive_or_end();
    });
    let inner = Proc::from_fd(init.channel.receive_fd());
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let member = fork(|channel| {
        channel.send_all(&[pid(), ppid()]);
        channel.receive_or_end();
    });
    check!(member.receive_all(), [2, 0], "number and parent");
    check!(inner.pids(), [1, 2]);
    check!(inner.stat("2").ppid, 0);
    check!(Proc::at("/proc").stat(&member.pid.to_string()).ppid, pid());
    member.send(0);
    check!(member.wait(), End::Exit(0));
    check!(inner.pids(), [1]);
}

fn members_have_members() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let inode = file.inode();
    check!(file.enter(0), Ok(()));
    let member = fork(|channel| {
        check!(inode_of("self", "pid"), inode);
        check!(inode_of("self", "pid_for_children"), inode);
        let child = fork(|channel| channel.send_all(&[pid(), ppid()]));
        channel.send_all(&child.receive_all());
    });
    check!(
        member.receive_all(),
        [3, 2],
        "number and parent of its child"
    );
}

fn an_orphan_goes_to_the_inner_init() {
    let init = new_ns(|channel| {
        channel.receive();
        let (orphan, end) = wait_any();
        check!(end, End::Exit(3));
        channel.send(orphan);
    });
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let member = fork(|channel| {
        let orphan = fork(|channel| {
            channel.receive_or_end();
            crate::process::quit(3);
        });
        channel.send(orphan.pid);
    });
    let orphan = member.receive();
    check!(member.wait(), End::Exit(0));
    init.send(0);
    check!(init.receive(), orphan, "whom init reaped");
}

fn a_number_of_choice() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let numbers = |chosen: &[i32]| Clone::new(0).set_tid(chosen).attempt_inside();
    check!(numbers(&[50]), Ok(50));
    check!(numbers(&[60, 30_000]), Ok(60));
    check!(numbers(&[1]), Err(Errno::EEXIST));
    check!(numbers(&[60, init.pid]), Err(Errno::EEXIST));
    check!(
        numbers(&[60, 30_000, 7]),
        Err(Errno::EINVAL),
        "too many levels"
    );
}

fn a_member_ends_with_init() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let members: Vec<_> = (0..5).map(|_| fork(|_| sleep_for_ever())).collect();
    init.send(0);
    for member in &members {
        check!(member.wait(), End::Killed(libc::SIGKILL));
    }
    check!(init.wait(), End::Exit(0));
}

fn init_waits_for_a_zombie_of_the_outside() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let member = fork(|_| ());
    wait_for_zombie(member.pid);
    init.send(0);
    let mut poll = libc::pollfd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the pointer is to one live pollfd.
    let ended = unsafe { libc::poll(&mut poll, 1, 100) };
    check!(ended, 0, "the end of init before its last member is reaped");
    check!(member.wait(), End::Exit(0));
    check!(init.wait(), End::Exit(0));
}

fn no_fork_into_a_dead_namespace() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    init.end();
    for _ in 0..3 {
        check!(file.enter(libc::CLONE_NEWPID), Ok(()));
        check!(attempt_fork(), Err(Errno::ENOMEM));
        check!(
            Clone::new(0).set_tid(&[1]).attempt(),
            Err(Errno::ENOMEM),
            "another init"
        );
        check!(NsFile::of("self").enter(0), Ok(()));
        check!(attempt_fork().is_ok(), true);
    }
}

fn no_threads_while_children_go_elsewhere() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(thread_errno(0), libc::EINVAL);
    let member = fork(|channel| channel.send(thread_errno(0)));
    check!(member.receive(), 0, "a thread of a member");
    check!(NsFile::of("self").enter(0), Ok(()));
    check!(thread_errno(0), 0, "a thread after coming home");
}

fn a_vfork_into_a_namespace() {
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let flags = (libc::CLONE_VFORK | libc::CLONE_PARENT_SETTID) as u64;
    let mut number = 0i32;
    let child = Clone::new(flags)
        .with(|a| a.parent_tid = &raw mut number as u64)
        .start(|_| crate::process::quit(10 + pid()))
        .expect("clone3");
    check!(child.wait(), End::Exit(12), "10 and the number inside");
    check!(number, child.pid, "the number that the parent is told");
}

fn an_init_by_another_process() {
    mode::as_mainline();
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        while channel.receive_or_end().is_some() {
            channel.send(Clone::new(0).attempt_inside().unwrap_or(0));
        }
    });
    maker.receive();
    let file = NsFile::for_children_of(maker.pid);
    check!(file.enter(libc::CLONE_NEWPID), Ok(()));
    let init = fork(|channel| {
        channel.send_all(&[pid(), ppid()]);
        channel.receive_or_end();
    });
    check!(init.receive_all(), [1, 0], "number and parent of init");
    check!(inode_of(init.pid, "pid"), file.inode());
    maker.send(0);
    check!(maker.receive(), 2, "the number of the maker's own child");
    check!(kill(init.pid, libc::SIGTERM), Ok(()));
    init.send(0);
    check!(
        init.wait(),
        End::Exit(0),
        "an init that SIGTERM does not kill"
    );
}

fn an_init_when_the_maker_has_gone() {
    let maker = fork(|channel| {
        unshare_pid();
        channel.send_fd(NsFile::for_children_of("self").fd());
    });
    let file = NsFile::from_fd(maker.channel.receive_fd());
    check!(maker.wait(), End::Exit(0));
    check!(file.enter(0), Ok(()));
    let init = fork(|channel| {
        let child = fork(|channel| channel.send_all(&[pid(), ppid()]));
        channel.send_all(&child.receive_all());
        channel.receive_or_end();
    });
    check!(
        init.receive_all(),
        [2, 1],
        "number and parent of init's child"
    );
    init.end();
    check!(attempt_fork(), Err(Errno::ENOMEM));
}

fn a_failed_init_is_tried_again() {
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    check!(NsFile::for_children_of(maker.pid).enter(0), Ok(()));
    for _ in 0..3 {
        let second = Clone::new(0).set_tid(&[2]).attempt();
        check!(
            second,
            Err(Errno::EINVAL),
            "number 2 before there is an init"
        );
    }
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn many_processes_enter() {
    let init = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        channel.receive_or_end();
    });
    let inner = Proc::from_fd(init.channel.receive_fd());
    let file = NsFile::of(init.pid);
    let parents: Vec<_> = (0..20)
        .map(|_| {
            fork(|channel| {
                check!(file.enter(0), Ok(()));
                let member = fork(wait_for_message);
                channel.send(member.pid);
                channel.receive_or_end();
                member.send(0);
                check!(wait_for(member.pid), End::Exit(0));
            })
        })
        .collect();
    for parent in &parents {
        parent.receive();
    }
    check!(inner.pids(), (1..=21).collect::<Vec<i32>>());
    for parent in &parents {
        parent.send(0);
        check!(parent.wait(), End::Exit(0));
    }
    check!(inner.pids(), [1]);
}
