//! A signal from outside that arrives while the kernel delivers a timer's.

use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::core_dumps::limit_cores;
use crate::harness::{scale, Test};
use crate::mode;
use crate::process::{eventually, new_ns, start_threads, wait_status, Child};
use crate::random::Random;
use crate::signal_state;

pub const TESTS: &[Test] = tests![120;
    beside_a_timer_that_is_out_of_date,
    beside_a_timer_that_is_not,
];

/// A timer of the caller's that sends this signal.
#[derive(Clone, Copy)]
struct Timer(usize);

impl Timer {
    #[track_caller]
    fn new(signal: i32) -> Timer {
        // SAFETY: the pointers are to live structures.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = signal;
            let mut id: libc::timer_t = std::mem::zeroed();
            let made = libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut id);
            check!(Errno::result(made), Ok(0), "timer_create");
            Timer(id as usize)
        }
    }

    /// Lets it go off in so many nanoseconds; not at all if there are none.
    fn set(self, nanoseconds: i64) {
        // SAFETY: the pointer is to a live structure, or null.
        unsafe {
            let mut timer: libc::itimerspec = std::mem::zeroed();
            timer.it_value.tv_nsec = nanoseconds;
            libc::timer_settime(self.0 as libc::timer_t, 0, &timer, std::ptr::null_mut());
        }
    }

    fn get(self) {
        // SAFETY: the pointer is to a live structure.
        unsafe {
            let mut timer: libc::itimerspec = std::mem::zeroed();
            libc::timer_gettime(self.0 as libc::timer_t, &mut timer);
        }
    }
}

const SIGNAL: i32 = libc::SIGQUIT;

/// An init that takes its timer's signal again and again, to no effect. Another thread holds the timer's lock as often as
/// it can: whoever takes the signal waits for that.
fn init_with_a_timer(disarms: bool) -> Child {
    let init = new_ns(move |channel| {
        signal_state::reset();
        limit_cores(0);
        let timer = Timer::new(SIGNAL);
        start_threads(1, move |_| {
            signal_state::block(SIGNAL);
            loop {
                timer.get();
            }
        });
        channel.send(0);
        loop {
            signal_state::block(SIGNAL);
            timer.set(1);
            while !signal_state::is_pending(SIGNAL) {}
            if disarms {
                timer.set(0);
            }
            signal_state::unblock(SIGNAL);
        }
    });
    init.receive();
    init
}

/// Sends each of many inits one signal at a moment of its own.
fn check_ends(disarms: bool) {
    mode::two_sided();
    let mut random = Random::new(1);
    for number in 0..scale(60, 15) {
        let init = init_with_a_timer(disarms);
        // A few times as long as it takes the init to go round.
        let delay = Duration::from_nanos(300_000 + random.below(40_000) as u64);
        let start = Instant::now();
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        init.kill(SIGNAL);
        let (_, status) = eventually(&format!("the end of init {number} after {delay:?}"), || {
            let seen = wait_status(init.pid, libc::WNOHANG | libc::__WALL);
            (seen.0 == init.pid).then_some(seen)
        });
        check!(status, SIGNAL, "the status of init {number}");
    }
}

fn beside_a_timer_that_is_out_of_date() {
    check_ends(true);
}

fn beside_a_timer_that_is_not() {
    check_ends(false);
}
