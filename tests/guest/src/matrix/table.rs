//! What each mode makes of each cell.

use super::cell::{Blocked, Cell, Disposition, Effect, Outcome, Seen, Sender};
use crate::send_signal::SendCall;
use crate::signal_state::is_kernel_only;

/// What signal(7) calls the default action; SIGCONT's is to do nothing where nothing is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Terminate,
    Core,
    Stop,
    Ignore,
}

fn default_action(signal: i32) -> Action {
    match signal {
        libc::SIGQUIT | libc::SIGILL | libc::SIGTRAP | libc::SIGABRT | libc::SIGBUS => Action::Core,
        libc::SIGFPE | libc::SIGSEGV | libc::SIGXCPU | libc::SIGXFSZ | libc::SIGSYS => Action::Core,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => Action::Stop,
        libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => Action::Ignore,
        _ => Action::Terminate,
    }
}

/// What the default action does to an ordinary process.
fn ordinary(signal: i32) -> Effect {
    match default_action(signal) {
        Action::Terminate => Effect::Killed {
            signal,
            core: false,
        },
        Action::Core => Effect::Killed { signal, core: true },
        Action::Stop => Effect::Stopped(signal),
        Action::Ignore => Effect::Nothing,
    }
}

/// The outcome of a cell, where `default` is what the default action comes to.
fn outcome(cell: &Cell, default: Effect) -> Outcome {
    let taken = Seen {
        effect: match cell.disposition {
            Disposition::Handler => cell.told(),
            Disposition::Ignored => Effect::Nothing,
            Disposition::Default => default,
        },
        // A tracer is asked about every signal but SIGKILL, even about an ignored one.
        traced: cell.shape.traced && cell.signal != libc::SIGKILL,
    };
    let waits = match cell.blocked {
        Blocked::Nobody => false,
        Blocked::Everybody => true,
        // Another thread takes what was sent to the process.
        Blocked::Leader => cell.is_to_thread(),
    };
    if waits {
        Outcome {
            first: Seen {
                effect: Effect::Pending,
                traced: false,
            },
            then: Some(taken),
        }
    } else {
        Outcome {
            first: taken,
            then: None,
        }
    }
}

/// Mainline: an init receives what it has a handler for, and from outside SIGKILL and SIGSTOP.
pub fn mainline(cell: &Cell) -> Outcome {
    let outside = cell.shape.sender == Sender::Ancestor;
    // For a tracer SIGSTOP from inside is queued, and nobody asks again where it came from.
    let stops = cell.signal == libc::SIGSTOP && cell.shape.traced;
    // What the addressed thread blocks is queued, and if another can take it at once, nobody asks
    // whether the process is an init.
    let taken_by_another = cell.blocked == Blocked::Leader
        && !cell.is_to_thread()
        && !cell.shape.traced
        && default_action(cell.signal) == Action::Terminate;
    let acts = (outside && is_kernel_only(cell.signal)) || stops || taken_by_another;
    let default = if acts {
        ordinary(cell.signal)
    } else {
        Effect::Nothing
    };
    outcome(cell, default)
}

/// Two sides: nothing from inside acts by default, but for what an init asks of itself; everything from outside does.
pub fn two_sided(cell: &Cell) -> Outcome {
    // What a traced init sends to itself is as in mainline.
    let by_name =
        cell.call != SendCall::Group && !is_kernel_only(cell.signal) && !cell.shape.traced;
    let default = match cell.shape.sender {
        Sender::Ancestor => ordinary(cell.signal),
        Sender::Itself if by_name => ordinary(cell.signal),
        Sender::Itself | Sender::Child | Sender::Nested => Effect::Nothing,
    };
    outcome(cell, default)
}
