//! The two sides of an init: signalled from outside it is an ordinary process, from inside it gets
//! what it asked for and nothing else.

pub mod broadcast;
pub mod core_dumps;
pub mod default_actions;
pub mod disposition_changes;
pub mod forged_siginfo;
pub mod freezer;
pub mod global_init;
pub mod itself;
pub mod kernel_senders;
pub mod nested;
pub mod parent_exit;
pub mod pending;
pub mod programs;
pub mod ptrace;
pub mod settings;
pub mod sigwait;
pub mod subject;
pub mod sysctl;
pub mod terminal;
pub mod threads;
pub mod timers;
pub mod traced_faults;
pub mod typed;

use nix::errno::Errno;

use crate::proc_fs::Proc;
use crate::process::{check_continues, check_stops, fork, new_ns, Body, Child, End};
use crate::send_signal::SEND_CALLS;

type Maker = fn(Body) -> Child;

/// Who runs a body: a process like any other, and the init that must do the same.
const MAKERS: [(&str, Maker); 2] = [
    ("an ordinary process", |body| fork(body)),
    ("init", |body| new_ns(body)),
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

/// Lets a child of the caller send these to process 1 of its namespace by every call.
#[track_caller]
fn attack(signals: &[i32]) {
    let attacker = fork(|_| {
        for call in SEND_CALLS {
            for signal in signals {
                let sent = call.send(1, *signal);
                check!(sent, Ok(()), "signal {signal} to init by {call:?}");
            }
        }
    });
    check!(attacker.wait(), End::Exit(0), "the attacker of init");
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

/// The state of a process, or of a thread (`PID/task/TID`), as a letter.
fn state(path: &str) -> char {
    Proc::at("/proc").stat(path).state
}

/// Sends a signal to one thread of a process.
fn tgkill(process: i32, thread: i32, signal: i32) -> nix::Result<()> {
    // SAFETY: the call takes no pointers.
    Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) }).map(drop)
}
