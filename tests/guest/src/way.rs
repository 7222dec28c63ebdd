//! Every system call that sends a signal to one process.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::process::pidfd_open;

/// A way to send a signal to the process with the given number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Kill,
    Tgkill,
    Tkill,
    Sigqueue,
    TgSigqueue,
    Pidfd,
    PidfdInfo,
    PidfdThread,
}

pub const WAYS: [Way; 8] = [
    Way::Kill,
    Way::Tgkill,
    Way::Tkill,
    Way::Sigqueue,
    Way::TgSigqueue,
    Way::Pidfd,
    Way::PidfdInfo,
    Way::PidfdThread,
];

/// A `siginfo_t` as the kernel lays it out for signals with a sender.
#[repr(C)]
struct Info {
    signo: i32,
    errno: i32,
    code: i32,
    pad: i32,
    pid: i32,
    uid: u32,
    value: u64,
    rest: [u64; 12],
}

/// The number that the siginfo of this program claims for its sender.
pub const FORGED_PID: i32 = 7777;
/// The value that the siginfo of this program carries.
pub const VALUE: i32 = 4242;

impl Way {
    pub fn send(self, pid: i32, signal: i32) -> nix::Result<()> {
        let info = info(signal, libc::SI_QUEUE);
        // SAFETY: every pointer is to the live `info`, laid out and sized as the kernel's.
        let result = unsafe {
            match self {
                Way::Kill => libc::syscall(libc::SYS_kill, pid, signal),
                Way::Tgkill => libc::syscall(libc::SYS_tgkill, pid, pid, signal),
                Way::Tkill => libc::syscall(libc::SYS_tkill, pid, signal),
                Way::Sigqueue => return sigqueue(pid, signal, libc::SI_QUEUE),
                Way::TgSigqueue => {
                    libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, pid, signal, &info)
                }
                Way::Pidfd => {
                    let fd = pidfd_open(pid)?;
                    libc::syscall(
                        libc::SYS_pidfd_send_signal,
                        fd.as_raw_fd(),
                        signal,
                        0usize,
                        0,
                    )
                }
                Way::PidfdInfo => {
                    let fd = pidfd_open(pid)?;
                    libc::syscall(
                        libc::SYS_pidfd_send_signal,
                        fd.as_raw_fd(),
                        signal,
                        &info,
                        0,
                    )
                }
                Way::PidfdThread => {
                    const PIDFD_SIGNAL_THREAD: i32 = 1;
                    let fd = pidfd_open(pid)?;
                    libc::syscall(
                        libc::SYS_pidfd_send_signal,
                        fd.as_raw_fd(),
                        signal,
                        0usize,
                        PIDFD_SIGNAL_THREAD,
                    )
                }
            }
        };
        Errno::result(result).map(drop)
    }

    /// Whether the sender writes the siginfo itself.
    pub fn carries_info(self) -> bool {
        matches!(self, Way::Sigqueue | Way::TgSigqueue | Way::PidfdInfo)
    }

    /// The code that the receiver sees.
    pub fn code(self) -> i32 {
        match self {
            Way::Kill | Way::Pidfd => libc::SI_USER,
            Way::Tgkill | Way::Tkill | Way::PidfdThread => libc::SI_TKILL,
            Way::Sigqueue | Way::TgSigqueue | Way::PidfdInfo => libc::SI_QUEUE,
        }
    }
}

/// `rt_sigqueueinfo` with a code of the caller's choice.
pub fn sigqueue(pid: i32, signal: i32, code: i32) -> nix::Result<()> {
    Forgery {
        code,
        pid: FORGED_PID,
    }
    .queue(pid, signal)
}

/// What a sender claims in a siginfo of its own making.
#[derive(Clone, Copy, Debug)]
pub struct Forgery {
    pub code: i32,
    pub pid: i32,
}

impl Forgery {
    fn info(self, signal: i32) -> Info {
        Info {
            pid: self.pid,
            ..info(signal, self.code)
        }
    }

    /// `rt_sigqueueinfo`
    pub fn queue(self, pid: i32, signal: i32) -> nix::Result<()> {
        let info = self.info(signal);
        // SAFETY: the pointer is to a live siginfo, laid out and sized as the kernel's.
        Errno::result(unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, &info) })
            .map(drop)
    }

    /// `rt_tgsigqueueinfo`, to the leader
    pub fn queue_to_thread(self, pid: i32, signal: i32) -> nix::Result<()> {
        let info = self.info(signal);
        // SAFETY: as above.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, pid, signal, &info)
        })
        .map(drop)
    }

    /// `pidfd_send_signal`
    pub fn send(self, pidfd: &impl AsRawFd, signal: i32, flags: u32) -> nix::Result<()> {
        let (fd, info) = (pidfd.as_raw_fd(), self.info(signal));
        // SAFETY: as above.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, &info, flags)
        })
        .map(drop)
    }
}

fn info(signal: i32, code: i32) -> Info {
    Info {
        signo: signal,
        errno: 0,
        code,
        pad: 0,
        pid: FORGED_PID,
        uid: 0,
        value: VALUE as u64,
        rest: [0; 12],
    }
}
