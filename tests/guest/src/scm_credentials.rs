//! Datagrams that carry the sender's credentials: who does the receiver think has sent this?

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    recvmsg, sendmsg, setsockopt, socketpair, sockopt::PassCred, AddressFamily, ControlMessage,
    ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixCredentials,
};

use crate::channel::retry;

/// A pair of sockets: anybody who has inherited it may send, and whoever receives sees the sender's
/// number in the receiver's own namespace.
pub struct CredentialsSocket {
    sender: OwnedFd,
    receiver: OwnedFd,
}

impl CredentialsSocket {
    pub fn new() -> CredentialsSocket {
        let (sender, receiver) = socketpair(
            AddressFamily::Unix,
            SockType::Datagram,
            None,
            SockFlag::empty(),
        )
        .expect("socketpair");
        setsockopt(&receiver, PassCred, &true).expect("SO_PASSCRED");
        CredentialsSocket { sender, receiver }
    }

    /// Sends a message; the kernel adds the sender's credentials.
    #[track_caller]
    pub fn send(&self) {
        let sent = retry(|| {
            sendmsg::<()>(
                self.sender.as_raw_fd(),
                &[IoSlice::new(b"x")],
                &[],
                MsgFlags::empty(),
                None,
            )
        });
        check!(sent, Ok(1), "a message");
    }

    /// Sends a message with the credentials of `pid`, a number in the sender's namespace.
    pub fn send_as(&self, pid: i32) -> Result<(), Errno> {
        let credentials = UnixCredentials::from(libc::ucred {
            pid,
            uid: 0,
            gid: 0,
        });
        let control = [ControlMessage::ScmCredentials(&credentials)];
        sendmsg::<()>(
            self.sender.as_raw_fd(),
            &[IoSlice::new(b"x")],
            &control,
            MsgFlags::empty(),
            None,
        )
        .map(drop)
    }

    /// Receives a message and returns the number of its sender.
    #[track_caller]
    pub fn receive(&self) -> i32 {
        let mut text = [0u8; 1];
        let mut space = nix::cmsg_space!(UnixCredentials);
        let mut parts = [IoSliceMut::new(&mut text)];
        let message = recvmsg::<()>(
            self.receiver.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::empty(),
        );
        for part in message.expect("recvmsg").cmsgs().expect("control messages") {
            if let ControlMessageOwned::ScmCredentials(credentials) = part {
                return credentials.pid();
            }
        }
        panic!("a message without credentials");
    }
}
