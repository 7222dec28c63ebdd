//! Every system call that sends a signal to one process.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::process::pidfd_open;

/// A call that sends a signal to the process with the given number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendCall {
    Kill,
    Tgkill,
    Tkill,
    Sigqueue,
    TgSigqueue,
    Pidfd,
    PidfdInfo,
    PidfdThread,
    /// To the process group that the process leads.
    Group,
    /// To the caller's process group, whatever the number.
    OwnGroup,
}

/// Those that send to one process.
pub const SEND_CALLS: [SendCall; 8] = [
    SendCall::Kill,
    SendCall::Tgkill,
    SendCall::Tkill,
    SendCall::Sigqueue,
    SendCall::TgSigqueue,
    SendCall::Pidfd,
    SendCall::PidfdInfo,
    SendCall::PidfdThread,
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

impl SendCall {
    /// In the order of their numbers.
    pub const ALL: [SendCall; 10] = [
        SendCall::Kill,
        SendCall::Tgkill,
        SendCall::Tkill,
        SendCall::Sigqueue,
        SendCall::TgSigqueue,
        SendCall::Pidfd,
        SendCall::PidfdInfo,
        SendCall::PidfdThread,
        SendCall::Group,
        SendCall::OwnGroup,
    ];

    pub fn send(self, pid: i32, signal: i32) -> nix::Result<()> {
        const PIDFD_SIGNAL_THREAD: u32 = 1;
        const PIDFD_SIGNAL_PROCESS_GROUP: u32 = 4;
        let own = Forgery {
            code: libc::SI_QUEUE,
            pid: FORGED_PID,
        };
        // SAFETY: these calls take no pointers.
        let result = unsafe {
            match self {
                SendCall::Kill => libc::syscall(libc::SYS_kill, pid, signal),
                SendCall::Tgkill => libc::syscall(libc::SYS_tgkill, pid, pid, signal),
                SendCall::Tkill => libc::syscall(libc::SYS_tkill, pid, signal),
                SendCall::Sigqueue => return own.queue(pid, signal),
                SendCall::TgSigqueue => return own.queue_to_thread(pid, signal),
                SendCall::Pidfd => return by_pidfd(pid, signal, 0),
                SendCall::PidfdInfo => return own.send(&pidfd_open(pid)?, signal, 0),
                SendCall::PidfdThread => return by_pidfd(pid, signal, PIDFD_SIGNAL_THREAD),
                // Process 1 has no negative number: -1 means everybody.
                SendCall::Group if pid == 1 => {
                    return by_pidfd(pid, signal, PIDFD_SIGNAL_PROCESS_GROUP)
                }
                SendCall::Group => libc::syscall(libc::SYS_kill, -pid, signal),
                SendCall::OwnGroup => libc::syscall(libc::SYS_kill, 0, signal),
            }
        };
        Errno::result(result).map(drop)
    }

    /// Whether the sender writes the siginfo itself.
    pub fn carries_info(self) -> bool {
        matches!(
            self,
            SendCall::Sigqueue | SendCall::TgSigqueue | SendCall::PidfdInfo
        )
    }

    /// The code that the receiver sees.
    pub fn code(self) -> i32 {
        match self {
            SendCall::Kill | SendCall::Pidfd | SendCall::Group | SendCall::OwnGroup => {
                libc::SI_USER
            }
            SendCall::Tgkill | SendCall::Tkill | SendCall::PidfdThread => libc::SI_TKILL,
            SendCall::Sigqueue | SendCall::TgSigqueue | SendCall::PidfdInfo => libc::SI_QUEUE,
        }
    }
}

fn by_pidfd(pid: i32, signal: i32, flags: u32) -> nix::Result<()> {
    let fd = pidfd_open(pid)?;
    let none = std::ptr::null::<Info>();
    // SAFETY: no siginfo is given.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            fd.as_raw_fd(),
            signal,
            none,
            flags,
        )
    })
    .map(drop)
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
            signo: signal,
            errno: 0,
            code: self.code,
            pad: 0,
            pid: self.pid,
            uid: 0,
            value: VALUE as u64,
            rest: [0; 12],
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

/// Lets a timer of the caller send it a signal. It goes off twice, so that it has when it is armed no more.
pub fn send_by_timer(signal: i32) {
    // SAFETY: every pointer is to a live structure.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        let (clock, mut id) = (libc::CLOCK_MONOTONIC, std::mem::zeroed());
        check!(libc::timer_create(clock, &mut event, &mut id), 0);
        for _ in 0..2 {
            let mut timer: libc::itimerspec = std::mem::zeroed();
            timer.it_value.tv_nsec = 1_000_000;
            check!(libc::timer_settime(id, 0, &timer, std::ptr::null_mut()), 0);
            while timer.it_value.tv_sec != 0 || timer.it_value.tv_nsec != 0 {
                check!(libc::timer_gettime(id, &mut timer), 0);
            }
        }
    }
}
