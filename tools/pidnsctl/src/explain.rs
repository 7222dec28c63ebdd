// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl explain`: what a signal would do to a process, and why.

use crate::{
    advice::Surroundings,
    case::{Case, Terminal},
    machine::Machine,
    namespace::{Tree, INITIAL},
    process::{self, Process, Processes, PGRP, TPGID, TTY_NR},
    rule::{Rule, Sender},
    signal,
    taking::Taking,
};
use anyhow::{bail, Context, Result};
use std::io::Write;

pub fn run(
    machine: &Machine,
    what: &str,
    said: &str,
    from: Option<i32>,
    out: &mut impl Write,
) -> Result<u8> {
    let signal = signal::number(said)?;
    let processes = process::all(machine);
    let named = |pid| Process::of_thread(machine, pid).with_context(|| format!("no process {pid}"));
    let tree = Tree::read(machine, &processes)?;
    let target = named(pid_of(&tree, what)?)?;
    let sender = from.map_or_else(|| myself(machine), named)?;
    let place = tree.of(&target);
    let (rule, rule_says) = in_force(machine, &tree, &target)?;
    let case = Case {
        signal,
        relation: relation(&tree, &sender, &target)?,
        is_beside: is_beside(&tree, &sender, &target),
        rule,
        rule_says,
        is_machines_own: is_machines_own(&tree, &target),
        orphaned: is_orphaned(&processes, &target),
        is_frozen: target.is_frozen(machine),
        taking: Taking::read(machine, &target),
        terminal: terminal(machine, &target),
        target: &target,
        terminal_counts: place.and_then(|it| Some(it.row.terminal? != 0)),
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
    let mut reasons = case.reasons(&name);
    if !reasons.is_empty() {
        let around = Surroundings::read(machine, &processes, &target);
        reasons.extend(case.advice(&name, &around).map(|it| ("to do", it)));
    }
    for (what, why) in reasons {
        writeln!(out, "  {:<12} {why}", format!("{what}:"))?;
    }
    Ok(status)
}

/// The process that somebody means: by its number, or as the init of a container.
fn pid_of(tree: &Tree, what: &str) -> Result<i32> {
    if let Ok(pid) = what.parse() {
        return Ok(pid);
    }
    let init = tree.the_one_called(what)?.row.init;
    init.with_context(|| format!("the process 1 of {what} cannot be seen, or has gone"))
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

/// Whether the target has no number in the sender's namespace, as far as one may know.
fn is_beside(tree: &Tree, sender: &Process, target: &Process) -> bool {
    matches!((sender.ns, target.ns), (Some(from), Some(to)) if !tree.is_inside(from, to) && !tree.is_inside(to, from))
}

fn is_machines_own(tree: &Tree, target: &Process) -> bool {
    let ns = target.ns.or_else(|| tree.of(target).map(|it| it.row.ns));
    target.is_init() && ns == Some(INITIAL)
}

/// By the terminal's foreground process group.
fn terminal(machine: &Machine, target: &Process) -> Terminal {
    let stat = |word| {
        process::stat(
            machine,
            &format!("/proc/{0}/task/{0}/stat", target.pid),
            word,
        )
    };
    match (stat(TTY_NR), stat(PGRP), stat(TPGID)) {
        (None | Some(0), ..) => Terminal::None,
        (_, group, foreground) if group == foreground => Terminal::Foreground,
        _ => Terminal::Background,
    }
}

/// The rule for a process, and why it is that one.
fn in_force(machine: &Machine, tree: &Tree, target: &Process) -> Result<(Rule, String)> {
    if !target.is_init() {
        return Ok((Rule::Ordinary, "signal(7), as it is no init".to_owned()));
    }
    let row = tree.of(target).map(|it| &it.row);
    if is_machines_own(tree, target) {
        return Ok((
            Rule::Mainline,
            "mainline's, as it is the machine's own pid 1".to_owned(),
        ));
    }
    let switch = match row.and_then(|it| it.two_sided_init) {
        Some(switch) => Some(switch.to_string()),
        None if tree.listed => bail!("{target} has settings that you may not see: ask as root"),
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
