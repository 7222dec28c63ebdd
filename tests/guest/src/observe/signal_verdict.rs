//! `pidns:signal_verdict`: what was sent, and what became of it.

use nix::sys::signal::Signal;

use super::start;
use super::tracefs::{Event, Trace};
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::ns_file::{inode_of, INITIAL_INODE};
use crate::process::{echo, fork, kill, new_ns, pid, wait_for_message, Child, End};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    a_signal_from_inside,
    a_signal_from_outside,
    a_signal_of_its_own,
    what_init_ignores_or_has_a_handler_for,
    what_does_nothing_to_anybody,
    a_blocked_signal_from_inside,
    a_blocked_signal_from_outside,
    mainlines_verdict,
    what_two_sides_would_do,
    a_traced_init,
];

/// `at relation disposition verdict` of each.
#[track_caller]
pub fn words(events: &[Event]) -> Vec<String> {
    let fields = ["at", "relation", "disposition", "verdict"];
    let words = events.iter().map(|e| fields.map(|f| e.word(f)).join(" "));
    words.collect()
}

/// Sender and target: by number in their namespaces, by global number, and their namespaces.
#[track_caller]
pub fn numbers(event: &Event) -> [u64; 6] {
    [
        "sender",
        "sender_global",
        "sender_ns",
        "target",
        "target_global",
        "target_ns",
    ]
    .map(|field| event.number(field))
}

/// An init that waits.
pub fn waiting(before: impl FnOnce()) -> (Child, u64) {
    let init = new_ns(|channel| {
        before();
        channel.send(0);
        echo(channel);
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    (init, inode)
}

fn a_signal_from_inside() {
    start();
    let trace = Trace::start();
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            check!(kill(1, libc::SIGTERM), Ok(()));
            check!(kill(1, libc::SIGKILL), Ok(()));
            wait_for_message(channel);
        });
        channel.send(member.pid);
        channel.receive_or_end();
        drop(member);
    });
    let member = init.receive() as u64;
    let inode = inode_of(init.pid, "pid");
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let events = crate::process::eventually("a verdict", || {
            let events = trace.verdicts(inode, signal);
            (!events.is_empty()).then_some(events)
        });
        check!(words(&events), ["send inside default drop"]);
        let [sender, sender_global, rest @ ..] = numbers(&events[0]);
        check!(sender, member, "the member's number inside");
        check!(
            sender_global > init.pid as u64,
            true,
            "its global number {sender_global}"
        );
        check!(rest, [inode, 1, init.pid as u64, inode]);
    }
    init.end();
}

fn a_signal_from_outside() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let me = pid() as u64;
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let (init, inode) = waiting(|| ());
        init.kill(signal);
        check!(init.wait(), End::Killed(signal));
        let events = trace.verdicts(inode, signal);
        let last = &events[events.len() - 1..];
        check!(words(last), ["send ancestor default act"]);
        check!(
            numbers(&last[0]),
            [me, me, INITIAL_INODE, 1, init.pid as u64, inode]
        );
    }
}

fn a_signal_of_its_own() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let init = new_ns(|channel| {
        channel.receive();
        signal_state::block(libc::SIGTERM);
        check!(kill(pid(), libc::SIGTERM), Ok(()));
        signal_state::unblock(libc::SIGTERM);
        echo(channel);
    });
    let inode = inode_of(init.pid, "pid");
    init.send(0);
    check!(init.wait(), End::Killed(libc::SIGTERM));
    let events = trace.verdicts(inode, libc::SIGTERM);
    check!(
        words(&events),
        ["send itself default keep", "take itself default act"]
    );
    check!(numbers(&events[0])[0], 1, "the sender's number");
}

fn what_init_ignores_or_has_a_handler_for() {
    start();
    let trace = Trace::start();
    let init = new_ns(|channel| {
        signal_state::ignore(libc::SIGUSR1);
        signal_capture::capture_and_report(channel, &[libc::SIGUSR2]);
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGUSR1);
    check!(
        words(&trace.verdicts(inode, libc::SIGUSR1)),
        ["send ancestor ignored ignore"]
    );
    init.kill(libc::SIGUSR2);
    init.receive_all();
    let mut taken = "take ancestor handler deliver";
    if crate::mode::get() == 0 {
        taken = "take other handler deliver";
    }
    check!(
        words(&trace.verdicts(inode, libc::SIGUSR2)),
        ["send ancestor handler deliver", taken]
    );
    init.end();
}

fn what_does_nothing_to_anybody() {
    start();
    let trace = Trace::start();
    let (init, inode) = waiting(|| ());
    for signal in [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT] {
        init.kill(signal);
        let events = trace.verdicts(inode, signal);
        check!(
            words(&events),
            ["send ancestor default ignore"],
            "signal {signal}"
        );
    }
    init.check_alive();
}

/// Blocks SIGTERM, says so, and unblocks it at a message.
fn block_for_a_while(channel: &Channel, before: impl FnOnce()) {
    signal_state::block(libc::SIGTERM);
    before();
    channel.send(0);
    channel.receive();
    signal_state::unblock(libc::SIGTERM);
    echo(channel);
}

fn a_blocked_signal_from_inside() {
    start();
    let trace = Trace::start();
    let init = new_ns(|channel| {
        block_for_a_while(channel, || {
            let member = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
            check!(member.wait(), End::Exit(0));
        });
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send inside default keep"]
    );
    init.send(0);
    init.check_alive();
    let events = trace.verdicts(inode, libc::SIGTERM);
    check!(
        words(&events),
        ["send inside default keep", "take other default drop"]
    );
    check!(
        numbers(&events[1]),
        [0, 0, 0, 1, init.pid as u64, inode],
        "who sent it is not known any more"
    );
}

fn a_blocked_signal_from_outside() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let init = new_ns(|channel| block_for_a_while(channel, || ()));
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    init.send(0);
    check!(init.wait(), End::Killed(libc::SIGTERM));
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep", "take ancestor default act"]
    );
}

/// What is blocked when it comes is decided when it is taken, by mainline's rule.
#[track_caller]
fn check_a_signal_that_mainline_drops(rule: i32, verdict: &str) {
    start();
    mode::set(rule);
    let trace = Trace::start();
    let init = new_ns(|channel| block_for_a_while(channel, || ()));
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGHUP);
    init.send(0);
    init.check_alive();
    check!(
        words(&trace.verdicts(inode, libc::SIGHUP)),
        [format!("send ancestor default {verdict}")]
    );
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep", "take other default drop"]
    );
    init.end();
}

fn mainlines_verdict() {
    check_a_signal_that_mainline_drops(mode::MAINLINE, "drop");
}

fn what_two_sides_would_do() {
    check_a_signal_that_mainline_drops(mode::TELL, "act");
}

fn a_traced_init() {
    use nix::sys::ptrace;
    use nix::sys::wait::{WaitPidFlag, WaitStatus};
    start();
    mode::two_sided();
    let trace = Trace::start();
    let (init, inode) = waiting(|| ());
    let target = nix::unistd::Pid::from_raw(init.pid);
    ptrace::seize(target, ptrace::Options::empty()).expect("PTRACE_SEIZE");
    let stop_at = |signal: Signal| {
        let stopped = crate::process::wait_event(init.pid, WaitPidFlag::empty());
        check!(stopped, WaitStatus::Stopped(target, signal));
    };
    init.kill(libc::SIGTERM);
    stop_at(Signal::SIGTERM);
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep"]
    );
    ptrace::cont(target, None).expect("PTRACE_CONT");
    init.check_alive();
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep"],
        "what the tracer keeps for itself is not taken"
    );
    init.kill(libc::SIGTERM);
    stop_at(Signal::SIGTERM);
    ptrace::cont(target, Signal::SIGHUP).expect("PTRACE_CONT");
    check!(init.wait(), End::Killed(libc::SIGHUP));
    check!(
        words(&trace.verdicts(inode, libc::SIGHUP)),
        ["take ancestor default act"],
        "the tracer's own signal"
    );
}
