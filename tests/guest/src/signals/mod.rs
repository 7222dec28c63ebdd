//! Who may signal whom, and what comes of it. An init receives from inside only what it asked
//! for; from an ancestor namespace SIGKILL and SIGSTOP as well.

pub mod ancestors;
pub mod broadcast;
pub mod inside;
pub mod kernel;
pub mod outside;
pub mod siginfo;

/// Signals whose default action would end, dump or stop an ordinary process.
const DEADLY: [i32; 14] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGABRT,
    libc::SIGUSR1,
    libc::SIGSEGV,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGXCPU,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGSYS,
    34,
];
