//! Signals, and what else the module sees on its way.

use super::measure;
use nix::sys::signal::Signal;

use crate::channel::Channel;
use crate::process::{fork, kill, new_ns, pid, quit, sleep_for_ever, Child};
use crate::signal_state::{block, ignore, set_default, sigset};

/// Work that is measured: its name, and what does it, and tells of it by [`measure`].
type Work = (Name, fn(Name));
type Name = &'static str;

pub const WORKS: &[Work] = &[
    ("kill of oneself, ignored", kill_ignored),
    ("kill of oneself, blocked, then sigtimedwait", kill_and_wait),
    ("kill of oneself, handler", kill_and_handle),
    ("kill of another process, ignored", kill_other),
    (
        "kill of another process within a namespace, ignored",
        kill_member,
    ),
    (
        "kill of a namespace's init from outside, ignored",
        kill_init,
    ),
    (
        "kill of a namespace's init from inside, dropped",
        kill_own_init,
    ),
    (
        "kill of a namespace's init by itself, blocked, then sigtimedwait",
        init_waits,
    ),
    (
        "kill of a namespace's init by itself, handler",
        init_handles,
    ),
    ("write to a pseudo-terminal, and read of it", pass_a_byte),
    ("the same within a namespace, whose own it is", pass_within),
    ("read of a sysctl", read_sysctl),
    ("read of /proc/self/status", read_status),
    (
        "open and close of /proc/sysvipc/shm in a namespace",
        open_ipc,
    ),
    ("the same, with 10000 such files open", open_ipc_among_many),
];

fn measure_signal(name: Name, target: i32) {
    measure(name, || kill(target, libc::SIGUSR1).expect("kill"));
}

fn kill_ignored(name: Name) {
    ignore(libc::SIGUSR1);
    measure_signal(name, pid());
}

fn kill_and_wait(name: Name) {
    block(libc::SIGUSR2);
    let set = sigset(libc::SIGUSR2);
    measure(name, || {
        kill(pid(), libc::SIGUSR2).expect("kill");
        // SAFETY: the set is live; no information is wanted.
        let taken = unsafe { libc::sigwaitinfo(&set, std::ptr::null_mut()) };
        assert_eq!(taken, libc::SIGUSR2);
    });
}

/// Sets a handler that is not told of the sender, for which the kernel writes less.
fn handle(signal: Signal) {
    extern "C" fn nothing(_: i32) {}
    use nix::sys::signal::{sigaction, SaFlags, SigAction, SigHandler, SigSet};
    let action = SigAction::new(
        SigHandler::Handler(nothing),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing.
    unsafe { sigaction(signal, &action) }.expect("sigaction");
}

fn kill_and_handle(name: Name) {
    handle(Signal::SIGUSR1);
    measure_signal(name, pid());
}

/// Lets a process that ignores SIGUSR1 stand by.
fn with(child: Child, work: impl FnOnce(i32)) {
    child.receive();
    work(child.pid);
    child.kill(libc::SIGKILL);
    child.wait();
}

fn stand_by(channel: &Channel) {
    ignore(libc::SIGUSR1);
    channel.send(0);
    sleep_for_ever();
}

fn kill_other(name: Name) {
    with(fork(stand_by), |child| measure_signal(name, child));
}

fn pass_a_byte(name: Name) {
    let (master, slave) = crate::two_sided::terminal::terminal();
    let mut settings = nix::sys::termios::tcgetattr(&slave).expect("tcgetattr");
    nix::sys::termios::cfmakeraw(&mut settings);
    let now = nix::sys::termios::SetArg::TCSANOW;
    nix::sys::termios::tcsetattr(&slave, now, &settings).expect("tcsetattr");
    measure(name, || {
        nix::unistd::write(&master, b"x").expect("write");
        nix::unistd::read(&slave, &mut [0]).expect("read");
    });
}

fn pass_within(name: Name) {
    inside(|| pass_a_byte(name));
}

fn kill_init(name: Name) {
    with(new_ns(stand_by), |init| measure_signal(name, init));
}

/// What an init and its child do; the init ends when the child has.
fn inside(body: impl FnOnce()) {
    let init = new_ns(|_| {
        body();
        quit(0);
    });
    init.wait();
}

fn kill_member(name: Name) {
    inside(|| kill_other(name));
}

fn kill_own_init(name: Name) {
    inside(|| {
        set_default(libc::SIGUSR1);
        fork(|_| measure_signal(name, 1)).wait();
    });
}

fn init_handles(name: Name) {
    inside(|| {
        handle(Signal::SIGUSR1);
        measure_signal(name, 1);
    });
}

fn read(path: &str) -> impl Fn() {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    move || {
        let read = file.read_at(&mut [0; 4096], 0);
        assert!(read.is_ok_and(|length| length > 0));
    }
}

fn read_sysctl(name: Name) {
    measure(name, read("/proc/sys/kernel/pid_max"));
}

fn read_status(name: Name) {
    measure(name, read("/proc/self/status"));
}

fn ipc_file() -> std::fs::File {
    std::fs::File::open("/proc/sysvipc/shm").expect("open of /proc/sysvipc/shm")
}

fn open_ipc(name: Name) {
    inside(|| measure(name, || drop(ipc_file())));
}

/// What a neighbour, or the same user, has open must cost nobody else anything.
fn open_ipc_among_many(name: Name) {
    const MANY: u64 = 10_000;
    inside(|| {
        use nix::sys::resource::{setrlimit, Resource};
        setrlimit(Resource::RLIMIT_NOFILE, MANY + 100, MANY + 100).expect("RLIMIT_NOFILE");
        let _open: Vec<std::fs::File> = (0..MANY).map(|_| ipc_file()).collect();
        measure(name, || drop(ipc_file()));
    });
}

fn init_waits(name: Name) {
    inside(|| kill_and_wait(name));
}
