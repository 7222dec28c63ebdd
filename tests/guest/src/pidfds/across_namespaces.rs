//! What may be done to a process by its pidfd, from inside and outside of its namespace.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::wait::{waitid, Id, WaitPidFlag, WaitStatus};

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::ns_file::NsFile;
use crate::privilege::become_nobody;
use crate::process::{
    echo, errno_of, fork, kill, new_ns, pid, pidfd_open, sleep_for_ever, sleeping_thread,
    wait_for_message, wait_pidfd, End,
};

pub const TESTS: &[Test] = tests![
    open_by_number,
    open_by_a_number_of_the_outside,
    a_signal_into_a_child,
    no_signal_out_of_the_view,
    no_signal_to_the_dead,
    a_signal_to_oneself,
    a_signal_to_a_group,
    poll_from_anywhere,
    wait_by_pidfd,
    wait_by_a_pidfd_from_inside,
    made_by_clone,
    a_descriptor_of_a_process_inside,
    a_descriptor_of_a_process_outside,
    no_descriptor_for_another_user,
];

const GROUP: u32 = 4;

fn send(pidfd: i32, signal: i32, flags: u32) -> nix::Result<()> {
    // SAFETY: the null siginfo is allowed.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal, 0usize, flags)
    })
    .map(drop)
}

/// Takes a descriptor out of a process.
fn get_fd(pidfd: &OwnedFd, fd: i32) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes no pointers, and gives a descriptor of our own.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0);
        Ok(OwnedFd::from_raw_fd(Errno::result(fd)? as i32))
    }
}

fn open_by_number() {
    let init = new_ns(|channel| {
        let open = |number| pidfd_open(number).err();
        check!(open(1), None);
        check!(open(2), Some(Errno::ESRCH));
        check!(open(0), Some(Errno::EINVAL));
        check!(open(-1), Some(Errno::EINVAL));
        // SAFETY: the call takes no pointers.
        let flags = unsafe { libc::syscall(libc::SYS_pidfd_open, 1, 1) };
        check!(Errno::result(flags), Err(Errno::EINVAL), "an unknown flag");
        let dead = fork(|_| ());
        check!(dead.wait(), End::Exit(0));
        check!(open(dead.pid), Some(Errno::ESRCH), "a reaped process");
        let thread = sleeping_thread();
        check!(
            open(thread),
            Some(Errno::ENOENT),
            "a thread that is no process"
        );
        channel.send(0);
    });
    init.receive();
}

fn open_by_a_number_of_the_outside() {
    let me = pid();
    let init = new_ns(|channel| {
        check!(pidfd_open(me).err(), Some(Errno::ESRCH));
        channel.send(0);
    });
    init.receive();
}

fn a_signal_into_a_child() {
    mode::as_mainline();
    let init = new_ns(|channel| {
        let member = fork(|_| sleep_for_ever());
        channel.send_fd(member.pidfd().as_raw_fd());
        check!(member.wait(), End::Killed(libc::SIGTERM));
        channel.send(0);
        echo(channel);
    });
    let member = init.channel.receive_fd();
    check!(send(member.as_raw_fd(), 0, 0), Ok(()));
    check!(send(member.as_raw_fd(), libc::SIGTERM, 0), Ok(()));
    init.receive();
    check!(send(init.pidfd().as_raw_fd(), libc::SIGTERM, 0), Ok(()));
    init.check_alive();
    check!(send(init.pidfd().as_raw_fd(), libc::SIGKILL, 0), Ok(()));
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn no_signal_out_of_the_view() {
    let victim = fork(echo);
    let neighbour = new_ns(echo);
    let pidfds = [victim.pidfd(), neighbour.pidfd()];
    let init = new_ns(|channel| {
        for pidfd in &pidfds {
            for signal in [0, libc::SIGKILL, libc::SIGTERM, 99] {
                let sent = send(pidfd.as_raw_fd(), signal, 0);
                check!(sent, Err(Errno::EINVAL), "signal {signal}");
            }
            for flags in [1, 2, GROUP] {
                let sent = send(pidfd.as_raw_fd(), libc::SIGKILL, flags);
                check!(sent, Err(Errno::EINVAL), "with the flag {flags}");
            }
        }
        channel.send(0);
    });
    init.receive();
    victim.check_alive();
    neighbour.check_alive();
}

fn no_signal_to_the_dead() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    init.end();
    check!(send(pidfd.as_raw_fd(), 0, 0), Err(Errno::ESRCH));
    let other = new_ns(|channel| {
        check!(
            send(pidfd.as_raw_fd(), 0, 0),
            Err(Errno::EINVAL),
            "from elsewhere"
        );
        channel.send(0);
    });
    other.receive();
}

fn a_signal_to_oneself() {
    const SELF_THREAD: i32 = -10000;
    const SELF_PROCESS: i32 = -10001;
    // With two sides it has asked for it.
    mode::as_mainline();
    let init = new_ns(|channel| {
        for own in [SELF_THREAD, SELF_PROCESS] {
            check!(send(own, 0, 0), Ok(()));
            check!(send(own, libc::SIGTERM, 0), Ok(()), "an init does not mind");
        }
        let member = fork(|_| {
            let _ = send(SELF_PROCESS, libc::SIGUSR1, 0);
            sleep_for_ever()
        });
        check!(member.wait(), End::Killed(libc::SIGUSR1));
        channel.send(0);
    });
    init.receive();
}

fn a_signal_to_a_group() {
    let init = new_ns(|channel| {
        let leader = fork(|channel| {
            nix::unistd::setsid().expect("setsid");
            let member = fork(|_| sleep_for_ever());
            channel.send(member.pid);
            sleep_for_ever()
        });
        check!(leader.receive(), 3);
        channel.send_fd(leader.pidfd().as_raw_fd());
        check!(leader.wait(), End::Killed(libc::SIGUSR1));
        check!(crate::process::wait_for(3), End::Killed(libc::SIGUSR1));
        channel.send(0);
    });
    let leader = init.channel.receive_fd();
    check!(send(leader.as_raw_fd(), libc::SIGUSR1, GROUP), Ok(()));
    init.receive();
}

fn poll_from_anywhere() {
    let outside = fork(wait_for_message);
    let pidfd = outside.pidfd();
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        channel.send_fd(member.pidfd().as_raw_fd());
        wait_pidfd(&pidfd);
        channel.send(0);
        member.send(0);
        channel.receive_or_end();
    });
    let member = init.channel.receive_fd();
    outside.send(0);
    init.receive();
    wait_pidfd(&member);
    check!(outside.wait(), End::Exit(0));
}

/// Waits for a child by its pidfd, and gives its number and how it ended.
fn wait_by(pidfd: &OwnedFd) -> nix::Result<WaitStatus> {
    use std::os::fd::AsFd;
    crate::channel::retry(|| waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED))
}

fn wait_by_pidfd() {
    let init = new_ns(|channel| {
        let member = fork(|_| crate::process::quit(4));
        let pidfd = member.pidfd();
        let number = nix::unistd::Pid::from_raw(2);
        check!(wait_by(&pidfd), Ok(WaitStatus::Exited(number, 4)));
        check!(wait_by(&pidfd), Err(Errno::ECHILD), "a second time");
        channel.receive_or_end();
    });
    let pidfd = init.pidfd();
    init.send(0);
    let number = nix::unistd::Pid::from_raw(init.pid);
    check!(wait_by(&pidfd), Ok(WaitStatus::Exited(number, 0)));
}

fn wait_by_a_pidfd_from_inside() {
    let outside = fork(wait_for_message);
    let pidfd = outside.pidfd();
    let init = new_ns(|channel| {
        channel.send_fd(pidfd_open(1).expect("pidfd_open").as_raw_fd());
        check!(
            wait_by(&pidfd),
            Err(Errno::ECHILD),
            "a process that is not its child"
        );
        crate::process::quit(5);
    });
    let theirs = init.channel.receive_fd();
    let number = nix::unistd::Pid::from_raw(init.pid);
    check!(wait_by(&theirs), Ok(WaitStatus::Exited(number, 5)));
}

fn made_by_clone() {
    let made = |flags: u64| {
        let mut fd = -1i32;
        let child = Clone::new(flags | libc::CLONE_PIDFD as u64)
            .with(|a| a.pidfd = &raw mut fd as u64)
            .start(wait_for_message)
            .expect("clone3");
        // SAFETY: the kernel has just made this descriptor for us.
        (child, unsafe { OwnedFd::from_raw_fd(fd) })
    };
    let (init, pidfd) = made(NEWPID);
    check!(send(pidfd.as_raw_fd(), 0, 0), Ok(()));
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let (member, second) = made(0);
    check!(send(second.as_raw_fd(), libc::SIGKILL, 0), Ok(()));
    check!(member.wait(), End::Killed(libc::SIGKILL));
    check!(send(pidfd.as_raw_fd(), libc::SIGKILL, 0), Ok(()));
    check!(init.wait(), End::Killed(libc::SIGKILL));
    check!(kill(init.pid, 0), Err(Errno::ESRCH));
}

fn a_descriptor_of_a_process_inside() {
    let init = new_ns(|channel| {
        let file = NsFile::of("self");
        channel.send(file.fd());
        channel.receive_or_end();
    });
    let number = init.receive();
    let file = get_fd(&init.pidfd(), number).map(NsFile::from_fd);
    let file = file.expect("pidfd_getfd");
    check!(file.inode(), NsFile::of(init.pid).inode());
    check!(get_fd(&init.pidfd(), 9999).err(), Some(Errno::EBADF));
}

fn a_descriptor_of_a_process_outside() {
    let own = NsFile::of("self");
    let outside = pidfd_open(pid()).expect("pidfd_open");
    let number = own.fd();
    let init = new_ns(|channel| {
        let file = get_fd(&outside, number).map(NsFile::from_fd);
        check!(file.expect("pidfd_getfd").inode(), own.inode());
        channel.send(0);
    });
    init.receive();
}

fn no_descriptor_for_another_user() {
    let init = new_ns(wait_for_message);
    let pidfd = init.pidfd();
    let child = fork(|channel| {
        become_nobody();
        channel.send(errno_of(get_fd(&pidfd, 0)));
    });
    check!(child.receive(), libc::EPERM);
    init.end();
    check!(
        get_fd(&pidfd, 0).err(),
        Some(Errno::ESRCH),
        "of a reaped process"
    );
}
