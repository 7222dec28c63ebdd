//! Fire on an init, and an init that never sits still under it.

use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::harness::scale;
use crate::process::{fork, sleep_for_ever, wait_status, Child};
use crate::talk::Talk;
use crate::way::{sigqueue, Way, WAYS};

/// What attackers send: every kind of default action but to continue.
pub const FIRE: [i32; 14] = [
    libc::SIGSTOP,
    libc::SIGKILL,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGALRM,
    libc::SIGUSR1,
    libc::SIGQUIT,
    libc::SIGABRT,
    libc::SIGSEGV,
    libc::SIGTSTP,
    libc::SIGTTIN,
    34,
    40,
    64,
];

/// Codes that a sender may claim: that the signal came from a queue, a timer, a file, a look-up of names.
pub const CODES: [i32; 6] = [
    libc::SI_QUEUE,
    libc::SI_TIMER,
    libc::SI_MESGQ,
    libc::SI_ASYNCIO,
    libc::SI_SIGIO,
    -60,
];

/// What nobody can block, catch or ignore.
const FIRM: usize = 2;

/// Numbers that look random and are the same in every run.
pub struct Dice(u32);

impl Dice {
    pub fn new(seed: usize) -> Dice {
        Dice(seed as u32 * 2_654_435 + 1)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % sides
    }

    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

/// Sends `signals` to a process, and to threads that it may have, for ever.
///
/// What cannot be queued any more is no failure. The process must not be reaped meanwhile.
pub fn fire_at(process: i32, threads: &[i32], signals: &[i32], dice: &mut Dice) -> ! {
    loop {
        for _ in 0..8 {
            let signal = dice.choose(signals);
            let (sent, gone) = match dice.roll(4) {
                0 => (sigqueue(process, signal, dice.choose(&CODES)), Ok(())),
                1 if !threads.is_empty() => {
                    let thread = dice.choose(threads);
                    (Way::Tkill.send(thread, signal), Err(Errno::ESRCH))
                }
                _ => (dice.choose(&WAYS).send(process, signal), Ok(())),
            };
            check!(
                [Ok(()), Err(Errno::EAGAIN), gone].contains(&sent),
                true,
                "signal {signal}: {sent:?}"
            );
        }
        rest();
    }
}

/// A moment for the others: emulated processors are few.
pub fn rest() {
    std::thread::sleep(Duration::from_millis(1));
}

/// Sets the default action, the ignoring of a signal or a handler that does nothing; real-time ones as well.
fn set(signal: i32, handler: usize) {
    // SAFETY: all bytes zero is a valid `sigaction`; the handler is one of the two constants, or does
    // nothing.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART;
        Errno::result(libc::sigaction(signal, &action, std::ptr::null_mut()))
    };
    check!(set, Ok(0), "sigaction({signal})");
}

extern "C" fn nothing(_signal: i32) {}

/// Blocks or unblocks a signal for the calling thread.
pub fn mask(how: i32, signal: i32) {
    // SAFETY: all bytes zero is a valid `sigset_t`, and the pointers are live.
    let set = unsafe {
        let mut signals = std::mem::zeroed();
        libc::sigaddset(&mut signals, signal);
        libc::pthread_sigmask(how, &signals, std::ptr::null_mut())
    };
    check!(set, 0, "pthread_sigmask({signal})");
}

/// Says something new about one of the signals.
pub fn fidget(dice: &mut Dice) {
    let signal = dice.choose(&FIRE[FIRM..]);
    match dice.roll(8) {
        0 | 1 => mask(libc::SIG_BLOCK, signal),
        2 | 3 => mask(libc::SIG_UNBLOCK, signal),
        4 => set(signal, libc::SIG_DFL),
        5 => set(signal, libc::SIG_IGN),
        6 => set(signal, nothing as *const () as usize),
        _ => std::thread::sleep(Duration::from_micros(200)),
    }
}

/// Says about all of the signals that they shall have their default action, now.
pub fn say_nothing_about_signals() {
    for signal in &FIRE[FIRM..] {
        set(*signal, libc::SIG_DFL);
        mask(libc::SIG_UNBLOCK, *signal);
    }
}

/// A child that a SIGTERM to its process group does not hit.
pub fn fork_attacker(story: impl FnOnce()) -> Child {
    mask(libc::SIG_BLOCK, libc::SIGTERM);
    let child = fork(|_| story());
    mask(libc::SIG_UNBLOCK, libc::SIGTERM);
    child
}

/// Three members that attack init in every way, all of its threads.
pub fn attack_from_inside(threads: usize, signals: &[i32]) {
    const ATTACKERS: usize = 3;
    for number in 0..ATTACKERS {
        fork_attacker(|| {
            // The threads' numbers follow the attackers'.
            let next = crate::process::pid() + (ATTACKERS - number) as i32;
            let others: Vec<i32> = (1..threads as i32).map(|n| next + n - 1).collect();
            fire_at(1, &others, signals, &mut Dice::new(number))
        });
    }
}

/// An init's story: under fire from inside say new things about signals with so many threads, and
/// answer every word with itself.
pub fn hold_out(talk: &Talk, threads: usize) -> ! {
    hold_out_against(talk, threads, &FIRE)
}

/// The same, when the inside sends no more than these signals.
pub fn hold_out_against(talk: &Talk, threads: usize, signals: &[i32]) -> ! {
    // The handlers of this program's language are not made for SIGSEGV that somebody sends.
    say_nothing_about_signals();
    attack_from_inside(threads, signals);
    for number in 1..threads {
        std::thread::spawn(move || {
            let mut dice = Dice::new(10 + number);
            loop {
                fidget(&mut dice);
            }
        });
    }
    talk.say(0);
    let mut dice = Dice::new(10);
    loop {
        fidget(&mut dice);
        if talk.is_heard() {
            match talk.hear_or_end() {
                Some(words) => talk.say_all(&words),
                None => sleep_for_ever(),
            }
        }
    }
}

/// Fails the test if a child has ended, stopped or continued.
#[track_caller]
pub fn check_untouched(child: &Child) {
    let flags = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
    check!(
        wait_status(child.pid, flags),
        (0, 0),
        "what has happened to a child"
    );
}

/// Does something again and again for so many seconds, at least once.
pub fn for_a_while(seconds: u64, mut something: impl FnMut()) {
    let limit = Duration::from_secs(scale(seconds, 2 * seconds));
    let start = Instant::now();
    loop {
        something();
        if start.elapsed() > limit {
            return;
        }
    }
}
