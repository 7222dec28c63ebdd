//! Sent from outside, a signal that dumps the core of a process dumps that of an init.

use nix::sys::resource::{setrlimit, Resource};

use super::MAKERS;
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{echo, eventually, new_ns, sleep_for_ever, start_threads, wait_for_core, End};
use crate::send_signal::SEND_CALLS;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    every_signal_that_dumps_core,
    a_core_file,
    a_core_through_a_pipe,
    no_core_without_a_limit,
];

const CORE: [i32; 10] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGSYS,
];

/// Says where cores go. The machine's own setting comes back at the end.
pub struct Cores(String);

impl Cores {
    pub fn to(pattern: &str) -> Cores {
        let _ = std::fs::create_dir("/tmp/cores");
        let proc = Proc::at("/proc");
        let before = proc.read("sys/kernel/core_pattern").expect("core_pattern");
        let set = proc.write("sys/kernel/core_pattern", pattern);
        check!(set, Ok(()), "core_pattern");
        Cores(before)
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        let set = Proc::at("/proc").write("sys/kernel/core_pattern", &self.0);
        check!(set, Ok(()), "core_pattern");
        std::fs::remove_dir_all("/tmp/cores").expect("/tmp/cores");
    }
}

pub fn limit_cores(most: u64) {
    setrlimit(Resource::RLIMIT_CORE, most, most).expect("RLIMIT_CORE");
}

/// A process that may dump core, of any size.
pub fn may_dump(channel: &Channel) {
    signal_state::reset();
    limit_cores(libc::RLIM_INFINITY);
    echo(channel);
}

/// Whether the file is a whole core: it begins as an ELF file of the right type.
fn is_core(path: &str) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.len() > 4096 && bytes.starts_with(b"\x7fELF") && bytes[16] == 4
}

fn every_signal_that_dumps_core() {
    mode::two_sided();
    let _cores = Cores::to("/tmp/cores/%P");
    for (index, signal) in CORE.into_iter().enumerate() {
        for (who, make) in MAKERS {
            let child = make(may_dump);
            child.check_alive();
            let call = SEND_CALLS[index % SEND_CALLS.len()];
            check!(call.send(child.pid, signal), Ok(()), "{signal} to {who}");
            let end = wait_for_core(child.pid);
            check!(end, (End::Killed(signal), true), "{who}'s end by {call:?}");
            let core = format!("/tmp/cores/{}", child.pid);
            check!(is_core(&core), true, "{who}'s core for {signal}");
        }
    }
}

/// Every thread is in the core: it has as many notes of registers.
fn a_core_file() {
    mode::two_sided();
    let _cores = Cores::to("/tmp/cores/%P");
    let init = new_ns(|channel| {
        start_threads(3, |_| sleep_for_ever());
        may_dump(channel);
    });
    init.check_alive();
    init.kill(libc::SIGABRT);
    let end = wait_for_core(init.pid);
    check!(end, (End::Killed(libc::SIGABRT), true));
    let core = std::fs::read(format!("/tmp/cores/{}", init.pid)).expect("the core");
    let signals = statuses(&core);
    check!(signals.len(), 4, "threads in the core");
    check!(signals[0], libc::SIGABRT as u16, "the signal in the core");
}

/// The signal in each `NT_PRSTATUS` note of a core file of 64 bits.
fn statuses(core: &[u8]) -> Vec<u16> {
    let number = |at: usize, bytes: usize| {
        let digits = core[at..at + bytes].iter().rev();
        digits.fold(0usize, |n, byte| n << 8 | usize::from(*byte))
    };
    let headers = (0..number(56, 2)).map(|i| number(32, 8) + i * number(54, 2));
    const PT_NOTE: usize = 4;
    let notes = headers
        .clone()
        .find(|at| number(*at, 4) == PT_NOTE)
        .expect("a segment of notes");
    let (mut at, size) = (number(notes + 8, 8), number(notes + 32, 8));
    let end = at + size;
    let mut signals = Vec::new();
    while at < end {
        let (name, value, kind) = (number(at, 4), number(at + 4, 4), number(at + 8, 4));
        let start = at + 12 + name.next_multiple_of(4);
        if kind == 1 {
            // `pr_cursig`, behind a `siginfo` of three numbers.
            signals.push(number(start + 12, 2) as u16);
        }
        at = start + value.next_multiple_of(4);
    }
    signals
}

fn a_core_through_a_pipe() {
    mode::two_sided();
    let _cores = Cores::to("|/usr/bin/dd of=/tmp/cores/%P");
    let init = new_ns(may_dump);
    init.check_alive();
    init.kill(libc::SIGQUIT);
    let end = wait_for_core(init.pid);
    check!(end, (End::Killed(libc::SIGQUIT), true));
    let core = format!("/tmp/cores/{}", init.pid);
    eventually("the core is written", || is_core(&core).then_some(()));
}

fn no_core_without_a_limit() {
    mode::two_sided();
    let _cores = Cores::to("/tmp/cores/%P");
    for (who, make) in MAKERS {
        let child = make(|channel| {
            limit_cores(0);
            echo(channel);
        });
        child.check_alive();
        child.kill(libc::SIGQUIT);
        let end = wait_for_core(child.pid);
        check!(end, (End::Killed(libc::SIGQUIT), false), "{who}'s end");
        let path = format!("/tmp/cores/{}", child.pid);
        check!(std::fs::exists(&path).ok(), Some(false), "{path}");
    }
}
