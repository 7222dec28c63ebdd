//! The two sides of an init: signalled from outside it is an ordinary process, from inside it gets
//! what it asked for and nothing else.

pub mod actions;
pub mod changes;
pub mod cores;
pub mod forgery;
pub mod frozen;
pub mod groups;
pub mod machine;
pub mod nested;
pub mod parents;
pub mod pending;
pub mod puppet;
pub mod subject;
pub mod switch;
pub mod terminal;
pub mod threads;
pub mod traced;
pub mod users;
pub mod waiting;

use nix::errno::Errno;
use nix::unistd::{setpgid, Pid};

use crate::proc_fs::Proc;
use crate::process::{fork, new_ns, tid, wait_status, Child, End};
use crate::talk::Talk;
use crate::way::WAYS;

/// What a process lives through; as a plain function, so that several may.
type Story = fn(&Talk);

type Maker = fn(Story) -> Child;

/// Who lives through a story: a process like any other, and the init that must do the same.
const MAKERS: [(&str, Maker); 2] = [
    ("an ordinary process", |story| fork(story)),
    ("init", |story| new_ns(story)),
];

/// Signals whose default action ends a process without a core dump.
const TERMINATE: [i32; 11] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGIO,
    libc::SIGPROF,
    34,
    64,
];

/// Signals that a terminal stops processes with.
const JOB_CONTROL: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Some of every kind, with those that nobody can catch.
const ALL_KINDS: [i32; 8] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGSEGV,
    libc::SIGTSTP,
    libc::SIGKILL,
    libc::SIGSTOP,
    34,
];

/// Lets a child of the caller send these to process 1 of its namespace in every way.
#[track_caller]
fn attack(signals: &[i32]) {
    let attacker = fork(|_| {
        for way in WAYS {
            for signal in signals {
                let sent = way.send(1, *signal);
                check!(sent, Ok(()), "signal {signal} to init by {way:?}");
            }
        }
    });
    check!(attacker.wait(), End::Exit(0), "the attacker of init");
}

/// Waits until a child has stopped for this signal.
#[track_caller]
fn check_stops(child: &Child, signal: i32, words: &str) {
    let (_, status) = wait_status(child.pid, libc::WUNTRACED);
    check!(
        libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == signal,
        true,
        "the status {status:#x} after signal {signal} that stops {words}"
    );
}

#[track_caller]
fn check_continues(child: &Child, words: &str) {
    let (_, status) = wait_status(child.pid, libc::WCONTINUED);
    let continued = libc::WIFCONTINUED(status);
    check!(continued, true, "the status {status:#x} of {words}");
}

/// Stops a child from outside and continues it when something is done.
#[track_caller]
fn while_stopped(child: &Child, deed: impl FnOnce()) {
    child.kill(libc::SIGSTOP);
    check_stops(child, libc::SIGSTOP, "a child");
    deed();
    child.kill(libc::SIGCONT);
    check_continues(child, "a child that goes on");
}

/// Gives every signal its default action: the language's own start has changed some.
fn reset() {
    for signal in (1..=64).filter(|s| ![libc::SIGKILL, libc::SIGSTOP].contains(s)) {
        set_action(signal, &KernelAction::default());
    }
}

/// A `sigaction` as the kernel lays it out, for signals that the C library keeps for itself as well.
#[repr(C)]
#[derive(Default)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

fn set_action(signal: i32, action: &KernelAction) {
    // SAFETY: the pointer is to a live action, which runs no code.
    let set =
        Errno::result(unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, action, 0usize, 8) });
    check!(set, Ok(0), "sigaction({signal})");
}

/// Puts the caller into a process group of its own. Its parent is in the same session, so that the
/// group is not orphaned.
fn own_group() {
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).expect("setpgid");
}

/// The state of a process, or of a thread (`PID/task/TID`), as a letter.
fn state(path: &str) -> char {
    Proc::at("/proc").stat(path).state
}

/// Sends a signal to one thread of a process.
fn tgkill(process: i32, thread: i32, signal: i32) -> nix::Result<()> {
    // SAFETY: the call takes no pointers.
    Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) }).map(drop)
}

/// Starts threads that live through a story each; returns their numbers when all have started.
fn threads(count: usize, story: impl Fn(usize) + Send + Clone + 'static) -> Vec<i32> {
    let (tell, told) = std::sync::mpsc::channel();
    (0..count)
        .map(|index| {
            let (tell, story) = (tell.clone(), story.clone());
            std::thread::spawn(move || {
                tell.send(tid()).expect("a word");
                story(index);
            });
            told.recv().expect("a number")
        })
        .collect()
}
