//! A traced init that faults: nobody sent that. A tracer that lets it pass wants what happens without a tracer, and what it
//! puts in its place is its own signal.

use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::core_dumps::limit_cores;
use super::ptrace::{go_on, traced, traced_inside, wait_for_signal};
use super::subject::Subject;
use crate::agent::Command;
use crate::harness::Test;
use crate::mode;
use crate::process::{wait_event, wait_status};
use crate::processor::tracer_steps;

use Signal::{SIGSEGV, SIGTERM, SIGTRAP, SIGUSR1};

pub const TESTS: &[Test] = tests![
    a_fault_that_is_passed_on,
    a_fault_that_is_changed,
    a_fault_that_is_blocked,
    a_fault_with_a_handler,
    a_breakpoint,
    a_fault_in_the_place_of_another_signal,
    a_fault_that_a_tracer_inside_passes_on,
    a_fault_that_a_tracer_inside_changes,
    a_fault_as_mainline,
];

/// A subject that its tracer has let go on to a fault, which it now shows; it dumps no core.
#[track_caller]
fn faulting(prepare: impl FnOnce(&Subject)) -> (Subject, Pid) {
    limit_cores(0);
    let (subject, number) = traced();
    // The language has a handler of its own.
    subject.init.set_default(libc::SIGSEGV);
    prepare(&subject);
    subject.init.tell(Command::Fault());
    wait_for_signal(number, SIGSEGV);
    (subject, number)
}

/// Fails unless the next that its tracer hears of the subject is that it was ended.
#[track_caller]
fn check_next_is_the_end(number: Pid, signal: i32, words: &str) {
    let (_, status) = wait_status(number.as_raw(), libc::__WALL);
    check!(status, signal, "the status {status:#x} {words}");
}

fn a_fault_that_is_passed_on() {
    mode::two_sided();
    let (_subject, number) = faulting(|_| ());
    go_on(number, SIGSEGV);
    check_next_is_the_end(number, libc::SIGSEGV, "of a fault that was passed on");

    let (_subject, number) = faulting(|_| ());
    ptrace::detach(number, SIGSEGV).expect("PTRACE_DETACH");
    check_next_is_the_end(number, libc::SIGSEGV, "of one passed on with PTRACE_DETACH");

    // One that is cancelled happens again.
    let (_subject, number) = faulting(|_| ());
    for _ in 0..5 {
        go_on(number, None);
        wait_for_signal(number, SIGSEGV);
    }
    ptrace::detach(number, None).expect("PTRACE_DETACH");
    check_next_is_the_end(number, libc::SIGSEGV, "of one that nobody sees");
}

fn a_fault_that_is_changed() {
    mode::two_sided();
    for other in [SIGUSR1, SIGTERM, Signal::SIGILL] {
        let (_subject, number) = faulting(|_| ());
        go_on(number, other);
        check_next_is_the_end(number, other as i32, "of one changed by a tracer outside");
    }
}

/// The kernel unblocks it.
fn a_fault_that_is_blocked() {
    mode::two_sided();
    let (_subject, number) = faulting(|s| s.init.block(libc::SIGSEGV));
    go_on(number, SIGSEGV);
    check_next_is_the_end(number, libc::SIGSEGV, "of one that was blocked");

    let (_subject, number) = faulting(|s| s.init.ignore(libc::SIGSEGV));
    go_on(number, SIGSEGV);
    check_next_is_the_end(number, libc::SIGSEGV, "of one that was ignored");
}

/// The handler runs, once for all; the instruction then faults again.
fn a_fault_with_a_handler() {
    mode::two_sided();
    let (_subject, number) = faulting(|s| s.init.handle_once(libc::SIGSEGV));
    go_on(number, SIGSEGV);
    let again = wait_event(number.as_raw(), WaitPidFlag::__WALL);
    check!(
        again,
        WaitStatus::Stopped(number, SIGSEGV),
        "after the handler"
    );
    go_on(number, SIGSEGV);
    check_next_is_the_end(number, libc::SIGSEGV, "without a handler");
}

/// A fault that does not happen again.
fn a_breakpoint() {
    mode::two_sided();
    limit_cores(0);
    let (subject, number) = traced();
    subject.init.handle(libc::SIGTRAP);
    for runs in 1..4 {
        subject.init.tell(Command::Break());
        wait_for_signal(number, SIGTRAP);
        go_on(number, SIGTRAP);
        check!(subject.init.receive(), 0, "the answer after a breakpoint");
        check!(subject.init.runs(), runs, "how often the handler has run");
    }
    subject.init.set_default(libc::SIGTRAP);
    subject.init.tell(Command::Break());
    wait_for_signal(number, SIGTRAP);
    tracer_steps(number);
    go_on(number, None);
    check!(subject.init.receive(), 0, "the answer after one cancelled");
    subject.inside(libc::SIGTRAP);
    wait_for_signal(number, SIGTRAP);
    go_on(number, SIGTRAP);
    subject.check_alive("after a SIGTRAP from inside that its tracer passed on");
    subject.init.tell(Command::Break());
    wait_for_signal(number, SIGTRAP);
    go_on(number, SIGTRAP);
    check_next_is_the_end(number, libc::SIGTRAP, "of a breakpoint without a handler");
}

/// What a tracer makes up is not a fault, whatever the signal.
fn a_fault_in_the_place_of_another_signal() {
    mode::two_sided();
    let subject = traced_inside(SIGTERM, |init| go_on(init, SIGSEGV));
    subject.init.set_default(libc::SIGSEGV);
    subject.outside(libc::SIGTERM);
    subject.check_alive("after SIGSEGV in the place of SIGTERM");
    subject.inside(libc::SIGSEGV);
    subject.check_alive("after SIGSEGV from inside, passed on by a tracer inside");
    subject.outside(libc::SIGSEGV);
    subject.check_ends(libc::SIGSEGV, "by SIGSEGV from outside");
}

/// A fault is nobody's signal.
fn a_fault_that_a_tracer_inside_passes_on() {
    mode::two_sided();
    limit_cores(0);
    let subject = traced_inside(SIGSEGV, |init| go_on(init, SIGSEGV));
    subject.init.set_default(libc::SIGSEGV);
    subject.inside(libc::SIGSEGV);
    subject.check_alive("after SIGSEGV from inside");
    subject.init.tell(Command::Fault());
    subject.check_ends(libc::SIGSEGV, "by a fault that a tracer inside passed on");
}

/// What a tracer inside puts in the place of a fault is its own.
fn a_fault_that_a_tracer_inside_changes() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    mode::two_sided();
    limit_cores(0);
    let subject = traced_inside(SIGSEGV, |init| {
        // It is another process than this one, and counts for itself.
        let last = SEEN.fetch_add(1, Ordering::Relaxed) == 5;
        go_on(init, if last { SIGTERM } else { SIGUSR1 });
        if last {
            wait_for_signal(init, SIGSEGV);
            go_on(init, SIGSEGV);
        }
    });
    subject.init.set_default(libc::SIGSEGV);
    subject.init.tell(Command::Fault());
    subject.check_ends(libc::SIGSEGV, "by the fault, not by what was put there");
}

/// Mainline protects an init whose tracer passes its fault on: it faults again, for as long as the tracer likes.
fn a_fault_as_mainline() {
    mode::as_mainline();
    for other in [SIGSEGV, SIGUSR1] {
        let (subject, number) = faulting(|_| ());
        for _ in 0..5 {
            go_on(number, other);
            let stop = wait_event(number.as_raw(), WaitPidFlag::__WALL);
            check!(stop, WaitStatus::Stopped(number, SIGSEGV), "again");
        }
        subject.outside(libc::SIGKILL);
        check_next_is_the_end(number, libc::SIGKILL, "of what faults again");
    }
}
