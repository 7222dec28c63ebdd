//! What system calls cost, in nanoseconds of the guest's clock. Under `scripts/vm --icount` one of them
//! is one instruction; `scripts/bench` compares kernels with it.

use std::time::Instant;

use nix::sys::signal::Signal;

use crate::catch::{block, ignore, set_default};
use crate::process::{fork, kill, new_ns, pid, quit, sleep_for_ever, Child};
use crate::talk::Talk;

/// Work that is measured: its name, and how to do it that many times.
type Work = (&'static str, fn(u32));

const WORKS: &[Work] = &[
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
        "kill of a namespace's init by itself, handler",
        init_handles,
    ),
];

const TIMES: u32 = 4000;

/// Prints a line for each work: its name, a tab, and the nanoseconds that one takes.
pub fn run() {
    for (name, work) in WORKS {
        // The first time fills caches.
        work(TIMES / 4);
        println!("{name}\t{}", time(|| work(TIMES)));
    }
}

fn time(work: impl FnOnce()) -> u64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as u64 / u64::from(TIMES)
}

fn signal_many(target: i32, times: u32) {
    for _ in 0..times {
        kill(target, libc::SIGUSR1).expect("kill");
    }
}

fn kill_ignored(times: u32) {
    ignore(Signal::SIGUSR1);
    signal_many(pid(), times);
}

fn kill_and_wait(times: u32) {
    block(Signal::SIGUSR2);
    // SAFETY: all bytes zero is a valid `sigset_t`; the pointers are live.
    let set = unsafe {
        let mut set = std::mem::zeroed();
        libc::sigaddset(&mut set, libc::SIGUSR2);
        set
    };
    for _ in 0..times {
        kill(pid(), libc::SIGUSR2).expect("kill");
        // SAFETY: the set is live; no information is wanted.
        let taken = unsafe { libc::sigwaitinfo(&set, std::ptr::null_mut()) };
        assert_eq!(taken, libc::SIGUSR2);
    }
}

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

fn kill_and_handle(times: u32) {
    handle(Signal::SIGUSR1);
    signal_many(pid(), times);
}

/// Lets a process that ignores SIGUSR1 stand by.
fn with(child: Child, work: impl FnOnce(i32)) {
    child.hear();
    work(child.pid);
    child.kill(libc::SIGKILL);
    child.wait();
}

fn stand_by(talk: &Talk) {
    ignore(Signal::SIGUSR1);
    talk.say(0);
    sleep_for_ever();
}

fn kill_other(times: u32) {
    with(fork(stand_by), |child| signal_many(child, times));
}

fn kill_init(times: u32) {
    with(new_ns(stand_by), |init| signal_many(init, times));
}

/// What an init and its child do; the init ends when the child has.
fn inside(story: impl FnOnce()) {
    let init = new_ns(|_| {
        story();
        quit(0);
    });
    init.wait();
}

fn kill_member(times: u32) {
    inside(|| kill_other(times));
}

fn kill_own_init(times: u32) {
    inside(|| {
        set_default(Signal::SIGUSR1);
        fork(|_| signal_many(1, times)).wait();
    });
}

fn init_handles(times: u32) {
    inside(|| {
        handle(Signal::SIGUSR1);
        signal_many(1, times);
    });
}
