//! Who is at the other end of a socket.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use crate::harness::Test;
use crate::process::{fork, new_ns, pid};
use crate::scm_credentials::CredentialsSocket;

pub const TESTS: &[Test] = tests![
    the_listener_and_the_caller,
    the_peer_by_pidfd,
    messages_between_three_levels,
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
    let init = new_ns(|channel| {
        let stream = UnixStream::connect(PLACE).expect("connect");
        check!(peer(&stream), 0, "a listener outside, as init sees it");
        channel.receive();
        drop(stream);
        std::fs::remove_file(PLACE).expect("remove");
        let listener = UnixListener::bind(PLACE).expect("bind");
        channel.send(0);
        let (stream, _) = listener.accept().expect("accept");
        check!(peer(&stream), 0, "a caller outside, as init sees it");
        let member = fork(|channel| {
            let stream = UnixStream::connect(PLACE).expect("connect");
            check!(peer(&stream), 1, "a listener inside");
            channel.receive_or_end();
        });
        let (stream, _) = listener.accept().expect("accept");
        check!(peer(&stream), member.pid, "a caller inside");
        channel.send(0);
        channel.receive_or_end();
    });
    let (stream, _) = listener.accept().expect("accept");
    check!(peer(&stream), init.pid, "a caller inside, from outside");
    check!(peer(&listener), pid(), "the listener itself");
    init.send(0);
    init.receive();
    let stream = UnixStream::connect(PLACE).expect("connect");
    check!(peer(&stream), init.pid, "a listener inside, from outside");
    init.receive();
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
    let init = new_ns(|channel| {
        let seen = peer_pidfd(&socket).expect("SO_PEERPIDFD");
        check!(
            inode(&seen),
            inode(&me),
            "a process outside, as init sees it"
        );
        let (_keep, inner) = UnixStream::pair().expect("socketpair");
        channel.send_fd(inner.as_raw_fd());
        channel.receive_or_end();
    });
    let inner = UnixStream::from(init.channel.receive_fd());
    let seen = peer_pidfd(&inner).expect("SO_PEERPIDFD");
    check!(inode(&seen), inode(&init.pidfd()));
}

fn messages_between_three_levels() {
    let (up, down) = (CredentialsSocket::new(), CredentialsSocket::new());
    let outer = new_ns(|channel| {
        let middle = CredentialsSocket::new();
        let inner = new_ns(|channel| {
            up.send();
            middle.send();
            check!(down.receive(), 0, "the top, as the bottom sees it");
            check!(down.receive(), 0, "the middle, as the bottom sees it");
            channel.send(0);
            channel.receive_or_end();
        });
        channel.receive();
        down.send();
        check!(middle.receive(), inner.pid);
        inner.receive();
        channel.send(inner.pid);
        channel.receive_or_end();
    });
    let bottom = up.receive();
    check!(bottom == outer.pid, false);
    down.send();
    outer.send(0);
    let file = crate::ns_file::NsFile::of(outer.pid);
    let number = file.ask(crate::ns_file::NS_GET_PID_FROM_PIDNS, outer.receive());
    check!(number, Ok(bottom));
}

fn a_signature_that_is_out_of_view() {
    let socket = CredentialsSocket::new();
    let outside = pid();
    let init = new_ns(|channel| {
        check!(socket.send_as(outside), Err(Errno::ESRCH));
        check!(socket.send_as(1), Ok(()));
        check!(socket.receive(), 1);
        channel.send(0);
    });
    init.receive();
}
