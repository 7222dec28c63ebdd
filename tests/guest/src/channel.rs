//! A channel between two processes: numbers and descriptors, in whole messages.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    recvmsg, sendmsg, socketpair, AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags,
    SockFlag, SockType,
};

/// The most numbers in one message.
const MOST: usize = 512;

/// One end of a channel. Receiving waits; where the other end is gone, it fails the test.
pub struct Channel(OwnedFd);

impl Channel {
    /// Makes a channel and returns both ends.
    pub fn pair() -> (Channel, Channel) {
        let (a, b) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::empty(),
        )
        .expect("socketpair");
        (Channel(a), Channel(b))
    }

    /// Takes an end that was inherited through `execve`.
    pub fn from_inherited(fd: RawFd) -> Channel {
        // SAFETY: the caller's parent kept this descriptor open for us and nobody else uses it.
        Channel(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    #[track_caller]
    pub fn send(&self, number: i32) {
        self.send_all(&[number]);
    }

    #[track_caller]
    pub fn send_all(&self, numbers: &[i32]) {
        self.send_with(numbers, None);
    }

    /// Sends numbers, and a descriptor if there is one, in one message.
    #[track_caller]
    pub fn send_with(&self, numbers: &[i32], fd: Option<RawFd>) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_ne_bytes()).collect();
        let fds: Vec<RawFd> = fd.into_iter().collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let sent = retry(|| {
            sendmsg::<()>(
                self.fd(),
                &[IoSlice::new(&bytes)],
                &rights[..fds.len()],
                MsgFlags::MSG_NOSIGNAL,
                None,
            )
        });
        check!(sent, Ok(bytes.len()), "a message to the other side");
    }

    #[track_caller]
    pub fn receive(&self) -> i32 {
        let numbers = self.receive_all();
        check!(
            numbers.len(),
            1,
            "count of numbers in the message {numbers:?}"
        );
        numbers[0]
    }

    #[track_caller]
    pub fn receive_all(&self) -> Vec<i32> {
        match self.receive_or_end() {
            Some(numbers) => numbers,
            None => panic!("the other side is gone"),
        }
    }

    /// Waits for a message or the end. A receiver that waits by itself looks for a message first and
    /// for the end then, and may miss a message that came in between.
    fn wait(&self) {
        check!(self.poll(-1), Ok(1), "poll");
    }

    /// Whether there is a message now, or the end.
    pub fn is_readable(&self) -> bool {
        self.poll(0) == Ok(1)
    }

    /// Whether there is a message now, or the end, in each of these.
    pub fn readable<'c>(channels: impl Iterator<Item = &'c Channel>) -> Vec<bool> {
        let polls = channels.map(|channel| libc::pollfd {
            fd: channel.fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        let mut polls: Vec<libc::pollfd> = polls.collect();
        let (first, count) = (polls.as_mut_ptr(), polls.len() as libc::nfds_t);
        // SAFETY: so many descriptors, all live.
        let polled = retry(|| Errno::result(unsafe { libc::poll(first, count, 0) }));
        check!(polled.is_ok(), true, "poll");
        polls.iter().map(|poll| poll.revents != 0).collect()
    }

    fn poll(&self, milliseconds: i32) -> nix::Result<i32> {
        let mut poll = libc::pollfd {
            fd: self.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, which is live.
        retry(|| Errno::result(unsafe { libc::poll(&mut poll, 1, milliseconds) }))
    }

    /// Waits for a message, or for the last holder of the other end to be gone (`None`).
    #[track_caller]
    pub fn receive_or_end(&self) -> Option<Vec<i32>> {
        let mut bytes = [0u8; 4 * MOST];
        self.wait();
        let got = match retry(|| nix::sys::socket::recv(self.fd(), &mut bytes, MsgFlags::empty())) {
            Ok(0) | Err(Errno::ECONNRESET) => return None,
            Ok(n) => n,
            Err(e) => panic!("recv: {e}"),
        };
        Some(numbers_of(&bytes[..got]))
    }

    /// Waits as [`Channel::receive_or_end`] does, and takes a descriptor too, if the message has one.
    #[track_caller]
    pub fn receive_with(&self) -> Option<(Vec<i32>, Option<OwnedFd>)> {
        let mut bytes = [0u8; 4 * MOST];
        let mut space = nix::cmsg_space!(RawFd);
        self.wait();
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::empty();
        let message = match recvmsg::<()>(self.fd(), &mut parts, Some(&mut space), flags) {
            Err(Errno::ECONNRESET) => return None,
            message => message.expect("recvmsg"),
        };
        let fd = message.cmsgs().expect("control messages").find_map(taken);
        let got = message.bytes;
        (got > 0).then(|| (numbers_of(&bytes[..got]), fd))
    }

    /// Waits until every holder of the other end is gone.
    #[track_caller]
    pub fn receive_end(&self) {
        check!(self.receive_or_end(), None, "the last message");
    }

    /// Hands a descriptor to the other side.
    #[track_caller]
    pub fn send_fd(&self, fd: RawFd) {
        let fds = [fd];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(
            self.fd(),
            &[IoSlice::new(b"fd")],
            &rights,
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
        .expect("SCM_RIGHTS");
    }

    /// Takes the descriptor that the other side gives.
    #[track_caller]
    pub fn receive_fd(&self) -> OwnedFd {
        let mut text = [0u8; 2];
        let mut space = nix::cmsg_space!(RawFd);
        let mut parts = [IoSliceMut::new(&mut text)];
        self.wait();
        let message = recvmsg::<()>(self.fd(), &mut parts, Some(&mut space), MsgFlags::empty())
            .expect("recvmsg");
        let fd = message.cmsgs().expect("control messages").find_map(taken);
        fd.expect("a message with a descriptor")
    }
}

/// The descriptor that a message has brought.
fn taken(part: ControlMessageOwned) -> Option<OwnedFd> {
    match part {
        // SAFETY: the kernel has just made this descriptor for us.
        ControlMessageOwned::ScmRights(fds) => Some(unsafe { OwnedFd::from_raw_fd(fds[0]) }),
        _ => None,
    }
}

fn numbers_of(bytes: &[u8]) -> Vec<i32> {
    let chunks = bytes.chunks_exact(4);
    let numbers = chunks.map(|c| i32::from_ne_bytes([c[0], c[1], c[2], c[3]]));
    numbers.collect()
}

/// Calls again for as long as a signal interrupts the call.
pub fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}
