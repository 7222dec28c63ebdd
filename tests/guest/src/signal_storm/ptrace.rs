//! Tracers outside and inside come and go under random signals.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;

use super::attack::{rest, RANDOM_SIGNALS};
use super::attacked::{for_a_while, survive_signals};
use super::{check_ends, check_untouched};
use crate::harness::Test;
use crate::mode;
use crate::process::{fork, new_ns, wait_status, Child, End};
use crate::races::shared;
use crate::random::Random;

pub const TESTS: &[Test] = tests![900;
    tracers_outside_come_and_go,
    tracers_inside_come_and_go,
    tracers_come_and_go_while_the_inside_sends_stops,
];

/// Traces init for a moment, again and again, until it ends. Passes on what it is shown, or, if the
/// random say so, something else.
fn trace_now_and_then(init: i32, others: &[i32], stops: &AtomicI32) {
    let mut random = Random::new(1);
    let ask = |request, data: i32| {
        let (none, data) = (std::ptr::null_mut::<u8>(), data as usize);
        // SAFETY: none of these requests takes an address.
        Errno::result(unsafe { libc::ptrace(request, init, none, data) })
    };
    while ask(libc::PTRACE_SEIZE, 0).is_ok() {
        for _ in 0..random.below(4) {
            if ask(libc::PTRACE_INTERRUPT, 0).is_err() {
                return;
            }
            let (_, status) = wait_status(init, libc::__WALL);
            if !libc::WIFSTOPPED(status) {
                return;
            }
            stops.fetch_add(1, Ordering::Relaxed);
            let shown = match status >> 16 {
                0 => libc::WSTOPSIG(status),
                _ => 0,
            };
            let other = shown != 0 && !others.is_empty() && random.below(4) == 0;
            let passed = if other { random.choose(others) } else { shown };
            if ask(libc::PTRACE_CONT, passed).is_err() {
                return;
            }
        }
        let _ = ask(libc::PTRACE_INTERRUPT, 0);
        let (_, status) = wait_status(init, libc::__WALL);
        if !libc::WIFSTOPPED(status) || ask(libc::PTRACE_DETACH, 0).is_err() {
            return;
        }
        rest();
    }
}

/// Makes an init of so many threads, and what traces it.
type Start = fn(usize, &[i32], &AtomicI32) -> (Child, Option<Child>);

fn check_traced(start: Start, signals: &[i32]) {
    mode::two_sided();
    for threads in [1, 4] {
        let stops: &AtomicI32 = shared();
        let (init, tracer) = start(threads, signals, stops);
        for_a_while(2, || {
            check_untouched(&init);
            init.check_alive();
        });
        check_ends(&init, libc::SIGTERM);
        if let Some(tracer) = tracer {
            check!(tracer.wait(), End::Exit(0), "the end of a tracer");
        }
        check!(
            stops.load(Ordering::Relaxed) > 0,
            true,
            "stops that a tracer has seen"
        );
    }
}

fn traced_from_outside(
    threads: usize,
    signals: &[i32],
    stops: &AtomicI32,
) -> (Child, Option<Child>) {
    let init = new_ns(|channel| survive_signals(channel, threads, signals));
    init.receive();
    let tracer = fork(|_| trace_now_and_then(init.pid, &[], stops));
    (init, Some(tracer))
}

fn traced_from_inside(
    threads: usize,
    signals: &[i32],
    stops: &AtomicI32,
) -> (Child, Option<Child>) {
    let init = new_ns(|channel| {
        // SIGKILL is a tracer's right everywhere. A SIGSTOP in the place of another signal stops the init if the tracer has
        // attached between the module's question whether there is one and the kernel's: docs/SIGNALS.md.
        let others: Vec<i32> = signals
            .iter()
            .copied()
            .filter(|s| ![libc::SIGKILL, libc::SIGSTOP].contains(s))
            .collect();
        fork(|_| trace_now_and_then(1, &others, stops));
        survive_signals(channel, threads, signals);
    });
    init.receive();
    (init, None)
}

fn tracers_outside_come_and_go() {
    check_traced(traced_from_outside, &RANDOM_SIGNALS[1..]);
}

fn tracers_inside_come_and_go() {
    check_traced(traced_from_inside, &RANDOM_SIGNALS[1..]);
}

fn tracers_come_and_go_while_the_inside_sends_stops() {
    check_traced(traced_from_outside, &RANDOM_SIGNALS);
    check_traced(traced_from_inside, &RANDOM_SIGNALS);
}
