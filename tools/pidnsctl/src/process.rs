// SPDX-License-Identifier: GPL-2.0

//! What `/proc` says of a process.

use crate::machine::{printable, Machine};
use procfs_core::{process::Status, FromBufRead};
use std::{collections::BTreeMap, fmt, io::Cursor};

/// A set of signals, as `/proc/PID/status` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    pub fn has(self, signal: i32) -> bool {
        matches!(signal, 1..=64) && self.0 >> (signal - 1) & 1 == 1
    }
}

#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub name: String,
    /// As `ps` has it: `R`, `S`, `D`, `T`, `t`, `Z`, `X`, `I`; that of another thread if its first one has ended.
    pub state: char,
    /// Whether it is on its way out (`PF_EXITING`).
    pub exiting: bool,
    pub parent: i32,
    pub tracer: i32,
    /// Its numbers, from the namespace of this `/proc` down to its own.
    pub numbers: Vec<i32>,
    pub group: Option<i32>,
    pub session: Option<i32>,
    /// Its namespace, if one may know.
    pub ns: Option<u64>,
    pub ignored: SignalSet,
    pub caught: SignalSet,
}

impl Process {
    /// Nothing if there is no such process (any more).
    pub fn read(machine: &Machine, pid: i32) -> Option<Self> {
        let dir = format!("/proc/{pid}");
        let status = status(machine, &format!("{dir}/status"))?;
        let first = |numbers: &Option<Vec<i32>>| numbers.as_ref()?.first().copied();
        let (state, exiting) = state(machine, pid, state_of(&status));
        Some(Self {
            pid,
            state,
            exiting,
            parent: status.ppid,
            tracer: status.tracerpid,
            group: first(&status.nspgid),
            session: first(&status.nssid),
            numbers: status.nspid.unwrap_or_else(|| vec![pid]),
            ns: machine.pid_namespace(format!("{dir}/ns/pid")),
            ignored: SignalSet(status.sigign),
            caught: SignalSet(status.sigcgt),
            name: printable(&status.name),
        })
    }

    /// The process that somebody means who says the number of one of its threads.
    pub fn of_thread(machine: &Machine, tid: i32) -> Option<Self> {
        Self::read(
            machine,
            status(machine, &format!("/proc/{tid}/status"))?.tgid,
        )
    }

    /// Whether its cgroup is frozen, as either version of cgroups tells it.
    pub fn is_frozen(&self, machine: &Machine) -> bool {
        let cgroups = machine.read(format!("/proc/{}/cgroup", self.pid));
        let cgroups = cgroups.unwrap_or_default();
        let says = |file, word: &str| {
            let text = machine.read(file).unwrap_or_default();
            text.lines().any(|it| it == word)
        };
        cgroups.lines().any(|line| {
            if let Some(path) = line.strip_prefix("0::") {
                return says(format!("/sys/fs/cgroup{path}/cgroup.events"), "frozen 1");
            }
            let path = line.split_once(":freezer:").map(|(_, path)| path);
            path.is_some_and(|it| {
                says(
                    format!("/sys/fs/cgroup/freezer{it}/freezer.state"),
                    "FROZEN",
                )
            })
        })
    }

    pub fn is_alive(&self) -> bool {
        !self.is_zombie() && self.state != 'X'
    }

    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }

    /// Whether it is stopped, or in a tracer's hands.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// Whether it is the first of its namespace.
    pub fn is_init(&self) -> bool {
        self.numbers.last() == Some(&1)
    }

    /// Whether it is an init that a signal has ended and that gives its members time, as the module has it.
    pub fn is_in_grace(&self) -> bool {
        self.is_init() && self.state == 'I'
    }

    /// How far its namespace is below that of this `/proc`.
    pub fn level(&self) -> usize {
        self.numbers.len().saturating_sub(1)
    }
}

/// As errors and sentences name it.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

pub fn status(machine: &Machine, path: &str) -> Option<Status> {
    let text = machine.read(path).ok()?;
    Status::from_buf_read(Cursor::new(text)).ok()
}

pub fn state_of(status: &Status) -> char {
    status.state.chars().next().unwrap_or('?')
}

/// The state of a process whose first thread has this one, and whether it is on its way out. A process lives for as long
/// as any of its threads, and its last one waits for the members of its namespace, if it is an init.
fn state(machine: &Machine, pid: i32, first: char) -> (char, bool) {
    let dir = format!("/proc/{pid}/task");
    if first != 'Z' {
        return (first, is_exiting(machine, &format!("{dir}/{pid}/stat")));
    }
    for tid in machine.numbers(&dir) {
        let state = status(machine, &format!("{dir}/{tid}/status")).map(|it| state_of(&it));
        if let Some(state) = state.filter(|it| !matches!(it, 'Z' | 'X')) {
            return (state, is_exiting(machine, &format!("{dir}/{tid}/stat")));
        }
    }
    (first, true)
}

fn is_exiting(machine: &Machine, path: &str) -> bool {
    const PF_EXITING: i64 = 4;
    stat(machine, path, FLAGS).is_some_and(|flags| flags & PF_EXITING != 0)
}

/// Words of a `/proc/PID/stat`, counted from the one behind the name.
pub const PGRP: usize = 2;
pub const TTY_NR: usize = 4;
pub const TPGID: usize = 5;
const FLAGS: usize = 6;

pub fn stat(machine: &Machine, path: &str, word: usize) -> Option<i64> {
    let text = machine.read(path).ok()?;
    // The name may have blanks and parentheses.
    let words = text.rsplit_once(')')?.1;
    words.split_whitespace().nth(word)?.parse().ok()
}

/// All processes that this `/proc` shows, by their numbers.
pub type Processes = BTreeMap<i32, Process>;

pub fn all(machine: &Machine) -> Processes {
    let pids = machine.numbers("/proc").into_iter();
    pids.filter_map(|pid| Some((pid, Process::read(machine, pid)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::SignalSet;

    #[test]
    fn sets_have_the_signals_from_1_to_64() {
        let set = SignalSet(1 | 1 << 14 | 1 << 63);
        let known: Vec<i32> = (-100..200).filter(|&signal| set.has(signal)).collect();
        assert_eq!(known, [1, 15, 64]);
    }
}
