// SPDX-License-Identifier: GPL-2.0

//! The namespaces of the machine, as far as the reader may see them: those that the module lists, or without it those
//! that have processes.

use crate::{
    container::Label,
    listing::{self, Row},
    machine::Machine,
    process::{Process, Processes},
};
use anyhow::{bail, Result};
use std::collections::{BTreeMap, BTreeSet};

/// `PROC_PID_INIT_INO` of the kernel's.
pub const INITIAL: u64 = 0xEFFF_FFFC;

#[derive(Debug)]
pub struct Namespace {
    pub row: Row,
    /// Its init's name.
    pub name: Option<String>,
    /// The container's or the unit's name.
    pub label: Option<Label>,
    /// The living processes that have a number in it, those of namespaces below included.
    pub tasks: usize,
}

impl Namespace {
    /// As sentences name it.
    pub fn called(&self) -> String {
        match &self.label {
            Some(label) => label.to_string(),
            None => format!("namespace {}", self.row.ns),
        }
    }
}

pub struct Tree {
    /// A parent before its children.
    pub namespaces: Vec<Namespace>,
    /// Whether the module has listed them.
    pub listed: bool,
    /// How many processes are in namespaces that one may not know.
    pub hidden: usize,
}

impl Tree {
    pub fn read(machine: &Machine, processes: &Processes) -> Result<Self> {
        let rows = listing::read(machine)?;
        let listed = rows.is_some();
        let mut rows = rows.unwrap_or_else(|| rows_of(processes));
        if !listed {
            rows.sort_by_key(|row| (row.level, row.ns));
        }
        let mut namespaces: Vec<Namespace> = rows
            .into_iter()
            .map(|row| Namespace {
                name: row
                    .init
                    .and_then(|init| Some(processes.get(&init)?.name.clone())),
                label: row.init.and_then(|init| Label::of(machine, init)),
                row,
                tasks: 0,
            })
            .collect();
        count_tasks(&mut namespaces, processes);
        Ok(Self {
            namespaces,
            listed,
            hidden: processes.values().filter(|it| it.ns.is_none()).count(),
        })
    }

    pub fn get(&self, ns: u64) -> Option<&Namespace> {
        self.namespaces.iter().find(|it| it.row.ns == ns)
    }

    /// The namespace in which a process is; its init's is known by the list where the process does not tell.
    pub fn of(&self, process: &Process) -> Option<&Namespace> {
        match process.ns {
            Some(ns) => self.get(ns),
            None if self.listed => self
                .namespaces
                .iter()
                .find(|it| it.row.init == Some(process.pid)),
            None => None,
        }
    }

    /// Whether a namespace is another one, or below it.
    pub fn is_inside(&self, ns: u64, other: u64) -> bool {
        ancestry(&self.parents(), ns).contains(&other)
    }

    /// Those that somebody calls so.
    pub fn called(&self, said: &str) -> Vec<&Namespace> {
        let is_it = |it: &&Namespace| it.label.as_ref().is_some_and(|label| label.is_called(said));
        self.namespaces.iter().filter(is_it).collect()
    }

    /// The one that somebody calls so.
    pub fn the_one_called(&self, said: &str) -> Result<&Namespace> {
        match self.called(said)[..] {
            [it] => Ok(it),
            [] => bail!("no process, namespace or container '{said}': pidnsctl list shows them"),
            _ => bail!("several namespaces are of '{said}': say the number of one, or of its init, as pidnsctl list shows it"),
        }
    }

    fn parents(&self) -> BTreeMap<u64, u64> {
        parents(self.namespaces.iter().map(|it| &it.row))
    }
}

fn parents<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<u64, u64> {
    rows.filter_map(|row| Some((row.ns, row.parent?))).collect()
}

/// A namespace and all above it.
fn ancestry(parents: &BTreeMap<u64, u64>, ns: u64) -> BTreeSet<u64> {
    let mut above = BTreeSet::new();
    let mut next = Some(ns);
    // Each once, whatever the file says.
    while let Some(ns) = next.filter(|&ns| above.insert(ns)) {
        next = parents.get(&ns).copied();
    }
    above
}

fn count_tasks(namespaces: &mut [Namespace], processes: &Processes) {
    let parents = parents(namespaces.iter().map(|it| &it.row));
    let mut tasks = BTreeMap::<u64, usize>::new();
    for ns in processes
        .values()
        .filter(|it| it.is_alive())
        .filter_map(|it| it.ns)
    {
        for above in ancestry(&parents, ns) {
            *tasks.entry(above).or_default() += 1;
        }
    }
    for it in namespaces {
        it.tasks = tasks.get(&it.row.ns).copied().unwrap_or(0);
    }
}

/// What processes say of the namespaces in which they are.
fn rows_of(processes: &Processes) -> Vec<Row> {
    let mut rows = BTreeMap::<u64, Row>::new();
    for process in processes.values() {
        let Some(ns) = process.ns else { continue };
        let row = rows.entry(ns).or_insert_with(|| Row {
            ns,
            level: Some(process.level() as u64),
            parent: parent_of(process, processes),
            ..Row::default()
        });
        if process.is_init() {
            row.init = Some(process.pid);
            row.parent = parent_of(process, processes).or(row.parent);
        }
    }
    rows.into_values().collect()
}

/// The namespace above that of a process: the first among those of its ancestors that is one level higher. The parent of
/// an init is in there.
fn parent_of(process: &Process, processes: &Processes) -> Option<u64> {
    let mut seen = BTreeSet::new();
    let mut next = processes.get(&process.parent);
    while let Some(parent) = next.filter(|it| seen.insert(it.pid)) {
        if parent.level() < process.level() {
            let is_above = parent.level() + 1 == process.level();
            return parent.ns.filter(|_| is_above);
        }
        next = processes.get(&parent.parent);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::SignalSet;

    fn process(pid: i32, parent: i32, ns: u64, numbers: &[i32]) -> (i32, Process) {
        let process = Process {
            pid,
            name: format!("p{pid}"),
            state: 'S',
            exiting: false,
            parent,
            tracer: 0,
            numbers: numbers.to_vec(),
            group: None,
            session: None,
            ns: Some(ns),
            ignored: SignalSet::default(),
            caught: SignalSet::default(),
        };
        (pid, process)
    }

    #[test]
    fn rows_of_processes_have_their_parents() {
        let processes = Processes::from([
            process(1, 0, INITIAL, &[1]),
            process(50, 1, INITIAL, &[50]),
            process(60, 50, 7, &[60, 1]),
            process(61, 60, 7, &[61, 2]),
            process(70, 61, 8, &[70, 3, 1]),
            // It has entered from outside.
            process(80, 50, 8, &[80, 9, 2]),
        ]);
        let rows = rows_of(&processes);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.ns, row.parent, row.init, row.level))
            .collect();
        assert_eq!(
            seen,
            [
                (7, Some(INITIAL), Some(60), Some(1)),
                (8, Some(7), Some(70), Some(2)),
                (INITIAL, None, Some(1), Some(0)),
            ]
        );
    }

    #[test]
    fn a_process_that_has_entered_tells_no_wrong_parent() {
        let processes =
            Processes::from([process(1, 0, INITIAL, &[1]), process(80, 1, 8, &[80, 9, 2])]);
        assert_eq!(rows_of(&processes)[0].parent, None);
    }

    #[test]
    fn ancestry_ends() {
        let parents = BTreeMap::from([(3, 2), (2, 1), (9, 9), (5, 6), (6, 5)]);
        assert_eq!(ancestry(&parents, 3), BTreeSet::from([1, 2, 3]));
        assert_eq!(ancestry(&parents, 9), BTreeSet::from([9]));
        assert_eq!(ancestry(&parents, 5), BTreeSet::from([5, 6]));
    }
}
