//! SCM_CREDENTIALS: who says that it sent something, as the receiver sees it.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::RawFd;

use nix::sys::socket::{
    recvmsg, sendmsg, setsockopt, sockopt, ControlMessage, ControlMessageOwned, MsgFlags,
    UnixCredentials,
};

use crate::process::{errno_of, pid};

/// Sends credentials with this number, or for -1 with the own one; 0 or the error.
pub fn post(socket: RawFd, number: i32) -> i32 {
    // SAFETY: the calls take no pointers.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    let credentials = UnixCredentials::from(libc::ucred {
        pid: if number == -1 { pid() } else { number },
        uid,
        gid,
    });
    let sent = sendmsg::<()>(
        socket,
        &[IoSlice::new(b"c")],
        &[ControlMessage::ScmCredentials(&credentials)],
        MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
        None,
    );
    -errno_of(sent)
}

/// Takes what was posted: the error, or who sent it.
pub fn collect(socket: RawFd) -> Vec<i32> {
    // SAFETY: the command has the descriptor for as long as it is executed.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(socket) };
    setsockopt(&fd, sockopt::PassCred, &true).expect("SO_PASSCRED");
    let mut text = [0u8; 1];
    let mut space = nix::cmsg_space!(libc::ucred);
    let mut parts = [IoSliceMut::new(&mut text)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = match recvmsg::<()>(socket, &mut parts, Some(&mut space), flags) {
        Ok(message) => message,
        Err(e) => return vec![-(e as i32)],
    };
    let mut words = vec![0];
    for part in message.cmsgs().expect("control messages") {
        if let ControlMessageOwned::ScmCredentials(from) = part {
            words.extend([from.pid(), from.uid() as i32]);
        }
    }
    words
}
