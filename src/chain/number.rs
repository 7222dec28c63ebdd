// SPDX-License-Identifier: GPL-2.0

//! Which number a task may have at one level. Pure rules: no kernel types.

/// Numbers below this are not given again once the counter has wrapped
/// (`include/linux/pid.h: RESERVED_PIDS`).
pub(crate) const RESERVED_PIDS: i32 = 300;

/// What is asked of a namespace's number table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// This number and no other.
    Exactly(i32),
    /// The next free number from the table's cursor on, between `min` and `max - 1`, wrapping.
    Next {
        /// The lowest number.
        min: i32,
        /// One more than the highest number.
        max: i32,
    },
}

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The chosen number is not between 1 and `pid_max - 1` (`EINVAL`).
    OutOfRange,
    /// The chosen number is in use (`EEXIST`).
    InUse,
    /// Every number is in use (`EAGAIN`).
    Full,
    /// The first number of a namespace must be 1, its init's (`EINVAL`).
    NotInit,
}

/// Whether `nr` may be chosen in a namespace whose `pid_max` is this.
pub(crate) fn choose(nr: i32, pid_max: i32) -> Result<Request, Refusal> {
    if nr >= 1 && nr < pid_max {
        Ok(Request::Exactly(nr))
    } else {
        Err(Refusal::OutOfRange)
    }
}

/// The next number of a namespace whose cursor stands at `cursor`.
pub(crate) fn next(cursor: u32, pid_max: i32) -> Request {
    let wrapped = cursor > RESERVED_PIDS as u32;
    Request::Next {
        min: if wrapped { RESERVED_PIDS } else { 1 },
        max: pid_max,
    }
}

impl Request {
    /// What it means that the table has no room for this.
    pub(crate) fn no_room(self) -> Refusal {
        match self {
            Self::Exactly(_) => Refusal::InUse,
            Self::Next { .. } => Refusal::Full,
        }
    }
}

/// Whether the number `nr` may be given in a namespace that has an init, or has none yet.
pub(crate) fn init_first(nr: i32, has_init: bool) -> Result<(), Refusal> {
    if has_init || nr == 1 {
        Ok(())
    } else {
        Err(Refusal::NotInit)
    }
}
