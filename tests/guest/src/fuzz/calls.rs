//! The system calls of an agent, each with all that is defined of its result.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use super::agent::handler;
use super::command::{Command, Operation, CATCHABLE};
use super::credentials;
use crate::ns_file::{NS_GET_PARENT, NS_GET_USERNS};
use crate::proc_fs::Proc;
use crate::process::errno_of;
use crate::signal_state;

/// The result of a call: a number, or an error below zero.
pub fn word(result: libc::c_long) -> i32 {
    if result == -1 {
        -Errno::last_raw()
    } else {
        result as i32
    }
}

/// What a siginfo says of its signal: number, code, who, whose, and status or value.
pub fn words_of(signal: i32, info: &libc::siginfo_t) -> [i32; 5] {
    // SAFETY: every layout of a siginfo that these signals have begins with these fields, and the rest is zero.
    unsafe {
        [
            signal,
            info.si_code,
            info.si_pid(),
            info.si_uid() as i32,
            info.si_status(),
        ]
    }
}

/// A `siginfo_t` as a sender writes it.
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

impl Info {
    fn new(signal: i32) -> Info {
        Info {
            signo: signal,
            errno: 0,
            code: libc::SI_QUEUE,
            pad: 0,
            pid: 7777,
            uid: 11,
            value: 42,
            rest: [0; 12],
        }
    }
}

pub fn execute(command: Command) -> Vec<i32> {
    let a = &command.arguments;
    let fd = command.fd.as_ref().map_or(-1, |fd| fd.as_raw_fd());
    match command.operation {
        Operation::TakeSignal => return take_signal(a[0], a[1] == 1),
        Operation::Waitid => return waitid(a[0], if fd >= 0 { fd } else { a[1] }, a[2]),
        Operation::Wait4 => return wait4(a[0], a[1]),
        Operation::Ptrace => return ptrace(a[0], a[1], a[2]),
        Operation::PidfdAsk => return pidfd_ask(fd),
        Operation::NamespaceAsk => return namespace_ask(fd, a[0], a[1]),
        Operation::View => return view(),
        Operation::Link => return link(a[0], a[1]),
        Operation::Sysctl => return sysctl(a[0], a[1]),
        Operation::Owner => return owner(a[0], a[1]),
        Operation::Post => return vec![credentials::post(fd, a[0])],
        Operation::Collect => return credentials::collect(fd),
        _ => {}
    }
    // SAFETY: the pointers are to live structures, or null where the call allows that.
    vec![word(unsafe {
        match command.operation {
            Operation::Unshare => libc::syscall(libc::SYS_unshare, a[0]),
            Operation::Setns => libc::syscall(libc::SYS_setns, fd, a[0]),
            Operation::Subreaper => libc::prctl(libc::PR_SET_CHILD_SUBREAPER, a[0], 0, 0, 0).into(),
            Operation::DeathSignal => libc::prctl(libc::PR_SET_PDEATHSIG, a[0], 0, 0, 0).into(),
            Operation::Setsid => libc::setsid().into(),
            Operation::Setpgid => libc::setpgid(a[0], a[1]).into(),
            Operation::DropUser => {
                libc::syscall(libc::SYS_setresgid, 65534, 65534, 65534);
                libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534)
            }
            Operation::MapUser => return vec![map_user(a[0])],
            Operation::Kill => libc::syscall(libc::SYS_kill, a[0], a[1]),
            Operation::Tgkill => libc::syscall(libc::SYS_tgkill, a[0], a[1], a[2]),
            Operation::Queue => {
                libc::syscall(libc::SYS_rt_sigqueueinfo, a[0], a[1], &Info::new(a[1]))
            }
            Operation::QueueToThread => {
                let info = Info::new(a[2]);
                libc::syscall(libc::SYS_rt_tgsigqueueinfo, a[0], a[1], a[2], &info)
            }
            Operation::PidfdSignal => {
                let none = std::ptr::null::<Info>();
                libc::syscall(libc::SYS_pidfd_send_signal, fd, a[0], none, a[1])
            }
            Operation::Mask => {
                let mask: u64 = chosen(&a[1]).iter().map(|s| signal_state::bit(*s)).sum();
                let none = std::ptr::null::<u64>();
                libc::syscall(libc::SYS_rt_sigprocmask, a[0], &mask, none, 8)
            }
            Operation::Disposition => {
                for signal in chosen(&a[0]) {
                    match a[1] {
                        0 => signal_state::set_default(*signal),
                        1 => signal_state::ignore(*signal),
                        _ => signal_state::handle(*signal, handler, a[2]),
                    }
                }
                0
            }
            Operation::Reboot => libc::reboot(libc::RB_AUTOBOOT).into(),
            Operation::PidfdOpen => {
                let fd = libc::syscall(libc::SYS_pidfd_open, a[0], a[1]);
                if fd >= 0 {
                    drop(OwnedFd::from_raw_fd(fd as RawFd));
                }
                fd.min(0)
            }
            Operation::Lookup => lookup(a[0], a[1]),
            other => panic!("{other:?} is no call"),
        }
    })]
}

/// The signal, or for 0 many.
fn chosen(signal: &i32) -> &[i32] {
    match signal {
        0 => CATCHABLE,
        _ => std::slice::from_ref(signal),
    }
}

/// Makes a process, group or thread the owner of a pipe's signals; the error, and who the owner is.
fn owner(kind: i32, number: i32) -> Vec<i32> {
    const F_SETOWN_EX: i32 = 15;
    const F_GETOWN_EX: i32 = 16;
    let (reader, _writer) = nix::unistd::pipe().expect("pipe");
    let wanted = [kind, number];
    let mut seen = [0; 2];
    // SAFETY: both owners are live, and laid out as the kernel's.
    unsafe {
        let set = word(libc::fcntl(reader.as_raw_fd(), F_SETOWN_EX, &wanted).into());
        libc::fcntl(reader.as_raw_fd(), F_GETOWN_EX, &mut seen);
        vec![set, seen[0], seen[1]]
    }
}

fn take_signal(signal: i32, waits: bool) -> Vec<i32> {
    let set = if signal == 0 {
        !0
    } else {
        signal_state::bit(signal)
    };
    // SAFETY: all bytes zero is a valid structure of each kind, and the pointers are live.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let at_once: libc::timespec = std::mem::zeroed();
        let until = if waits {
            std::ptr::null()
        } else {
            &raw const at_once
        };
        let taken = word(libc::syscall(
            libc::SYS_rt_sigtimedwait,
            &set,
            &mut info,
            until,
            8,
        ));
        let mut words = vec![taken];
        if taken > 0 {
            words.extend(words_of(info.si_signo, &info));
        }
        words
    }
}

fn waitid(kind: i32, id: i32, options: i32) -> Vec<i32> {
    // SAFETY: all bytes zero is a valid siginfo, and the pointers are live or null.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let none = std::ptr::null::<libc::rusage>();
        let waited = word(libc::syscall(
            libc::SYS_waitid,
            kind,
            id,
            &mut info,
            options,
            none,
        ));
        let mut words = vec![waited];
        words.extend(words_of(info.si_signo, &info));
        words
    }
}

fn wait4(pid: i32, options: i32) -> Vec<i32> {
    let mut status = 0;
    // SAFETY: the pointers are live or null.
    let waited = word(unsafe {
        let none = std::ptr::null::<libc::rusage>();
        libc::syscall(libc::SYS_wait4, pid, &mut status, options, none)
    });
    vec![waited, status]
}

fn ptrace(request: i32, pid: i32, data: i32) -> Vec<i32> {
    let mut message = [0u64; 16];
    let data = match request as u32 {
        libc::PTRACE_GETEVENTMSG | libc::PTRACE_GETSIGINFO => message.as_mut_ptr() as i64,
        _ => data as i64,
    };
    // SAFETY: what the kernel writes goes into the message, which is large enough.
    let done = word(unsafe { libc::syscall(libc::SYS_ptrace, request, pid, 0, data) });
    match request as u32 {
        libc::PTRACE_GETEVENTMSG => vec![done, message[0] as i32],
        libc::PTRACE_GETSIGINFO => {
            // SAFETY: the message has the size and alignment of a siginfo.
            let info = unsafe { &*message.as_ptr().cast::<libc::siginfo_t>() };
            let mut words = vec![done];
            words.extend(words_of(info.si_signo, info));
            words
        }
        _ => vec![done],
    }
}

/// The errors of the requests for namespaces, and the numbers by PIDFD_GET_INFO.
fn pidfd_ask(fd: RawFd) -> Vec<i32> {
    const NAMESPACES: [libc::c_ulong; 3] = [0xff05, 0xff06, 0xff09];
    const INFORMATION: libc::c_ulong = 3 << 30 | 64 << 16 | 0xff << 8 | 11;
    let mut words = Vec::new();
    for request in NAMESPACES {
        // SAFETY: the request takes no pointer, and gives a descriptor of our own.
        unsafe {
            let got = word(libc::ioctl(fd, request, 0).into());
            if got >= 0 {
                drop(OwnedFd::from_raw_fd(got));
            }
            words.push(got.min(0));
        }
    }
    let mut information = [0u32; 16];
    // That it has the exit status, if it has one.
    information[0] = 8;
    // SAFETY: the memory has the size that the request names.
    words.push(word(unsafe {
        libc::ioctl(fd, INFORMATION, information.as_mut_ptr()).into()
    }));
    words.extend(information[4..7].iter().map(|w| *w as i32));
    words
}

/// What an ioctl answers; of one that opens a namespace only whether it does.
fn namespace_ask(fd: RawFd, request: i32, number: i32) -> Vec<i32> {
    // SAFETY: these requests take a number or nothing.
    let got = word(unsafe { libc::ioctl(fd, request as u32 as libc::c_ulong, number).into() });
    if got < 0 || !matches!(request as u64, NS_GET_USERNS | NS_GET_PARENT) {
        return vec![got];
    }
    // SAFETY: the kernel has just made this descriptor for us.
    drop(unsafe { OwnedFd::from_raw_fd(got) });
    vec![0]
}

/// What a /proc of the caller's namespace lists.
fn view() -> Vec<i32> {
    let proc = match Proc::try_mount(c"proc") {
        Ok(proc) => proc,
        Err(e) => return vec![-(e as i32)],
    };
    let mut words = Vec::new();
    for number in proc.pids() {
        let stat = proc.stat(&number.to_string());
        let state = stat.state as i32;
        words.extend([number, stat.pid, state, stat.ppid, stat.pgrp, stat.session]);
    }
    words
}

/// A word for a namespace's link, which the director does not print.
fn link(number: i32, which: i32) -> Vec<i32> {
    let proc = match Proc::try_mount(c"proc") {
        Ok(proc) => proc,
        Err(e) => return vec![-(e as i32)],
    };
    let name = ["pid", "pid_for_children"][which as usize];
    match proc.link(&format!("{number}/ns/{name}")) {
        Ok(text) => vec![0, word_of_link(&text)],
        Err(e) => vec![-(e as i32)],
    }
}

/// One word for the text of a link.
pub fn word_of_link(text: &str) -> i32 {
    let add = |word: i32, byte| (word * 31 + i32::from(byte)) & 0xff_ffff;
    text.bytes().fold(0, add)
}

/// Calls that find a process by its number.
fn lookup(call: i32, number: i32) -> libc::c_long {
    let mut words = [0u64; 128];
    let space = words.as_mut_ptr();
    // SAFETY: what the kernel writes goes into the space, which is large enough.
    unsafe {
        match call {
            0 => libc::syscall(libc::SYS_getpgid, number),
            1 => libc::syscall(libc::SYS_getsid, number),
            2 => libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, number),
            3 => libc::syscall(libc::SYS_getpriority, libc::PRIO_PGRP, number),
            4 => libc::syscall(libc::SYS_sched_getscheduler, number),
            5 => libc::syscall(libc::SYS_prlimit64, number, libc::RLIMIT_CORE, 0, space),
            6 => libc::syscall(libc::SYS_ioprio_get, 1, number),
            _ => libc::syscall(libc::SYS_kcmp, number, number, 1, 0, 0),
        }
    }
}

fn sysctl(which: i32, value: i32) -> Vec<i32> {
    const NAMES: [&str; 3] = [
        "kernel/ns_last_pid",
        "kernel/pid_max",
        "user/max_pid_namespaces",
    ];
    let path = format!("/proc/sys/{}", NAMES[which as usize]);
    let error = |e: std::io::Error| -e.raw_os_error().unwrap_or(0);
    let mut words = Vec::new();
    if value >= 0 {
        let written = std::fs::write(&path, value.to_string());
        words.push(written.map_or_else(error, |()| 0));
    }
    // The limit of namespaces is a number of the machine.
    if which < 2 {
        let text = std::fs::read_to_string(&path);
        words.push(text.map_or_else(error, |t| t.trim().parse().unwrap_or(-1)));
    }
    words
}

/// Maps the caller's user and group, by their numbers outside, to root; the three errors.
fn map_user(user: i32) -> i32 {
    let proc = Proc::at("/proc");
    let write = |name: &str, text: &str| errno_of(proc.write(&format!("self/{name}"), text));
    let map = format!("0 {user} 1");
    let errors = [
        write("uid_map", &map),
        write("setgroups", "deny"),
        write("gid_map", &map),
    ];
    -errors.iter().fold(0, |word, e| word * 100 + e)
}
