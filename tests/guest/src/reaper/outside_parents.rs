//! Members whose parent or tracer is outside hold init until they are reaped.

use nix::errno::Errno;
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use crate::channel::Channel;
use crate::harness::{scale, Test};
use crate::process::{
    attempt_fork, become_subreaper, eventually, fork, kill, new_ns, quit, sleep_for_ever,
    unshare_pid, wait_any, wait_for_message, wait_for_zombie, wait_nobody, wait_pidfd, Child, End,
};
use crate::scm_credentials::CredentialsSocket;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    init_ends_after_members_with_parents_outside,
    a_zombie_with_a_parent_outside_holds_init,
    a_parent_outside_that_ignores_its_children,
    a_parent_outside_that_goes_away,
    a_tracee_of_the_outside_holds_init,
    a_tracer_outside_that_goes_away,
    nested_members_with_parents_one_level_up,
    a_pidfd_outside_tells_a_members_end,
    no_fork_into_a_dying_namespace,
];

fn init_ends_after_members_with_parents_outside() {
    unshare_pid();
    let init = fork(wait_for_message);
    let members: Vec<Child> = (0..5).map(|_| fork(|_| sleep_for_ever())).collect();
    init.kill(libc::SIGKILL);
    let mut ends: Vec<(i32, End)> = (0..6).map(|_| wait_any()).collect();
    check!(
        ends.pop(),
        Some((init.pid, End::Killed(libc::SIGKILL))),
        "the last of six ends"
    );
    ends.sort_unstable_by_key(|(pid, _)| *pid);
    let want: Vec<(i32, End)> = members
        .iter()
        .map(|m| (m.pid, End::Killed(libc::SIGKILL)))
        .collect();
    check!(ends, want, "the ends of the members");
    check!(wait_nobody(), Err(Errno::ECHILD));
}

/// Forks until the namespace for children takes nobody any more.
#[track_caller]
fn fork_until_refused() {
    eventually("the namespace takes nobody", || match attempt_fork() {
        Ok(_) => None,
        Err(e) => {
            check!(e, Errno::ENOMEM, "a fork into a dying namespace");
            Some(())
        }
    });
}

fn a_zombie_with_a_parent_outside_holds_init() {
    unshare_pid();
    let init = fork(wait_for_message);
    let zombie = fork(|_| quit(3));
    wait_for_zombie(zombie.pid);
    init.kill(libc::SIGKILL);
    fork_until_refused();
    let alive = waitpid(Pid::from_raw(init.pid), Some(WaitPidFlag::WNOHANG));
    check!(
        alive,
        Ok(WaitStatus::StillAlive),
        "init while a member is not reaped"
    );
    check!(zombie.wait(), End::Exit(3));
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn a_parent_outside_that_ignores_its_children() {
    signal_state::ignore(libc::SIGCHLD);
    unshare_pid();
    let init = fork(wait_for_message);
    for _ in 0..5 {
        fork(|_| sleep_for_ever());
        fork(|_| quit(0));
    }
    let pidfd = init.pidfd();
    init.kill(libc::SIGKILL);
    wait_pidfd(&pidfd);
    // A wait of a parent that ignores SIGCHLD returns when no child is left.
    check!(waitpid(None, None), Err(Errno::ECHILD));
}

fn a_parent_outside_that_goes_away() {
    become_subreaper();
    let maker = fork(|channel| {
        unshare_pid();
        let init = fork(wait_for_message);
        let zombie = fork(|_| quit(3));
        fork(|_| sleep_for_ever());
        wait_for_zombie(zombie.pid);
        channel.send(init.pid);
        sleep_for_ever();
    });
    let init = maker.receive();
    check!(kill(init, libc::SIGKILL), Ok(()));
    maker.end();
    let mut ends = [wait_any(), wait_any(), wait_any()];
    check!(
        ends[2],
        (init, End::Killed(libc::SIGKILL)),
        "the last of three that were adopted"
    );
    ends[..2].sort_unstable_by_key(|(pid, _)| *pid);
    check!(ends[0].1, End::Exit(3), "the zombie's status");
    check!(
        ends[1].1,
        End::Killed(libc::SIGKILL),
        "the other member's status"
    );
    check!(wait_nobody(), Err(Errno::ECHILD));
}

/// A namespace's init and the number of its only other member.
fn init_and_member() -> (Child, i32) {
    let socket = CredentialsSocket::new();
    let init = new_ns(|_| {
        fork(|_| {
            socket.send();
            sleep_for_ever();
        });
        sleep_for_ever();
    });
    (init, socket.receive())
}

fn a_tracee_of_the_outside_holds_init() {
    let (init, tracee) = init_and_member();
    nix::sys::ptrace::seize(Pid::from_raw(tracee), nix::sys::ptrace::Options::empty())
        .expect("PTRACE_SEIZE");
    init.kill(libc::SIGKILL);
    check!(
        wait_any(),
        (tracee, End::Killed(libc::SIGKILL)),
        "the first end is the tracee's"
    );
    check!(
        wait_any(),
        (init.pid, End::Killed(libc::SIGKILL)),
        "the second end is init's"
    );
}

fn a_tracer_outside_that_goes_away() {
    let (init, tracee) = init_and_member();
    let tracer = fork(|channel| {
        nix::sys::ptrace::seize(Pid::from_raw(tracee), nix::sys::ptrace::Options::empty())
            .expect("PTRACE_SEIZE");
        nix::sys::ptrace::interrupt(Pid::from_raw(tracee)).expect("PTRACE_INTERRUPT");
        crate::process::wait_event(tracee, WaitPidFlag::__WALL);
        channel.send(0);
        sleep_for_ever();
    });
    tracer.receive();
    init.kill(libc::SIGKILL);
    tracer.end();
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn nested_members_with_parents_one_level_up() {
    let (mine, theirs) = Channel::pair();
    let outer = new_ns(|channel| {
        let maker = fork(|channel| {
            unshare_pid();
            fork(|_| sleep_for_ever());
            for _ in 0..3 {
                fork(|_| sleep_for_ever());
            }
            let zombie = fork(|_| quit(0));
            wait_for_zombie(zombie.pid);
            channel.send(0);
            sleep_for_ever();
        });
        maker.receive();
        channel.send(0);
        sleep_for_ever();
    });
    drop(theirs);
    outer.receive();
    outer.end();
    mine.receive_end();
}

fn a_pidfd_outside_tells_a_members_end() {
    let (init, member) = init_and_member();
    let member = crate::process::pidfd_open(member).expect("pidfd_open");
    init.kill(libc::SIGKILL);
    wait_pidfd(&member);
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn no_fork_into_a_dying_namespace() {
    for _ in 0..scale(20, 8) {
        let helper = fork(|channel| {
            unshare_pid();
            let init = fork(|_| sleep_for_ever());
            init.kill(libc::SIGKILL);
            fork_until_refused();
            check!(attempt_fork(), Err(Errno::ENOMEM));
            channel.send(i32::from(init.wait() == End::Killed(libc::SIGKILL)));
        });
        check!(helper.receive(), 1, "the end of init");
        check!(helper.wait(), End::Exit(0));
    }
}
