//! A traced init: the tracer has the first word, where the signal came from the last.

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::subject::Subject;
use crate::agent::Command;
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{wait_event, End};
use crate::send_signal::{SendCall, SEND_CALLS};

use Signal::{SIGCONT, SIGQUIT, SIGSTOP, SIGTERM, SIGUSR1};

pub const TESTS: &[Test] = tests![
    passed_on,
    cancelled,
    changed_by_a_tracer_outside,
    changed_from_one_side_to_the_other,
    one_after_the_other,
    put_back_while_blocked,
    what_it_has_sent_itself,
    a_stop_that_is_passed_on,
    a_tracer_that_leaves,
    a_tracer_inside_passes_on,
    a_tracer_inside_cancels,
    a_tracer_inside_changes,
    killed_while_it_shows_a_signal,
];

/// `PTRACE_SETSIGMASK`
const SETSIGMASK: u32 = 0x420b;

pub fn traced() -> (Subject, Pid) {
    let subject = Subject::new();
    subject.check_alive("before it is traced");
    let number = Pid::from_raw(subject.number());
    ptrace::seize(number, Options::empty()).expect("PTRACE_SEIZE");
    (subject, number)
}

/// Waits until the tracee shows the signal, passing others on.
#[track_caller]
pub fn wait_for_signal(number: Pid, signal: Signal) {
    loop {
        match wait_event(number.as_raw(), WaitPidFlag::__WALL) {
            WaitStatus::Stopped(_, seen) if seen == signal => return,
            WaitStatus::Stopped(_, other) => ptrace::cont(number, other).expect("PTRACE_CONT"),
            WaitStatus::PtraceEvent(..) => ptrace::cont(number, None).expect("PTRACE_CONT"),
            other => panic!("expected a stop for {signal}, saw {other:?}"),
        }
    }
}

#[track_caller]
pub fn go_on(number: Pid, signal: impl Into<Option<Signal>>) {
    ptrace::cont(number, signal).expect("PTRACE_CONT");
}

fn passed_on() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in [SIGTERM, SIGQUIT] {
            let (subject, number) = traced();
            subject.inside_by(call, signal as i32);
            wait_for_signal(number, signal);
            go_on(number, signal);
            subject.check_alive("after a signal from inside that its tracer passed on");
            subject.outside_by(call, signal as i32);
            wait_for_signal(number, signal);
            go_on(number, signal);
            subject.check_ends(signal as i32, &format!("passed on, by {call:?}"));
        }
    }
}

fn cancelled() {
    mode::two_sided();
    let (subject, number) = traced();
    for call in SEND_CALLS {
        subject.outside_by(call, libc::SIGTERM);
        wait_for_signal(number, SIGTERM);
        go_on(number, None);
        subject.check_alive("after a signal that its tracer cancelled");
        // Nothing is left of where that came from.
        subject.inside_by(call, libc::SIGTERM);
        wait_for_signal(number, SIGTERM);
        go_on(number, SIGTERM);
        subject.check_alive("after one from inside");
    }
}

fn changed_by_a_tracer_outside() {
    mode::two_sided();
    for other in [SIGUSR1, SIGQUIT, Signal::SIGHUP] {
        let (subject, number) = traced();
        subject.outside(libc::SIGTERM);
        wait_for_signal(number, SIGTERM);
        go_on(number, other);
        subject.check_ends(other as i32, "by another signal");
    }
}

/// The tracer is the sender of what it puts in another's place.
fn changed_from_one_side_to_the_other() {
    mode::two_sided();
    let (subject, number) = traced();
    subject.inside(libc::SIGTERM);
    wait_for_signal(number, SIGTERM);
    go_on(number, SIGUSR1);
    subject.check_ends(libc::SIGUSR1, "put in the place of one from inside");
}

/// Shown, cancelled and sent again: each time is judged anew.
fn one_after_the_other() {
    mode::two_sided();
    let (subject, number) = traced();
    for _ in 0..3 {
        subject.outside(libc::SIGTERM);
        wait_for_signal(number, SIGTERM);
        // While one is shown, the next comes from inside.
        subject.inside(libc::SIGTERM);
        go_on(number, None);
        wait_for_signal(number, SIGTERM);
        go_on(number, SIGTERM);
        subject.check_alive("after the one from inside");
    }
    subject.inside(libc::SIGTERM);
    wait_for_signal(number, SIGTERM);
    subject.outside(libc::SIGTERM);
    go_on(number, SIGTERM);
    wait_for_signal(number, SIGTERM);
    go_on(number, SIGTERM);
    subject.check_ends(libc::SIGTERM, "by the one from outside");
}

fn set_mask(number: Pid, mask: u64) {
    // SAFETY: the mask is live and has the size that is said.
    let set = unsafe { libc::ptrace(SETSIGMASK, number.as_raw(), 8usize, &mask) };
    check!(set, 0, "PTRACE_SETSIGMASK");
}

/// A signal that is shown and then blocked goes back into the queue, as what it was.
fn put_back_while_blocked() {
    mode::two_sided();
    for outside in [false, true] {
        let (subject, number) = traced();
        if outside {
            subject.outside(libc::SIGTERM);
        } else {
            subject.inside(libc::SIGTERM);
        }
        wait_for_signal(number, SIGTERM);
        set_mask(number, 1 << (libc::SIGTERM - 1));
        go_on(number, SIGTERM);
        subject.check_alive("which blocks what was put back");
        subject.check_pending(libc::SIGTERM);
        subject.init.tell(Command::Unblock(libc::SIGTERM));
        wait_for_signal(number, SIGTERM);
        go_on(number, SIGTERM);
        if outside {
            subject.check_ends(libc::SIGTERM, "put back and unblocked");
        } else {
            check!(
                subject.init.channel.receive_or_end(),
                Some(vec![0]),
                "from inside"
            );
            subject.check_alive("after one from inside was put back");
        }
    }
}

/// Before it was traced: it acts, if the tracer lets it pass, also when it is put back first.
fn what_it_has_sent_itself() {
    mode::two_sided();
    for put_back in [false, true] {
        let subject = Subject::new();
        subject.init.block(libc::SIGTERM);
        subject.init.itself(SendCall::Kill, libc::SIGTERM);
        let number = Pid::from_raw(subject.number());
        ptrace::seize(number, Options::empty()).expect("PTRACE_SEIZE");
        subject.init.tell(Command::Unblock(libc::SIGTERM));
        wait_for_signal(number, SIGTERM);
        if put_back {
            set_mask(number, 1 << (libc::SIGTERM - 1));
            go_on(number, SIGTERM);
            subject.init.receive();
            subject.check_pending(libc::SIGTERM);
            subject.init.tell(Command::Unblock(libc::SIGTERM));
            wait_for_signal(number, SIGTERM);
        }
        go_on(number, SIGTERM);
        subject.check_ends(libc::SIGTERM, "which it has sent itself");
    }
}

fn a_stop_that_is_passed_on() {
    mode::two_sided();
    let (subject, number) = traced();
    for signal in [SIGSTOP, Signal::SIGTSTP] {
        subject.inside(signal as i32);
        wait_for_signal(number, signal);
        go_on(number, signal);
        subject.check_alive("after a stop from inside");
        subject.outside(signal as i32);
        wait_for_signal(number, signal);
        go_on(number, signal);
        let stop = wait_event(subject.number(), WaitPidFlag::__WALL);
        check!(
            matches!(stop, WaitStatus::PtraceEvent(_, s, libc::PTRACE_EVENT_STOP) if s == signal),
            true,
            "a stop of the group: {stop:?}"
        );
        subject.outside(libc::SIGCONT);
        go_on(number, None);
        wait_for_signal(number, SIGCONT);
        go_on(number, SIGCONT);
        subject.check_alive("continued");
    }
}

fn a_tracer_that_leaves() {
    mode::two_sided();
    let (subject, number) = traced();
    subject.inside(libc::SIGTERM);
    wait_for_signal(number, SIGTERM);
    ptrace::detach(number, SIGTERM).expect("PTRACE_DETACH");
    subject.check_alive("after one from inside was passed on with PTRACE_DETACH");
    ptrace::seize(number, Options::empty()).expect("PTRACE_SEIZE");
    subject.outside(libc::SIGTERM);
    wait_for_signal(number, SIGTERM);
    ptrace::detach(number, SIGTERM).expect("PTRACE_DETACH");
    subject.check_ends(libc::SIGTERM, "passed on with PTRACE_DETACH");
}

/// An init whose member traces it and does `deed` at each `signal` that it shows.
pub fn traced_inside(signal: Signal, deed: fn(Pid)) -> Subject {
    let (ready, of_tracer) = Channel::pair();
    let subject = Subject::with(crate::clone::NEWPID, |channel| {
        crate::process::lead_group();
        drop(crate::process::fork(|_| {
            let init = Pid::from_raw(1);
            ptrace::seize(init, Options::empty()).expect("PTRACE_SEIZE");
            of_tracer.send(0);
            loop {
                wait_for_signal(init, signal);
                deed(init);
            }
        }));
        channel.send(0);
        crate::agent::obey(channel);
    });
    ready.receive();
    subject
}

fn a_tracer_inside_passes_on() {
    mode::two_sided();
    let subject = traced_inside(SIGTERM, |init| go_on(init, SIGTERM));
    for call in [SendCall::Kill, SendCall::Tgkill, SendCall::Sigqueue] {
        subject.inside_by(call, libc::SIGTERM);
        subject.check_alive("after one from inside");
    }
    subject.outside(libc::SIGTERM);
    subject.check_ends(libc::SIGTERM, "passed on by a tracer inside");
}

fn a_tracer_inside_cancels() {
    mode::two_sided();
    let subject = traced_inside(SIGTERM, |init| go_on(init, None));
    subject.outside(libc::SIGTERM);
    subject.check_alive("after a signal that its tracer cancelled");
    subject.init.block(libc::SIGTERM);
    subject.outside(libc::SIGTERM);
    subject.init.unblock(libc::SIGTERM);
    subject.check_alive("after another");
    subject.outside(libc::SIGKILL);
    subject.check_ends(libc::SIGKILL, "which no tracer sees");
}

fn a_tracer_inside_changes() {
    mode::two_sided();
    let subject = traced_inside(SIGTERM, |init| go_on(init, SIGUSR1));
    subject.outside(libc::SIGTERM);
    subject.check_alive("after its tracer inside put SIGUSR1 in the place of SIGTERM");
    subject.inside(libc::SIGTERM);
    subject.check_alive("after the same with one from inside");
    subject.outside(libc::SIGUSR1);
    // The tracer passes on what it does not wait for.
    subject.check_ends(libc::SIGUSR1, "by SIGUSR1 from outside");
}

fn killed_while_it_shows_a_signal() {
    mode::two_sided();
    let (subject, number) = traced();
    subject.outside(libc::SIGTERM);
    wait_for_signal(number, SIGTERM);
    subject.inside(libc::SIGKILL);
    go_on(number, None);
    subject.check_alive("after SIGKILL from inside");
    subject.outside(libc::SIGTERM);
    wait_for_signal(number, SIGTERM);
    subject.outside(libc::SIGKILL);
    check!(subject.init.wait(), End::Killed(libc::SIGKILL));
}
