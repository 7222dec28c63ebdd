// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl holders`: what keeps a namespace, or its init, from going.

use crate::{
    machine::{inode_of, Machine},
    namespace::Tree,
    process::{self, Process, Processes},
};
use anyhow::{bail, Context, Result};
use procfs_core::{
    process::{MountInfo, MountInfos},
    FromBufRead,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Write},
    path::Path,
};

/// `PID_MAX_LIMIT` of the kernel's: no process has a greater number, and every namespace has.
const MOST_PIDS: u64 = 1 << 22;

/// 0 if there is something, 1 if nothing was found.
pub fn run(machine: &Machine, what: &str, out: &mut impl Write) -> Result<u8> {
    let processes = process::all(machine);
    let tree = Tree::read(machine, &processes)?;
    let ns = namespace(&processes, &tree, what)?;
    let search = Search {
        machine,
        processes: &processes,
        tree: &tree,
        ns,
    };
    let mut found = Vec::new();
    search.members(&mut found);
    search.namespaces_below(&mut found);
    search.references(&mut found);
    search.mounts(&mut found);
    for line in &found {
        writeln!(out, "{line}")?;
    }
    if tree.hidden > 0 {
        let mut err = std::io::stderr();
        writeln!(
            err,
            "pidnsctl: processes at which one may not look are left out, {} of them: ask as root",
            tree.hidden
        )?;
    }
    if found.is_empty() {
        writeln!(out, "nothing that can be seen keeps namespace {ns}")?;
        return Ok(1);
    }
    Ok(0)
}

/// The namespace that somebody means: `4026532190`, `pid:[4026532190]`, the number of a process in it, or its container.
fn namespace(processes: &Processes, tree: &Tree, what: &str) -> Result<u64> {
    if let Some(ns) = inode_of(what) {
        return Ok(ns);
    }
    let Ok(number) = what.parse::<u64>() else {
        return Ok(tree.the_one_called(what)?.row.ns);
    };
    if number > MOST_PIDS {
        return Ok(number);
    }
    let process = i32::try_from(number)
        .ok()
        .and_then(|pid| processes.get(&pid));
    let process = process.with_context(|| format!("no process {number}"))?;
    match process.ns {
        Some(ns) => Ok(ns),
        None => bail!("{process} does not tell its namespace: ask as root"),
    }
}

struct Search<'a> {
    machine: &'a Machine,
    processes: &'a Processes,
    tree: &'a Tree,
    ns: u64,
}

impl Search<'_> {
    fn is_member(&self, process: &Process) -> bool {
        process
            .ns
            .is_some_and(|ns| self.tree.is_inside(ns, self.ns))
    }

    /// Whoever has a number in it, and why it does not go: first the init.
    fn members(&self, found: &mut Vec<String>) {
        let is_init = |it: &Process| it.ns == Some(self.ns) && it.is_init();
        let mut members: Vec<&Process> = self
            .processes
            .values()
            .filter(|it| self.is_member(it))
            .collect();
        members.sort_by_key(|it| (!is_init(it), it.pid));
        let mut others = 0;
        for it in members {
            let what = if is_init(it) { "its init" } else { "member" };
            let parent = self.processes.get(&it.parent);
            let parent_is_outside = parent.is_none_or(|parent| !self.is_member(parent));
            if it.is_zombie() && (is_init(it) || parent_is_outside) {
                found.push(format!(
                    "{what} {it} has ended, and {} has not waited for it: {}",
                    self.name(it.parent),
                    advice_for_parent(it.parent)
                ));
            } else if it.is_zombie() {
                // Its parent is a member, and goes with the init.
                others += 1;
            } else if is_init(it) && it.is_in_grace() {
                found.push(format!(
                    "{what} {it} is ending, and gives its members time (pidns_grace_ms): kill -KILL {} ends that",
                    it.pid
                ));
            } else if is_init(it) && it.exiting {
                found.push(format!(
                    "{what} {it} has ended, and waits until all members are gone"
                ));
            } else if it.state == 'D' {
                found.push(format!(
                    "{what} {it} sleeps and takes no signal (state D{})",
                    self.wait_of(it)
                ));
            } else if it.tracer != 0 {
                found.push(format!(
                    "{what} {it} is traced by {}: end that",
                    self.name(it.tracer)
                ));
            } else if it.is_stopped() {
                found.push(format!("{what} {it} is stopped: kill -CONT {}", it.pid));
            } else if it.is_frozen(self.machine) {
                found.push(format!("{what} {it} is frozen with its cgroup"));
            } else if is_init(it) {
                found.push(format!(
                    "{what} {it} lives: pidnsctl explain {} TERM",
                    it.pid
                ));
            } else {
                others += 1;
            }
            self.tracer_of_zombie(it, what, found);
        }
        if others > 0 {
            found.push(format!("other processes that have numbers in it: {others}"));
        }
    }

    /// A zombie that is traced is not gone before its tracer has waited.
    fn tracer_of_zombie(&self, it: &Process, what: &str, found: &mut Vec<String>) {
        if it.is_zombie() && it.tracer != 0 && it.tracer != it.parent {
            let tracer = self.name(it.tracer);
            found.push(format!(
                "{what} {it} has ended, and its tracer {tracer} has not waited for it: end that"
            ));
        }
    }

    /// In which function of the kernel's it sleeps, if one may know.
    fn wait_of(&self, it: &Process) -> String {
        match self.machine.word(format!("/proc/{}/wchan", it.pid)) {
            Some(function) if !function.is_empty() && function != "0" => format!(", in {function}"),
            _ => String::new(),
        }
    }

    fn name(&self, pid: i32) -> String {
        match (pid, self.processes.get(&pid)) {
            (0, _) => "a parent that this /proc does not show".to_owned(),
            (_, Some(process)) => format!(
                "{process}{}",
                if process.state == 'D' {
                    ", itself in state D,"
                } else {
                    ""
                }
            ),
            _ => format!("process {pid}"),
        }
    }

    fn namespaces_below(&self, found: &mut Vec<String>) {
        for it in &self.tree.namespaces {
            if it.row.parent == Some(self.ns) {
                found.push(format!("{} is below it ({})", it.called(), it.row.ns));
            }
        }
    }

    /// Whoever would have its children in it, or has opened it.
    fn references(&self, found: &mut Vec<String>) {
        let myself = self
            .machine
            .link("/proc/self")
            .and_then(|pid| pid.parse().ok());
        for process in self.processes.values().filter(|it| Some(it.pid) != myself) {
            let dir = format!("/proc/{}", process.pid);
            let children = self
                .machine
                .pid_namespace(format!("{dir}/ns/pid_for_children"));
            if children == Some(self.ns) && process.ns.is_some_and(|ns| ns != self.ns) {
                found.push(format!(
                    "{process} has chosen it for its children (setns, unshare)"
                ));
            }
            for fd in self.machine.numbers(format!("{dir}/fd")) {
                if self.machine.pid_namespace(format!("{dir}/fd/{fd}")) == Some(self.ns) {
                    found.push(format!("{process} has it open, as file {fd}"));
                }
            }
        }
    }

    /// Where it is mounted: the namespace itself, or a procfs of it. Each mount namespace is looked at once.
    fn mounts(&self, found: &mut Vec<String>) {
        let own = self.own_procfs();
        let mut seen = BTreeSet::new();
        // Of a procfs that is mounted in many places one is enough.
        let mut shown = BTreeMap::new();
        for process in self.processes.values() {
            let place = self.machine.link(format!("/proc/{}/ns/mnt", process.pid));
            if process.is_zombie() || !place.is_some_and(|place| seen.insert(place)) {
                continue;
            }
            for mount in self.mounts_of(&process.pid.to_string()) {
                let point = mount.mount_point.display();
                if mount.fs_type == "nsfs" && inode_of(&mount.root) == Some(self.ns) {
                    found.push(format!(
                        "it is mounted at {point}, as {process} sees it: umount that"
                    ));
                }
                let inside = format!("/proc/{}/root{point}", process.pid);
                if mount.fs_type == "proc"
                    && own.as_ref() != Some(&mount.majmin)
                    && self.is_procfs_of_it(&inside)
                {
                    let line =
                        format!("a procfs of it is mounted at {point}, as {process} sees it");
                    shown.entry(mount.majmin).or_insert(line);
                }
            }
        }
        found.extend(shown.into_values());
    }

    /// Whether the procfs that is mounted there shows this namespace: process 1 of it is the init.
    fn is_procfs_of_it(&self, dir: &str) -> bool {
        self.machine.pid_namespace(format!("{dir}/1/ns/pid")) == Some(self.ns)
    }

    fn mounts_of(&self, process: &str) -> Vec<MountInfo> {
        let text = self
            .machine
            .read(format!("/proc/{process}/mountinfo"))
            .unwrap_or_default();
        let mounts = MountInfos::from_buf_read(Cursor::new(text));
        mounts
            .map(|it| it.into_iter().collect())
            .unwrap_or_default()
    }

    /// The device of the procfs through which all this is read, which is there for as long as its reader is.
    fn own_procfs(&self) -> Option<String> {
        let is_it = |it: &MountInfo| it.fs_type == "proc" && it.mount_point == Path::new("/proc");
        let mounts = self.mounts_of("self").into_iter();
        mounts.rev().find(is_it).map(|it| it.majmin)
    }
}

fn advice_for_parent(parent: i32) -> String {
    match parent {
        0 | 1 => "nothing but a restart of that does it".to_owned(),
        _ => format!("end process {parent}, or have it wait"),
    }
}
