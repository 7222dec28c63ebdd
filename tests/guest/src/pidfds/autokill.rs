//! Children that nobody has to wait for, and children that end with their pidfd.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::process::{
    eventually, fork, kill, new_ns, quit, sleep_for_ever, wait_for_message, wait_nobody,
    wait_pidfd, Child,
};

pub const TESTS: &[Test] = tests![
    an_init_that_nobody_waits_for,
    an_init_that_nobody_waits_for_ends_with_its_members,
    a_member_that_nobody_waits_for,
    an_init_that_ends_with_its_pidfd,
    an_init_that_ends_with_its_makers,
    flags_that_do_not_go_together,
];

const AUTOREAP: u64 = 1 << 34;
const AUTOKILL: u64 = 1 << 36;

/// Starts a child with a pidfd that ends without a signal to its parent.
fn start(flags: u64, body: impl FnOnce(&Channel)) -> nix::Result<(Child, OwnedFd)> {
    let mut fd = -1i32;
    let call = Clone::new(flags | libc::CLONE_PIDFD as u64).with(|a| {
        a.pidfd = &raw mut fd as u64;
        a.exit_signal = 0;
    });
    let child = call.start(body)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok((child, unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// A pidfd tells of the end of a process slightly before its number is free.
fn wait_until_free(number: i32) {
    eventually("the number is free", || {
        (kill(number, 0) == Err(Errno::ESRCH)).then_some(())
    });
}

fn an_init_that_nobody_waits_for() {
    for _ in 0..5 {
        let (init, pidfd) = start(NEWPID | AUTOREAP, |_| quit(3)).expect("clone3");
        wait_pidfd(&pidfd);
        check!(wait_nobody(), Err(Errno::ECHILD));
        wait_until_free(init.pid);
    }
}

fn an_init_that_nobody_waits_for_ends_with_its_members() {
    let (init, pidfd) = start(NEWPID | AUTOREAP, |channel| {
        let member = fork(|_| sleep_for_ever());
        channel.send_fd(member.pidfd().as_raw_fd());
        channel.receive();
    })
    .expect("clone3");
    let member = init.channel.receive_fd();
    init.send(0);
    wait_pidfd(&pidfd);
    wait_pidfd(&member);
    check!(wait_nobody(), Err(Errno::ECHILD));
}

fn a_member_that_nobody_waits_for() {
    let init = new_ns(|channel| {
        for _ in 0..5 {
            let call = Clone::new(AUTOREAP)
                .set_tid(&[50])
                .with(|a| a.exit_signal = 0);
            let member = eventually("the number is free", || {
                call.clone().start(wait_for_message).ok()
            });
            check!(member.pid, 50);
            let pidfd = member.pidfd();
            member.send(0);
            wait_pidfd(&pidfd);
            check!(wait_nobody(), Err(Errno::ECHILD));
        }
        channel.send(0);
    });
    init.receive();
}

fn an_init_that_ends_with_its_pidfd() {
    let (init, pidfd) = start(NEWPID | AUTOREAP | AUTOKILL, |channel| {
        let member = fork(|_| sleep_for_ever());
        channel.send_fd(member.pidfd().as_raw_fd());
        sleep_for_ever()
    })
    .expect("clone3");
    let (member, watcher) = (init.channel.receive_fd(), init.pidfd());
    drop(pidfd);
    wait_pidfd(&watcher);
    wait_pidfd(&member);
    wait_until_free(init.pid);
}

fn an_init_that_ends_with_its_makers() {
    let outer = new_ns(|channel| {
        let maker = fork(|channel| {
            let (init, pidfd) =
                start(NEWPID | AUTOREAP | AUTOKILL, |_| sleep_for_ever()).expect("clone3");
            channel.send_fd(init.pidfd().as_raw_fd());
            channel.receive_or_end();
            drop(pidfd);
        });
        let init = maker.channel.receive_fd();
        maker.end();
        wait_pidfd(&init);
        channel.send(0);
    });
    outer.receive();
}

fn flags_that_do_not_go_together() {
    let error = |flags| start(flags, wait_for_message).err();
    check!(
        error(NEWPID | AUTOKILL),
        Some(Errno::EINVAL),
        "without AUTOREAP"
    );
    check!(
        error(NEWPID | AUTOREAP | libc::CLONE_PARENT as u64),
        Some(Errno::EINVAL)
    );
    let signal = Clone::new(NEWPID | AUTOREAP).start(wait_for_message);
    check!(
        signal.err(),
        Some(Errno::EINVAL),
        "with a signal at the end"
    );
}
