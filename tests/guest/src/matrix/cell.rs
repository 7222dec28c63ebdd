//! The dimensions of the matrix, and what can be seen in one cell of it.

use crate::harness::is_before;
use crate::send_signal::SendCall;
use crate::signal_state::is_kernel_only;

/// Where the sender stands, seen from the init that it signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Itself,
    Child,
    /// The init of a namespace below. It has no number for its parent's init, which it reaches only
    /// as a member of its own process group.
    Nested,
    Ancestor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignored,
    Handler,
}

/// Who blocks the signal when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    Nobody,
    Everybody,
    Leader,
}

/// The init that cells may share: those in which it survives leave it as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub sender: Sender,
    /// How many threads init has: 1 or 4.
    pub threads: usize,
    /// Whether the sender's parent outside traces every thread, and passes every signal on.
    pub traced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub shape: Shape,
    pub call: SendCall,
    pub signal: i32,
    pub disposition: Disposition,
    pub blocked: Blocked,
}

/// Whom a handler is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// 0: a process that has no number in init's namespace.
    Nobody,
    /// The sender's number in init's namespace.
    Sender,
    /// The number that the sender has put into the siginfo.
    Forged,
    Other(i32),
}

/// What comes of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    Pending,
    Handler {
        code: i32,
        told: Told,
    },
    Stopped(i32),
    Killed {
        signal: i32,
        core: bool,
    },
    /// Neither an answer nor an end: in no table.
    Silence,
}

/// An effect, and whether the tracer saw the signal before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub effect: Effect,
    pub traced: bool,
}

/// What comes of a signal at once, and if it stays pending, what when everybody unblocks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub first: Seen,
    pub then: Option<Seen>,
}

const SIGNALS: std::ops::RangeInclusive<i32> = 1..=64;

const SENDERS: [Sender; 4] = [
    Sender::Itself,
    Sender::Child,
    Sender::Nested,
    Sender::Ancestor,
];

const CALLS: [SendCall; 6] = [
    SendCall::Kill,
    SendCall::Tgkill,
    SendCall::Sigqueue,
    SendCall::TgSigqueue,
    SendCall::Pidfd,
    SendCall::Group,
];

const DISPOSITIONS: [Disposition; 3] = [
    Disposition::Default,
    Disposition::Ignored,
    Disposition::Handler,
];

pub fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for sender in SENDERS {
        for threads in [1, 4] {
            for traced in [false, true] {
                shapes.push(Shape {
                    sender,
                    threads,
                    traced,
                });
            }
        }
    }
    shapes
}

/// Every cell of a shape that there can be.
pub fn cells(shape: Shape) -> Vec<Cell> {
    let mut cells = Vec::new();
    for call in CALLS {
        for disposition in DISPOSITIONS {
            for blocked in [Blocked::Nobody, Blocked::Everybody, Blocked::Leader] {
                cells.extend(SIGNALS.map(|signal| Cell {
                    shape,
                    call,
                    signal,
                    disposition,
                    blocked,
                }));
            }
        }
    }
    cells.retain(Cell::is_possible);
    cells
}

impl Cell {
    fn is_possible(&self) -> bool {
        let plain = self.disposition == Disposition::Default && self.blocked == Blocked::Nobody;
        (self.shape.sender != Sender::Nested || self.call == SendCall::Group)
            && (self.shape.threads > 1 || self.blocked != Blocked::Leader)
            && (!is_kernel_only(self.signal) || plain)
    }

    /// Whether the signal is sent to a thread, the leader, and not to the process.
    pub fn is_to_thread(&self) -> bool {
        matches!(self.call, SendCall::Tgkill | SendCall::TgSigqueue)
    }

    /// What a handler is told.
    pub fn told(&self) -> Effect {
        let told = if self.call.carries_info() {
            Told::Forged
        } else {
            Told::Sender
        };
        let told = match self.shape.sender {
            Sender::Ancestor => Told::Nobody,
            // Linux before 7.3 names the sender by its number in its own namespace, whoever reads it.
            Sender::Nested if self.call == SendCall::Group && is_before((7, 3)) => Told::Other(1),
            _ => told,
        };
        Effect::Handler {
            code: self.call.code(),
            told,
        }
    }
}
