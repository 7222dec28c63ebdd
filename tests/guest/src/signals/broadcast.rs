//! Signals to many at once, and to those who are not there.

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::harness::Test;
use crate::process::{
    echo, fork, kill, new_ns, pid, pidfd_open, sleep_for_ever, sleepers, wait_for_message, Child,
    End,
};
use crate::send_signal::SendCall;

pub const TESTS: &[Test] = tests![
    kill_all_by_a_member_spares_init,
    kill_all_by_init_spares_itself,
    kill_all_alone_finds_nobody,
    kill_of_the_own_group,
    kill_of_a_group_spares_init,
    a_pidfd_signals_a_group,
    signal_zero_and_bad_signals,
];

#[track_caller]
fn check_all_killed(members: &[Child], signal: i32) {
    for member in members {
        check!(
            member.wait(),
            End::Killed(signal),
            "the end of member {}",
            member.pid
        );
    }
}

fn kill_all_by_a_member_spares_init() {
    let bystander = fork(echo);
    let init = new_ns(|channel| {
        let members = sleepers(4);
        let killer = fork(|channel| {
            check!(kill(-1, libc::SIGKILL), Ok(()), "kill(-1) by a member");
            channel.send(0);
            channel.receive();
        });
        killer.receive();
        check_all_killed(&members, libc::SIGKILL);
        killer.send(0);
        check!(killer.wait(), End::Exit(0), "the end of the killer");
        echo(channel);
    });
    init.check_alive();
    bystander.check_alive();
}

fn kill_all_by_init_spares_itself() {
    let bystander = fork(echo);
    let init = new_ns(|channel| {
        let members = sleepers(4);
        let inner = new_ns(|_| sleep_for_ever());
        check!(kill(-1, libc::SIGKILL), Ok(()), "kill(-1) by init");
        check_all_killed(&members, libc::SIGKILL);
        check!(
            inner.wait(),
            End::Killed(libc::SIGKILL),
            "the end of an inner init"
        );
        echo(channel);
    });
    init.check_alive();
    bystander.check_alive();
}

fn kill_all_alone_finds_nobody() {
    let init = new_ns(|channel| {
        check!(
            kill(-1, libc::SIGTERM),
            Err(Errno::ESRCH),
            "kill(-1) by init alone"
        );
        let member =
            fork(|channel| channel.send(i32::from(kill(-1, libc::SIGTERM) == Err(Errno::ESRCH))));
        check!(member.receive(), 1, "ESRCH for kill(-1) by the only member");
        channel.send(0);
    });
    init.receive();
}

fn kill_of_the_own_group() {
    let bystander = fork(echo);
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| {
            check!(kill(0, libc::SIGTERM), Ok(()));
            sleep_for_ever();
        });
        check!(
            member.wait(),
            End::Killed(libc::SIGTERM),
            "the end of one that kills its group"
        );
        echo(channel);
    });
    init.check_alive();
    bystander.check_alive();
}

fn kill_of_a_group_spares_init() {
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let members = sleepers(3);
        check!(
            kill(-1000, libc::SIGTERM),
            Err(Errno::ESRCH),
            "kill of a group that is none"
        );
        let other_group = fork(|channel| {
            nix::unistd::setsid().expect("setsid");
            channel.receive();
            // Group 1 is init's and its members'.
            check!(
                nix::sys::signal::killpg(nix::unistd::Pid::from_raw(1), Signal::SIGTERM),
                Ok(())
            );
        });
        other_group.send(0);
        check!(other_group.wait(), End::Exit(0), "the end of the killer");
        check_all_killed(&members, libc::SIGTERM);
        echo(channel);
    });
    init.check_alive();
}

fn a_pidfd_signals_a_group() {
    const PIDFD_SIGNAL_PROCESS_GROUP: i32 = 4;
    use std::os::fd::AsRawFd;
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let members = sleepers(3);
        let fd = pidfd_open(1).expect("pidfd_open");
        let flag = PIDFD_SIGNAL_PROCESS_GROUP;
        // SAFETY: the null siginfo is allowed.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                fd.as_raw_fd(),
                libc::SIGTERM,
                0usize,
                flag,
            )
        };
        check!(sent, 0, "pidfd_send_signal to a group");
        check_all_killed(&members, libc::SIGTERM);
        echo(channel);
    });
    init.check_alive();
}

fn signal_zero_and_bad_signals() {
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        check!(kill(1, 0), Ok(()));
        check!(kill(member.pid, 0), Ok(()));
        check!(kill(member.pid + 1, 0), Err(Errno::ESRCH));
        check!(kill(1, 65), Err(Errno::EINVAL));
        check!(kill(i32::MIN, 0), Err(Errno::ESRCH));
        check!(SendCall::Tkill.send(0, 0), Err(Errno::EINVAL));
        check!(SendCall::Tgkill.send(-1, 0), Err(Errno::EINVAL));
        channel.send(pid());
    });
    check!(init.receive(), 1);
}
