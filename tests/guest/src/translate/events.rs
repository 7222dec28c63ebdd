//! Whom an event names: to a tracer, to a watcher of files, in the name of a core file.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use crate::channel::retry;
use crate::harness::Test;
use crate::process::{fork, kill, new_ns, pid, wait_event, wait_for, End};

pub const TESTS: &[Test] = tests![
    a_tracer_outside_is_told_outer_numbers,
    a_tracer_inside_is_told_inner_numbers,
    a_watcher_of_files,
    the_name_of_a_core_file,
];

/// Traces a process, has it fork with `start`, not before it is traced, and returns the number of its child that the
/// tracer is told.
#[track_caller]
fn told_by_fork(process: i32, start: impl FnOnce()) -> i32 {
    let process = Pid::from_raw(process);
    let options = ptrace::Options::PTRACE_O_TRACEFORK | ptrace::Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options).expect("PTRACE_SEIZE");
    start();
    loop {
        match wait_event(process.as_raw(), WaitPidFlag::__WALL) {
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_FORK) => {
                let told = ptrace::getevent(process).expect("PTRACE_GETEVENTMSG");
                ptrace::cont(process, None).expect("PTRACE_CONT");
                return told as i32;
            }
            WaitStatus::PtraceEvent(_, signal, _) | WaitStatus::Stopped(_, signal) => {
                let pass =
                    (signal != Signal::SIGTRAP && signal != Signal::SIGSTOP).then_some(signal);
                ptrace::cont(process, pass).expect("PTRACE_CONT");
            }
            other => panic!("expected the fork of {process}, saw {other:?}"),
        }
    }
}

/// Forks with the system call itself, which a tracer takes for a fork.
fn fork_when_told(channel: &crate::channel::Channel) {
    channel.receive();
    let child = fork(|_| crate::process::sleep_for_ever());
    channel.send(child.pid);
    channel.receive_or_end();
}

fn a_tracer_outside_is_told_outer_numbers() {
    let init = new_ns(fork_when_told);
    let told = told_by_fork(init.pid, || init.send(0));
    check!(init.receive(), 2, "the number inside");
    let file = crate::ns_file::NsFile::of(init.pid);
    let outer = file.ask(crate::ns_file::NS_GET_PID_FROM_PIDNS, 2);
    check!(Ok(told), outer, "the number that the tracer is told");
    check!(kill(init.pid, libc::SIGKILL), Ok(()));
}

fn a_tracer_inside_is_told_inner_numbers() {
    let init = new_ns(|channel| {
        let member = fork(fork_when_told);
        check!(
            told_by_fork(member.pid, || member.send(0)),
            3,
            "the number that the tracer is told"
        );
        check!(member.receive(), 3);
        channel.send(0);
    });
    init.receive();
}

fn a_watcher_of_files() {
    const PLACE: &str = "/tmp/watched";
    std::fs::write(PLACE, "x").expect("a file");
    let watch = || {
        const FAN_OPEN: u64 = 0x20;
        // SAFETY: the path is a string, and the descriptor is new.
        unsafe {
            let fd = Errno::result(libc::fanotify_init(0, libc::O_RDONLY as u32));
            let fd = OwnedFd::from_raw_fd(fd.expect("fanotify_init"));
            let (add, path) = (libc::FAN_MARK_ADD, c"/tmp/watched".as_ptr());
            let marked = libc::fanotify_mark(fd.as_raw_fd(), add, FAN_OPEN, libc::AT_FDCWD, path);
            check!(marked, 0, "fanotify_mark");
            fd
        }
    };
    // Who has opened the file, as the watcher sees it.
    let opener = |watcher: &OwnedFd| -> i32 {
        let mut event = [0i32; 6];
        let got = retry(|| {
            let place = event.as_mut_ptr().cast();
            // SAFETY: the buffer is live and has room for one event.
            Errno::result(unsafe { libc::read(watcher.as_raw_fd(), place, 24) })
        });
        check!(got, Ok(24), "an event");
        // An event: length, version, mask, descriptor, number.
        // SAFETY: the kernel has just made this descriptor for us.
        drop(unsafe { OwnedFd::from_raw_fd(event[4]) });
        event[5]
    };
    let open = || drop(std::fs::File::open(PLACE).expect("open"));
    let outer = watch();
    let init = new_ns(|channel| {
        let inner = watch();
        open();
        check!(opener(&inner), 1, "init itself");
        channel.send(0);
        channel.receive();
        check!(opener(&inner), 0, "a process outside");
        channel.send(0);
    });
    init.receive();
    check!(opener(&outer), init.pid, "a process inside");
    open();
    check!(opener(&outer), pid());
    init.send(0);
    init.receive();
}

fn the_name_of_a_core_file() {
    const PATTERN: &str = "/proc/sys/kernel/core_pattern";
    let before = std::fs::read_to_string(PATTERN).expect("core_pattern");
    let directory = "/tmp/cores";
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::write(PATTERN, format!("{directory}/%p.%P.%i.%I")).expect("core_pattern");
    let init = new_ns(|channel| {
        let limit = libc::RLIM_INFINITY;
        let core = nix::sys::resource::Resource::RLIMIT_CORE;
        nix::sys::resource::setrlimit(core, limit, limit).expect("RLIMIT_CORE");
        let member = fork(|channel| {
            channel.receive();
            kill(pid(), libc::SIGABRT).expect("kill");
        });
        channel.send(member.pid);
        channel.receive();
        member.send(0);
        check!(wait_for(member.pid), End::Killed(libc::SIGABRT));
        channel.send(0);
        channel.receive_or_end();
    });
    check!(init.receive(), 2);
    let file = crate::ns_file::NsFile::of(init.pid);
    let outer = file
        .ask(crate::ns_file::NS_GET_PID_FROM_PIDNS, 2)
        .expect("a number");
    init.send(0);
    init.receive();
    let names = std::fs::read_dir(directory).expect("readdir");
    let names: Vec<String> = names
        .map(|e| {
            e.expect("readdir")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    std::fs::write(PATTERN, before).expect("core_pattern");
    std::fs::remove_dir_all(directory).expect("remove");
    check!(names, [format!("2.{outer}.2.{outer}")]);
}
