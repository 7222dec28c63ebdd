//! Files of namespaces: how a test opens one, tells it from others and asks it questions.

use std::fmt::Display;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{open, readlink, OFlag};
use nix::sys::stat::{fstat, stat, FileStat, Mode};

use crate::channel::Channel;
use crate::process::{new_ns, Child};

pub const NS_GET_USERNS: u64 = 0xb701;
pub const NS_GET_PARENT: u64 = 0xb702;
pub const NS_GET_NSTYPE: u64 = 0xb703;
pub const NS_GET_OWNER_UID: u64 = 0xb704;
pub const NS_GET_MNTNS_ID: u64 = 0x8008_b705;
pub const NS_GET_PID_FROM_PIDNS: u64 = 0x8004_b706;
pub const NS_GET_TGID_FROM_PIDNS: u64 = 0x8004_b707;
pub const NS_GET_PID_IN_PIDNS: u64 = 0x8004_b708;
pub const NS_GET_TGID_IN_PIDNS: u64 = 0x8004_b709;
pub const NS_GET_ID: u64 = 0x8008_b70d;

/// The inode number of the machine's initial pid namespace.
pub const INITIAL_INODE: u64 = 0xEFFF_FFFC;

/// An open file of a namespace.
pub struct NsFile(OwnedFd);

impl NsFile {
    pub fn open(path: &str) -> nix::Result<NsFile> {
        open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map(NsFile)
    }

    /// The pid namespace of a process, by its number in /proc or `self`.
    #[track_caller]
    pub fn of(process: impl Display) -> NsFile {
        NsFile::named(process, "pid")
    }

    /// The namespace of a process's next children.
    #[track_caller]
    pub fn for_children_of(process: impl Display) -> NsFile {
        NsFile::named(process, "pid_for_children")
    }

    /// Any namespace of a process.
    #[track_caller]
    pub fn named(process: impl Display, name: &str) -> NsFile {
        let path = format!("/proc/{process}/ns/{name}");
        NsFile::open(&path).unwrap_or_else(|e| panic!("open of {path}: {e}"))
    }

    /// Takes a descriptor that came from elsewhere.
    pub fn from_fd(fd: OwnedFd) -> NsFile {
        NsFile(fd)
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    #[track_caller]
    pub fn stat(&self) -> FileStat {
        fstat(&self.0).expect("fstat of a namespace")
    }

    #[track_caller]
    pub fn inode(&self) -> u64 {
        self.stat().st_ino
    }

    /// Enters the namespace.
    pub fn enter(&self, flags: i32) -> nix::Result<()> {
        setns(self.fd(), flags)
    }

    /// What an ioctl gives that takes a number or nothing.
    pub fn ask(&self, request: u64, argument: i32) -> nix::Result<i32> {
        // SAFETY: the request takes its argument by value, or none.
        Errno::result(unsafe { libc::ioctl(self.fd(), request, argument as libc::c_ulong) })
    }

    /// The namespace that an ioctl opens.
    pub fn related(&self, request: u64) -> nix::Result<NsFile> {
        let fd = self.ask(request, 0)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(NsFile(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The namespace's 64-bit number, which is never used twice.
    #[track_caller]
    pub fn id(&self) -> u64 {
        let mut id = 0u64;
        // SAFETY: the pointer is to a live number of the size that the request names.
        let got = Errno::result(unsafe { libc::ioctl(self.fd(), NS_GET_ID, &mut id) });
        check!(got, Ok(0), "NS_GET_ID");
        id
    }
}

/// A child's body: give a file of the own namespace, then wait for a message.
pub fn give_own(channel: &Channel) {
    channel.send_fd(NsFile::of("self").fd());
    channel.receive_or_end();
}

/// A namespace of the caller's, and a file of one below it.
pub fn two_levels() -> (Child, NsFile) {
    let outer = new_ns(|channel| {
        let inner = new_ns(give_own);
        channel.send_fd(inner.channel.receive_fd().as_raw_fd());
        channel.receive_or_end();
    });
    let inner = NsFile::from_fd(outer.channel.receive_fd());
    (outer, inner)
}

/// Enters a namespace, or those of the process behind a pidfd.
pub fn setns(fd: RawFd, flags: i32) -> nix::Result<()> {
    // SAFETY: the call takes no pointers.
    Errno::result(unsafe { libc::setns(fd, flags) }).map(drop)
}

/// The text of a namespace's link.
pub fn link(process: impl Display, name: &str) -> nix::Result<String> {
    let path = format!("/proc/{process}/ns/{name}");
    readlink(path.as_str()).map(|text| text.to_string_lossy().into_owned())
}

/// The inode number behind a namespace's link.
#[track_caller]
pub fn inode_of(process: impl Display, name: &str) -> u64 {
    let path = format!("/proc/{process}/ns/{name}");
    let seen = stat(path.as_str()).unwrap_or_else(|e| panic!("stat of {path}: {e}"));
    seen.st_ino
}

/// The link's text for an inode number.
pub fn text(inode: u64) -> String {
    format!("pid:[{inode}]")
}
