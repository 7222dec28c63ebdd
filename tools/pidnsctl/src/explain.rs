// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl explain`: what a signal would do to a process, and why.

use crate::{
    machine::Machine,
    namespace::{Namespace, Tree, INITIAL},
    process::{self, Process, Processes},
    rule::{self, judge, Action, Disposition, Outcome, Rule, Sender},
    signal,
};
use anyhow::{bail, Context, Result};
use std::io::Write;

/// It acts, or a handler runs.
const HAPPENS: u8 = 0;
/// Nothing happens.
const NOTHING: u8 = 1;
/// It is pending, and decided later.
const PENDING: u8 = 3;

pub fn run(
    machine: &Machine,
    pid: i32,
    said: &str,
    from: Option<i32>,
    out: &mut impl Write,
) -> Result<u8> {
    let signal = signal::number(said)?;
    let processes = process::all(machine);
    let mut target = Process::read(machine, pid).with_context(|| format!("no process {pid}"))?;
    target.blocked = process::blocked_by_all(machine, pid).unwrap_or(target.blocked);
    let sender = match from {
        Some(pid) => Process::read(machine, pid).with_context(|| format!("no process {pid}"))?,
        None => myself(machine)?,
    };
    let tree = Tree::read(machine, &processes)?;
    let place = tree.of(&target);
    let case = Case {
        signal,
        relation: relation(&tree, &sender, &target)?,
        in_force: in_force(machine, place, &target)?,
        orphaned: is_orphaned(&processes, &target),
        target: &target,
        grace_ms: place.and_then(|it| it.row.grace_ms),
    };
    let (status, outcome) = case.outcome();
    let name = signal::name(signal);
    let init = match place {
        Some(place) if target.is_init() => format!(", pid 1 of {}", place.called()),
        _ if target.is_init() => ", pid 1 of its namespace".to_owned(),
        _ => String::new(),
    };
    writeln!(out, "{name} from {sender} to {target}{init}: {outcome}")?;
    for (what, why) in case.reasons(&name) {
        writeln!(out, "  {:<12} {why}", format!("{what}:"))?;
    }
    Ok(status)
}

fn myself(machine: &Machine) -> Result<Process> {
    let pid = machine.link("/proc/self").and_then(|pid| pid.parse().ok());
    pid.and_then(|pid| Process::read(machine, pid))
        .context("this /proc does not show who asks: say --from PID")
}

/// Where the sender stands, seen from the target.
fn relation(tree: &Tree, sender: &Process, target: &Process) -> Result<Sender> {
    if sender.pid == target.pid {
        return Ok(Sender::Itself);
    }
    let inside = match (sender.ns, target.ns) {
        (Some(from), Some(to)) => tree.is_inside(from, to),
        // In the namespace of this /proc everybody it shows is inside; the rest is outside of what is deeper.
        _ if target.level() == 0 => true,
        _ if sender.level() < target.level() => false,
        _ => bail!("{sender} or {target} does not tell its namespace: ask as root"),
    };
    Ok(if inside {
        Sender::Inside
    } else {
        Sender::Ancestor
    })
}

/// The rule for a process, and why it is that one.
fn in_force(
    machine: &Machine,
    place: Option<&Namespace>,
    target: &Process,
) -> Result<(Rule, String)> {
    if !target.is_init() {
        return Ok((Rule::Ordinary, "signal(7), as it is no init".to_owned()));
    }
    if target.ns == Some(INITIAL) {
        return Ok((
            Rule::Mainline,
            "mainline's, as it is the machine's own pid 1".to_owned(),
        ));
    }
    let switch = match place.and_then(|it| it.row.two_sided_init) {
        Some(switch) => Some(switch.to_string()),
        None => machine.word("/proc/sys/kernel/pidns_two_sided_init"),
    };
    Ok(match switch.as_deref() {
        Some("1") => (Rule::TwoSided, "two-sided (two_sided_init=1)".to_owned()),
        Some("0") => (Rule::Mainline, "mainline's (two_sided_init=0)".to_owned()),
        Some("2") => (
            Rule::Mainline,
            "mainline's; the other one is only told (two_sided_init=2)".to_owned(),
        ),
        Some(other) => bail!("two_sided_init={other} is unknown to this pidnsctl: upgrade it"),
        None => (
            Rule::Mainline,
            "mainline's, as pidns is not loaded".to_owned(),
        ),
    })
}

/// Whether a process's group is orphaned, so that a terminal's stops do nothing to it: no member has a parent in another
/// group of the session.
fn is_orphaned(processes: &Processes, target: &Process) -> bool {
    let members = processes
        .values()
        .filter(|it| it.group == target.group && it.is_alive());
    let keeps = |it: &Process| {
        processes
            .get(&it.parent)
            .is_some_and(|parent| parent.group != target.group && parent.session == it.session)
    };
    target.group.is_some() && !members.into_iter().any(keeps)
}

struct Case<'a> {
    signal: i32,
    relation: Sender,
    in_force: (Rule, String),
    orphaned: bool,
    target: &'a Process,
    grace_ms: Option<u64>,
}

impl Case<'_> {
    fn disposition(&self) -> Disposition {
        if self.target.caught.has(self.signal) {
            Disposition::Handler
        } else if self.target.ignored.has(self.signal) {
            Disposition::Ignored
        } else {
            Disposition::Default
        }
    }

    fn judge_by(&self, rule: Rule) -> Outcome {
        // While it is traced it asks itself for nothing.
        let relation = match self.relation {
            Sender::Itself if self.target.tracer != 0 => Sender::Inside,
            relation => relation,
        };
        judge(rule, self.signal, relation, self.disposition())
    }

    /// Why it is not decided at once, if so.
    fn held(&self) -> Option<&'static str> {
        if self.signal == rule::SIGKILL {
            None
        } else if self.target.blocked.has(self.signal) {
            Some("it is blocked")
        } else if self.target.tracer != 0 {
            Some("its tracer sees it first")
        } else {
            None
        }
    }

    fn outcome(&self) -> (u8, String) {
        if !self.target.is_alive() {
            return (NOTHING, "nothing, it has ended".to_owned());
        }
        if self.target.is_in_grace() {
            let cuts_short = self.signal == rule::SIGKILL && self.relation == Sender::Ancestor;
            return if cuts_short {
                (HAPPENS, "its members have no more time".to_owned())
            } else {
                (NOTHING, "nothing, it is ending".to_owned())
            };
        }
        if self.target.exiting {
            return (NOTHING, "nothing, it is ending".to_owned());
        }
        let is_stopped = self.target.state == 'T';
        if is_stopped && self.signal == rule::SIGCONT {
            return (HAPPENS, "it continues".to_owned());
        }
        let (status, what) = self.when_taken();
        let why = match self.held() {
            // What it ignores or is protected from need not wait for that.
            None if is_stopped && status == HAPPENS && self.signal != rule::SIGKILL => {
                "the process is stopped"
            }
            None => return (status, what),
            Some(why) => why,
        };
        (
            PENDING,
            format!("pending, as {why}; when it is taken: {what}"),
        )
    }

    fn when_taken(&self) -> (u8, String) {
        let (status, what) = match self.judge_by(self.in_force.0) {
            Outcome::Act(Action::Stop) if self.signal != rule::SIGSTOP && self.orphaned => {
                (NOTHING, "nothing, its process group is orphaned")
            }
            Outcome::Act(Action::Terminate) => (HAPPENS, "it ends"),
            Outcome::Act(Action::Core) => (HAPPENS, "it ends, with a core dump"),
            Outcome::Act(Action::Stop) => (HAPPENS, "it stops"),
            Outcome::Act(Action::Nothing) | Outcome::Ignored => (NOTHING, "nothing"),
            Outcome::Handler => (HAPPENS, "its handler runs"),
            Outcome::Protected => (NOTHING, "nothing, it is protected as an init"),
        };
        (status, what.to_owned())
    }

    fn reasons(&self, name: &str) -> Vec<(&'static str, String)> {
        if self.target.exiting || self.target.is_in_grace() {
            return Vec::new();
        }
        let mut reasons = vec![
            (
                "sender",
                match self.relation {
                    Sender::Inside => "inside: in its namespace or below",
                    Sender::Ancestor => "outside of its namespace",
                    Sender::Itself => "itself",
                }
                .to_owned(),
            ),
            (
                "disposition",
                match self.disposition() {
                    Disposition::Default => {
                        format!("it has no handler for {name}, and does not ignore it")
                    }
                    Disposition::Ignored => format!("it ignores {name}"),
                    Disposition::Handler => format!("it has a handler for {name}"),
                },
            ),
            ("rule", self.in_force.1.clone()),
        ];
        if self.target.tracer != 0 {
            reasons.push(("tracer", format!("process {}", self.target.tracer)));
        }
        let two_sided = self.judge_by(Rule::TwoSided);
        if self.in_force.0 == Rule::Mainline
            && self.target.ns != Some(INITIAL)
            && two_sided != self.judge_by(Rule::Mainline)
        {
            reasons.push(("two-sided", "by that rule it would act".to_owned()));
        }
        if self.falls_softly() {
            let grace = self
                .grace_ms
                .map_or("the grace (pidns_grace_ms)".to_owned(), |ms| {
                    format!("{ms} ms")
                });
            reasons.push((
                "then",
                format!("all of its namespace get {name}, and have {grace} to end by themselves"),
            ));
        }
        reasons
    }

    /// Whether the others of the namespace get it as well.
    fn falls_softly(&self) -> bool {
        let ends = matches!(
            self.judge_by(self.in_force.0),
            Outcome::Act(Action::Terminate | Action::Core)
        );
        ends && self.in_force.0 == Rule::TwoSided
            && self.relation == Sender::Ancestor
            && self.signal != rule::SIGKILL
            && self.grace_ms != Some(0)
    }
}
