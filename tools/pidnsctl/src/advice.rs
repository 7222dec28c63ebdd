// SPDX-License-Identifier: GPL-2.0

//! What somebody can do whose container does not end by a signal from its host.

use crate::{
    case::{Case, PENDING},
    machine::Machine,
    process::{Process, Processes},
    rule::{self, Action, Outcome, Sender},
};

/// What else there is to know of a process for that.
#[derive(Default)]
pub struct Surroundings {
    /// The first of its children that live.
    child: Option<i32>,
    is_shell: bool,
}

/// How shells are called, and their scripts.
const SHELLS: [&str; 7] = ["sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"];

impl Surroundings {
    pub fn read(machine: &Machine, processes: &Processes, target: &Process) -> Self {
        let is_child = |it: &&Process| it.parent == target.pid && it.is_alive();
        let child = processes.values().find(is_child).map(|it| it.pid);
        let program = machine.link(format!("/proc/{}/exe", target.pid));
        let program = program.as_deref().unwrap_or("").rsplit('/').next();
        // Busybox is all programs: whichever has children is a shell.
        let is_one = |name| SHELLS.contains(&name) || name == "busybox" && child.is_some();
        Self {
            child,
            is_shell: SHELLS.contains(&target.name.as_str())
                || target.name.ends_with(".sh")
                || program.is_some_and(is_one),
        }
    }
}

impl Case<'_> {
    /// Nothing, if it ends, or if there is nothing that one could do.
    pub fn advice(&self, name: &str, around: &Surroundings) -> Option<String> {
        let is_asked = self.target.is_init()
            && !self.is_machines_own
            && self.relation == Sender::Ancestor
            && !matches!(self.signal, rule::SIGKILL | rule::SIGSTOP | rule::SIGCONT);
        if !is_asked {
            return None;
        }
        let pid = self.target.pid;
        let is_pending = self.outcome().0 == PENDING;
        if self.is_frozen && is_pending {
            return Some("unpause it: its cgroup is frozen".to_owned());
        }
        if self.target.state == 'T' && is_pending {
            return Some(format!("kill -CONT {pid}: it is stopped"));
        }
        if self.waiter().is_some() || self.signalfd().is_some() {
            let child = around.child?;
            return Some(format!(
                "if it passes {name} on, as tini does: pidnsctl explain {child} {name}"
            ));
        }
        let advice = match self.judge_by(self.rule) {
            Outcome::Handler if around.is_shell && around.child.is_some() => {
                "a shell runs its trap when the command in front has ended: start that with & and wait for it, or exec it"
            }
            Outcome::Handler => "if it does not end in time: a longer --stop-timeout, or mend its handler",
            Outcome::Ignored | Outcome::Act(Action::Nothing) => {
                "another signal (--stop-signal), or a program that does not ignore it"
            }
            Outcome::Protected if around.is_shell => {
                "exec the program, so that it gets the signal, or a tini before the shell (docker run --init)"
            }
            Outcome::Protected => "a handler in the program, or a tini before it (docker run --init)",
            Outcome::Act(_) => return None,
        };
        Some(advice.to_owned())
    }
}
