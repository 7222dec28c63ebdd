// SPDX-License-Identifier: GPL-2.0

//! Which threads of a process may take a signal, and whether they take it from the kernel by themselves: by `sigwait`, or
//! from a `signalfd`. What is taken so has no effect of its own.

use crate::{
    machine::Machine,
    process::{state_of, status, Process, SignalSet},
};
use std::io;

struct Thread {
    tid: i32,
    blocked: SignalSet,
    /// What it waits for now, in `rt_sigtimedwait`. That is not in `blocked` meanwhile.
    awaited: SignalSet,
}

#[derive(Default)]
pub struct Taking {
    /// Those that live, in the order of their numbers.
    threads: Vec<Thread>,
    /// The first one, whose number is the process's, whether it lives or not, and what it blocks.
    first: i32,
    blocked_by_first: SignalSet,
    /// Each `signalfd`'s number and signals.
    signalfds: Vec<(i32, SignalSet)>,
    /// It cannot be seen what its threads wait for.
    pub is_hidden: bool,
}

impl Taking {
    pub fn read(machine: &Machine, process: &Process) -> Self {
        let mut found = Self {
            first: process.pid,
            ..Self::default()
        };
        for tid in machine.numbers(format!("/proc/{}/task", process.pid)) {
            let dir = format!("/proc/{}/task/{tid}", process.pid);
            let status = status(machine, &format!("{dir}/status"));
            if let Some(first) = status.as_ref().filter(|_| tid == process.pid) {
                found.blocked_by_first = SignalSet(first.sigblk);
            }
            if let Some(status) = status.filter(|it| !matches!(state_of(it), 'Z' | 'X')) {
                let awaited = awaited(machine, &dir);
                found.is_hidden |= awaited.is_err();
                found.threads.push(Thread {
                    tid,
                    blocked: SignalSet(status.sigblk),
                    awaited: awaited.unwrap_or_default(),
                });
            }
        }
        found.threads.sort_by_key(|it| it.tid);
        let files = format!("/proc/{}/fdinfo", process.pid);
        for fd in machine.numbers(&files) {
            let text = machine.read(format!("{files}/{fd}")).unwrap_or_default();
            let mask = text.lines().find_map(|line| line.strip_prefix("sigmask:"));
            if let Some(mask) = mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()) {
                found.signalfds.push((fd, SignalSet(mask)));
            }
        }
        found
    }

    /// Whether no thread can take it now.
    pub fn is_blocked(&self, signal: i32) -> bool {
        self.threads.iter().all(|it| it.blocked.has(signal)) && !self.threads.is_empty()
    }

    /// Whether its first thread blocks what another one does not.
    pub fn is_blocked_by_first_but_not_all(&self, signal: i32) -> bool {
        self.blocked_by_first.has(signal) && !self.is_blocked(signal)
    }

    /// The thread whose `sigwait` takes it. The kernel asks the first thread before all others, if it lives.
    pub fn waiter(&self, signal: i32) -> Option<i32> {
        let able = || self.threads.iter().filter(|it| !it.blocked.has(signal));
        let first = able().find(|it| it.tid == self.first);
        let mut asked = first.into_iter().chain(able().filter(|_| first.is_none()));
        asked.find(|it| it.awaited.has(signal)).map(|it| it.tid)
    }

    /// The `signalfd` from which it may be read.
    pub fn signalfd(&self, signal: i32) -> Option<i32> {
        let files = &mut self.signalfds.iter();
        files.find(|it| it.1.has(signal)).map(|it| it.0)
    }
}

/// What a thread waits for: by the system call in which it sleeps, and the set in its memory to which that points.
fn awaited(machine: &Machine, dir: &str) -> io::Result<SignalSet> {
    let call = machine.read(format!("{dir}/syscall"))?;
    let mut words = call.split_whitespace();
    let number = words.next().and_then(|it| it.parse::<i64>().ok());
    let set = words
        .next()
        .and_then(|it| u64::from_str_radix(it.trim_start_matches("0x"), 16).ok());
    match (number, set) {
        (Some(number), Some(set)) if RT_SIGTIMEDWAIT.contains(&number) => {
            let mut bytes = [0; 8];
            machine.read_at(format!("{dir}/mem"), set, &mut bytes)?;
            Ok(SignalSet(u64::from_ne_bytes(bytes)))
        }
        _ => Ok(SignalSet::default()),
    }
}

/// The call's number, and those that programs for 32 bits have for it, which are nothing that sleeps to others.
const RT_SIGTIMEDWAIT: [i64; 3] = [
    if cfg!(target_arch = "x86_64") {
        128
    } else {
        137
    },
    177,
    421,
];
