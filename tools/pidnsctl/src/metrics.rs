// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl metrics`: counters and settings in the text format of Prometheus, for the node exporter's textfile collector.

use crate::{
    machine::Machine,
    namespace::{Namespace, Tree},
    process,
};
use anyhow::{Context, Result};
use std::{fmt::Write as _, fs, io::Write, path::Path};

/// Name, type, help, and the value of a namespace.
type Metric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Namespace) -> Option<f64>,
);

const METRICS: [Metric; 9] = [
    (
        "namespace_tasks",
        "gauge",
        "Living processes with a number in the namespace.",
        |it| Some(it.tasks as f64),
    ),
    ("namespace_numbers", "gauge", "Numbers in use.", |it| {
        it.row.numbers.map(|it| it as f64)
    }),
    (
        "namespace_has_init",
        "gauge",
        "1 while the namespace has its init.",
        |it| Some(f64::from(u8::from(it.row.init.is_some()))),
    ),
    (
        "signals_dropped_total",
        "counter",
        "Signals that the init's protection has dropped.",
        |it| it.row.dropped.map(|it| it as f64),
    ),
    (
        "signals_acted_total",
        "counter",
        "Signals from outside, and of the init to itself, that acted.",
        |it| it.row.acted.map(|it| it as f64),
    ),
    (
        "two_sided_init",
        "gauge",
        "The rule: 0 mainline's, 1 two-sided, 2 mainline's, and the other one is told.",
        |it| it.row.two_sided_init.map(f64::from),
    ),
    (
        "grace_seconds",
        "gauge",
        "How long members have when a signal from outside ends their init.",
        |it| it.row.grace_ms.map(|it| it as f64 / 1000.0),
    ),
    (
        "terminal",
        "gauge",
        "1 if a Ctrl-C from outside acts on the init.",
        |it| it.row.terminal.map(f64::from),
    ),
    (
        "reap_orphans",
        "gauge",
        "1 if orphans that nobody waits for are reaped.",
        |it| it.row.reap_orphans.map(f64::from),
    ),
];

pub fn run(machine: &Machine, output: Option<&Path>, out: &mut impl Write) -> Result<u8> {
    let text = text(&Tree::read(machine, &process::all(machine))?)?;
    match output {
        None => out.write_all(text.as_bytes())?,
        Some(file) => replace(file, &text).with_context(|| file.display().to_string())?,
    }
    Ok(0)
}

/// Whoever reads the file sees the old text or the new one, and never a part.
fn replace(file: &Path, text: &str) -> Result<()> {
    let mut new = file.as_os_str().to_owned();
    // Not a name that the collector reads.
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, file)?;
    Ok(())
}

fn text(tree: &Tree) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "# HELP pidns_loaded 1 if the module is loaded.")?;
    writeln!(text, "# TYPE pidns_loaded gauge")?;
    writeln!(text, "pidns_loaded {}", u8::from(tree.listed))?;
    for (name, kind, help, value) in METRICS {
        let values = tree
            .namespaces
            .iter()
            .filter_map(|it| Some((it, value(it)?)));
        let mut values = values.peekable();
        if values.peek().is_none() {
            continue;
        }
        writeln!(text, "# HELP pidns_{name} {help}")?;
        writeln!(text, "# TYPE pidns_{name} {kind}")?;
        for (it, value) in values {
            writeln!(text, "pidns_{name}{{{}}} {value}", labels(it))?;
        }
    }
    Ok(text)
}

fn labels(it: &Namespace) -> String {
    let level = it.row.level.map(|level| level.to_string());
    let container = it.label.as_ref().map(ToString::to_string);
    let value = |it: Option<&str>| escape(it.unwrap_or(""));
    format!(
        "ns=\"{}\",level=\"{}\",init=\"{}\",container=\"{}\"",
        it.row.ns,
        value(level.as_deref()),
        value(it.name.as_deref()),
        value(container.as_deref())
    )
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{container::Label, listing::Row};

    #[test]
    fn a_namespace_with_a_strange_name() {
        let tree = Tree {
            namespaces: vec![Namespace {
                row: Row {
                    ns: 7,
                    level: Some(1),
                    init: Some(812),
                    dropped: Some(2),
                    grace_ms: Some(2500),
                    ..Row::default()
                },
                name: Some("a\"b\\c\nd".to_owned()),
                label: Some(Label::Named("web".to_owned())),
                tasks: 3,
            }],
            listed: true,
            hidden: 0,
        };
        let text = text(&tree).unwrap();
        let labels = r#"{ns="7",level="1",init="a\"b\\c\nd",container="web"}"#;
        for line in [
            "pidns_loaded 1".to_owned(),
            format!("pidns_namespace_tasks{labels} 3"),
            format!("pidns_signals_dropped_total{labels} 2"),
            format!("pidns_grace_seconds{labels} 2.5"),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
        // What is not known has no line, and no heading.
        assert!(!text.contains("acted"), "{text}");
    }
}
