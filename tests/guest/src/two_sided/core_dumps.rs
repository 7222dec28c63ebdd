//! Sent from outside, a signal that dumps the core of a process dumps that of an init.

use nix::sys::resource::{setrlimit, Resource};

use super::kernel_senders::send_about_a_file;
use super::{attack, ALL_KINDS, MAKERS};
use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    echo, eventually, fork, new_ns, sleep_for_ever, start_threads, wait_for_core, Child, End,
};
use crate::send_signal::SEND_CALLS;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    every_signal_that_dumps_core,
    a_core_file,
    a_core_through_a_pipe,
    no_core_without_a_limit,
    a_member_does_not_cut_the_core_of_a_fault,
    a_member_does_not_cut_the_core_of_a_signal,
    the_outside_cuts_a_core,
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

/// The number of so many bytes at a place of a core file.
fn number_in(core: &[u8], at: usize, bytes: usize) -> usize {
    let digits = core[at..at + bytes].iter().rev();
    digits.fold(0, |n, byte| n << 8 | usize::from(*byte))
}

/// Where the headers of segments are in a core file of 64 bits.
fn headers(core: &[u8]) -> impl Iterator<Item = usize> + std::clone::Clone + '_ {
    let (first, size) = (number_in(core, 32, 8), number_in(core, 54, 2));
    (0..number_in(core, 56, 2)).map(move |i| first + i * size)
}

/// How long a core file would have to be.
fn whole_length(core: &[u8]) -> usize {
    let end = |at: usize| number_in(core, at + 8, 8) + number_in(core, at + 32, 8);
    headers(core).map(end).max().expect("a segment")
}

/// The signal in each `NT_PRSTATUS` note of a core file of 64 bits.
fn statuses(core: &[u8]) -> Vec<u16> {
    let number = |at: usize, bytes: usize| number_in(core, at, bytes);
    let headers = headers(core);
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

/// A program that takes a core, but only when it is let.
const TAKER: &str = "/tmp/cores/taker";
const LET: &str = "/tmp/cores/let";

impl Cores {
    fn to_slow_taker() -> Cores {
        use std::os::unix::fs::PermissionsExt;
        let cores = Cores::to(&format!("|{TAKER}"));
        let script = format!(
            "#!/bin/sh\n: >/tmp/cores/began\nfor i in $(seq 600); do [ -e {LET} ] && break; sleep 0.05; done\n\
            cat >/tmp/cores/core\n: >/tmp/cores/taken\n"
        );
        std::fs::write(TAKER, script).expect("a script");
        std::fs::set_permissions(TAKER, PermissionsExt::from_mode(0o755)).expect("chmod");
        cores
    }
}

#[track_caller]
fn wait_for_file(path: &str) {
    eventually(path, || std::fs::exists(path).expect(path).then_some(()));
}

const MEMORY: usize = 2 << 20;

/// An init, or with other `flags` a process, that fills memory, and makes a child, which does something when it is told
/// to. Then it faults, or waits.
#[track_caller]
fn with_memory(flags: u64, faults: bool, deed: fn()) -> (Child, Channel) {
    let (mine, of_member) = Channel::pair();
    let process = Clone::new(flags).start(move |channel| {
        signal_state::reset();
        limit_cores(libc::RLIM_INFINITY);
        std::hint::black_box(vec![7u8; MEMORY].leak());
        fork(move |_| {
            // It would dump core in its turn, to the same file.
            signal_state::ignore(libc::SIGABRT);
            of_member.send(0);
            of_member.receive();
            deed();
            of_member.send(0);
            sleep_for_ever();
        });
        if faults {
            crate::process::touch_null();
        }
        echo(channel);
    });
    mine.receive();
    (process.expect("clone3"), mine)
}

const DEEDS: [(&str, fn()); 4] = [
    ("nothing", || ()),
    ("every signal by every call", || attack(&ALL_KINDS)),
    ("SIGKILL about a file", || {
        send_about_a_file(1, libc::SIGKILL)
    }),
    ("signals about files", || {
        for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGSEGV, libc::SIGIO, 34] {
            send_about_a_file(1, signal);
        }
    }),
];

#[track_caller]
fn check_whole(faults: bool) {
    mode::two_sided();
    let signal = if faults { libc::SIGSEGV } else { libc::SIGABRT };
    for (words, deed) in DEEDS {
        let _cores = Cores::to_slow_taker();
        let (init, member) = with_memory(NEWPID, faults, deed);
        if !faults {
            init.kill(signal);
        }
        wait_for_file("/tmp/cores/began");
        member.send(0);
        member.receive();
        std::fs::write(LET, "").expect(LET);
        let end = wait_for_core(init.pid);
        check!(end, (End::Killed(signal), true), "after {words}");
        wait_for_file("/tmp/cores/taken");
        let core = std::fs::read("/tmp/cores/core").expect("the core");
        check!(
            core.len() > MEMORY && core.len() >= whole_length(&core),
            true,
            "after {words}: {} bytes of a core",
            core.len()
        );
    }
}

fn a_member_does_not_cut_the_core_of_a_fault() {
    check_whole(true);
}

fn a_member_does_not_cut_the_core_of_a_signal() {
    check_whole(false);
}

/// As that of any process.
fn the_outside_cuts_a_core() {
    mode::two_sided();
    for (flags, faults) in [(0, true), (NEWPID, true), (0, false), (NEWPID, false)] {
        let _cores = Cores::to_slow_taker();
        let (process, child) = with_memory(flags, faults, || ());
        if !faults {
            process.kill(libc::SIGABRT);
        }
        wait_for_file("/tmp/cores/began");
        process.kill(libc::SIGKILL);
        let end = wait_for_core(process.pid);
        check!(end, (End::Killed(libc::SIGKILL), false), "with {flags:#x}");
        std::fs::write(LET, "").expect(LET);
        wait_for_file("/tmp/cores/taken");
        let core = std::fs::metadata("/tmp/cores/core").expect("the core");
        check!(core.len() < MEMORY as u64, true, "{} bytes", core.len());
        drop(child);
    }
}
