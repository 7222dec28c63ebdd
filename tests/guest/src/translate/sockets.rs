//! Who is at the other end of a socket.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use crate::harness::Test;
use crate::mail::Mail;
use crate::process::{fork, new_ns, pid};

pub const TESTS: &[Test] = tests![
    the_listener_and_the_caller,
    the_peer_by_pidfd,
    letters_between_three_levels,
    a_signature_that_is_out_of_view,
];

fn peer(socket: &impl std::os::fd::AsFd) -> i32 {
    getsockopt(socket, PeerCredentials)
        .expect("SO_PEERCRED")
        .pid()
}

fn the_listener_and_the_caller() {
    const PLACE: &str = "/tmp/listener";
    let _ = std::fs::remove_file(PLACE);
    let listener = UnixListener::bind(PLACE).expect("bind");
    let init = new_ns(|talk| {
        let stream = UnixStream::connect(PLACE).expect("connect");
        check!(peer(&stream), 0, "a listener outside, as init sees it");
        talk.hear();
        drop(stream);
        std::fs::remove_file(PLACE).expect("remove");
        let listener = UnixListener::bind(PLACE).expect("bind");
        talk.say(0);
        let (stream, _) = listener.accept().expect("accept");
        check!(peer(&stream), 0, "a caller outside, as init sees it");
        let member = fork(|talk| {
            let stream = UnixStream::connect(PLACE).expect("connect");
            check!(peer(&stream), 1, "a listener inside");
            talk.hear_or_end();
        });
        let (stream, _) = listener.accept().expect("accept");
        check!(peer(&stream), member.pid, "a caller inside");
        talk.say(0);
        talk.hear_or_end();
    });
    let (stream, _) = listener.accept().expect("accept");
    check!(peer(&stream), init.pid, "a caller inside, from outside");
    check!(peer(&listener), pid(), "the listener itself");
    init.say(0);
    init.hear();
    let stream = UnixStream::connect(PLACE).expect("connect");
    check!(peer(&stream), init.pid, "a listener inside, from outside");
    init.hear();
}

/// The pidfd of the process at the other end.
fn peer_pidfd(socket: &UnixStream) -> nix::Result<OwnedFd> {
    const SO_PEERPIDFD: i32 = 77;
    let (mut fd, mut length) = (-1i32, size_of::<i32>() as u32);
    // SAFETY: the pointers are live and of the size that is said; the descriptor is new.
    unsafe {
        let level = libc::SOL_SOCKET;
        let place = (&raw mut fd).cast();
        let socket = socket.as_raw_fd();
        Errno::result(libc::getsockopt(
            socket,
            level,
            SO_PEERPIDFD,
            place,
            &mut length,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

fn the_peer_by_pidfd() {
    let inode = |fd: &OwnedFd| nix::sys::stat::fstat(fd).expect("fstat").st_ino;
    let (_keep, socket) = UnixStream::pair().expect("socketpair");
    let me = crate::process::pidfd_open(pid()).expect("pidfd_open");
    let init = new_ns(|talk| {
        let seen = peer_pidfd(&socket).expect("SO_PEERPIDFD");
        check!(
            inode(&seen),
            inode(&me),
            "a process outside, as init sees it"
        );
        let (_keep, inner) = UnixStream::pair().expect("socketpair");
        talk.give(inner.as_raw_fd());
        talk.hear_or_end();
    });
    let inner = UnixStream::from(init.talk.take());
    let seen = peer_pidfd(&inner).expect("SO_PEERPIDFD");
    check!(inode(&seen), inode(&init.pidfd()));
}

fn letters_between_three_levels() {
    let (up, down) = (Mail::new(), Mail::new());
    let outer = new_ns(|talk| {
        let middle = Mail::new();
        let inner = new_ns(|talk| {
            up.send();
            middle.send();
            check!(down.receive(), 0, "the top, as the bottom sees it");
            check!(down.receive(), 0, "the middle, as the bottom sees it");
            talk.say(0);
            talk.hear_or_end();
        });
        talk.hear();
        down.send();
        check!(middle.receive(), inner.pid);
        inner.hear();
        talk.say(inner.pid);
        talk.hear_or_end();
    });
    let bottom = up.receive();
    check!(bottom == outer.pid, false);
    down.send();
    outer.say(0);
    let file = crate::ns_file::NsFile::of(outer.pid);
    let number = file.ask(crate::ns_file::NS_GET_PID_FROM_PIDNS, outer.hear());
    check!(number, Ok(bottom));
}

fn a_signature_that_is_out_of_view() {
    let mail = Mail::new();
    let outside = pid();
    let init = new_ns(|talk| {
        check!(mail.send_as(outside), Err(Errno::ESRCH));
        check!(mail.send_as(1), Ok(()));
        check!(mail.receive(), 1);
        talk.say(0);
    });
    init.hear();
}
