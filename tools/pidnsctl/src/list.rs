// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl list`: the tree of namespaces, as people read it.

use crate::{
    machine::Machine,
    namespace::{Namespace, Tree},
    process,
};
use anyhow::Result;
use comfy_table::{presets, CellAlignment, Table};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fmt::Display,
    io::{self, IsTerminal, Write},
    thread,
    time::Duration,
};

pub fn run(machine: &Machine, json: bool, watch: Option<u64>, out: &mut impl Write) -> Result<u8> {
    loop {
        let tree = Tree::read(machine, &process::all(machine))?;
        if watch.is_some() && io::stdout().is_terminal() {
            write!(out, "\x1b[H\x1b[2J")?;
        }
        if json {
            serde_json::to_writer_pretty(&mut *out, &document(&tree))?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", table(&tree))?;
        }
        out.flush()?;
        let Some(seconds) = watch else {
            remark(machine, &tree);
            return Ok(0);
        };
        thread::sleep(Duration::from_secs(seconds));
    }
}

/// What the list does not have, beside it.
fn remark(machine: &Machine, tree: &Tree) {
    let mut err = io::stderr();
    if !tree.listed && machine.exists("/sys/module/pidns") {
        let _ = writeln!(
            err,
            "pidnsctl: this pidns has no /proc/pidns: load a newer one for counters and settings"
        );
    } else if !tree.listed {
        let _ = writeln!(
            err,
            "pidnsctl: pidns is not loaded, so there are no counters and settings: pidnsctl check says whether it can be"
        );
    }
    if tree.hidden > 0 {
        let _ = writeln!(
            err,
            "pidnsctl: processes that do not tell their namespaces are not counted, {} of them: ask as root",
            tree.hidden
        );
    }
}

fn table(tree: &Tree) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut header = vec!["NAMESPACE", "INIT", "NAME", "CONTAINER", "TASKS"];
    if tree.listed {
        header.extend([
            "DROPPED",
            "ACTED",
            "TWO-SIDED",
            "GRACE",
            "TERMINAL",
            "ORPHANS",
        ]);
    }
    table.set_header(header);
    for (indent, it) in in_order(tree) {
        let row = &it.row;
        let mut cells = vec![
            format!("{indent}{}", row.ns),
            or_dash(row.init),
            or_dash(it.name.as_deref()),
            or_dash(it.label.as_ref()),
            it.tasks.to_string(),
        ];
        if tree.listed {
            cells.extend([
                or_dash(row.dropped),
                or_dash(row.acted),
                or_dash(row.two_sided_init.map(two_sided)),
                or_dash(row.grace_ms.map(|ms| format!("{} s", ms as f64 / 1000.0))),
                or_dash(row.terminal.map(|on| if on == 0 { "no" } else { "yes" })),
                or_dash(
                    row.reap_orphans
                        .map(|on| if on == 0 { "left" } else { "reaped" }),
                ),
            ]);
        }
        table.add_row(cells);
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if matches!(place, 1 | 4..=6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn two_sided(switch: u8) -> String {
    match switch {
        0 => "no".to_owned(),
        1 => "yes".to_owned(),
        2 => "tell".to_owned(),
        other => other.to_string(),
    }
}

fn or_dash(it: Option<impl Display>) -> String {
    it.map_or_else(|| "-".to_owned(), |it| it.to_string())
}

/// Each behind its parent, with what draws the tree in front of it.
fn in_order(tree: &Tree) -> Vec<(String, &Namespace)> {
    let all = &tree.namespaces;
    let known: BTreeSet<u64> = all.iter().map(|it| it.row.ns).collect();
    let roots = all
        .iter()
        .filter(|it| it.row.parent.is_none_or(|parent| !known.contains(&parent)));
    let mut order = Vec::new();
    let mut todo: Vec<(String, String, &Namespace)> =
        roots.map(|it| (String::new(), String::new(), it)).collect();
    todo.reverse();
    while let Some((indent, below, it)) = todo.pop() {
        let children = all
            .iter()
            .filter(|child| child.row.parent == Some(it.row.ns));
        let children: Vec<&Namespace> = children.collect();
        for (place, child) in children.iter().enumerate().rev() {
            let (branch, bar) = if place + 1 == children.len() {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            };
            todo.push((format!("{below}{branch}"), format!("{below}{bar}"), child));
        }
        order.push((indent, it));
    }
    order
}

#[derive(Serialize)]
struct Document<'a> {
    /// Whether the module is there, with counters and settings.
    pidns: bool,
    /// How many processes are counted nowhere.
    hidden_processes: usize,
    namespaces: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    ns: u64,
    parent: Option<u64>,
    owner: Option<u64>,
    level: Option<u64>,
    init: Option<i32>,
    name: Option<&'a str>,
    container: Option<String>,
    tasks: usize,
    numbers: Option<u64>,
    dropped: Option<u64>,
    acted: Option<u64>,
    two_sided_init: Option<u8>,
    grace_ms: Option<u64>,
    terminal: Option<u8>,
    reap_orphans: Option<u8>,
}

fn document(tree: &Tree) -> Document<'_> {
    let entry = |it| {
        let Namespace {
            row,
            name,
            label,
            tasks,
        }: &Namespace = it;
        Entry {
            ns: row.ns,
            parent: row.parent,
            owner: row.owner,
            level: row.level,
            init: row.init,
            name: name.as_deref(),
            container: label.as_ref().map(ToString::to_string),
            tasks: *tasks,
            numbers: row.numbers,
            dropped: row.dropped,
            acted: row.acted,
            two_sided_init: row.two_sided_init,
            grace_ms: row.grace_ms,
            terminal: row.terminal,
            reap_orphans: row.reap_orphans,
        }
    };
    Document {
        pidns: tree.listed,
        hidden_processes: tree.hidden,
        namespaces: tree.namespaces.iter().map(entry).collect(),
    }
}
