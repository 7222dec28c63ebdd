//! Random signals at an init.

use std::time::Duration;

use nix::errno::Errno;

use crate::process::{fork, Child};
use crate::random::Random;
use crate::send_signal::{sigqueue, SendCall, SEND_CALLS};
use crate::signal_state;

/// What attackers send: every kind of default action but to continue.
pub const RANDOM_SIGNALS: [i32; 14] = [
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

/// So many of them, the first ones, nobody can block, catch or ignore.
pub const UNCATCHABLE: usize = 2;

/// Sends `signals` to a process, and to threads that it may have, for ever.
///
/// What cannot be queued any more is no failure. The process must not be reaped meanwhile.
pub fn send_at_random(process: i32, threads: &[i32], signals: &[i32], random: &mut Random) -> ! {
    loop {
        for _ in 0..8 {
            let signal = random.choose(signals);
            let (sent, gone) = match random.below(4) {
                0 => (sigqueue(process, signal, random.choose(&CODES)), Ok(())),
                1 if !threads.is_empty() => {
                    let thread = random.choose(threads);
                    (SendCall::Tkill.send(thread, signal), Err(Errno::ESRCH))
                }
                _ => (random.choose(&SEND_CALLS).send(process, signal), Ok(())),
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

/// A child that a SIGTERM to its process group does not hit.
pub fn fork_attacker(body: impl FnOnce()) -> Child {
    signal_state::block(libc::SIGTERM);
    let child = fork(|_| body());
    signal_state::unblock(libc::SIGTERM);
    child
}

/// Three members that attack init by every call, all of its threads.
pub fn attack_from_inside(threads: usize, signals: &[i32]) {
    const ATTACKERS: usize = 3;
    for number in 0..ATTACKERS {
        fork_attacker(|| {
            // The threads' numbers follow the attackers'.
            let next = crate::process::pid() + (ATTACKERS - number) as i32;
            let others: Vec<i32> = (1..threads as i32).map(|n| next + n - 1).collect();
            send_at_random(1, &others, signals, &mut Random::new(number))
        });
    }
}
