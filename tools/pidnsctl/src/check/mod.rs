// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl check`: whether a kernel can have the module, and what to do if not.

mod build;
mod config;
mod kernel;
mod now;
mod symbols;

use crate::machine::Machine;
use anyhow::{Context, Result};
use config::Config;
use std::{fmt, fs, io::Write, path::Path};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    /// Worth to know.
    Note,
    /// Something to do first.
    Todo,
    /// Not with this kernel.
    No,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Todo => "to do",
            Self::No => "no",
        })
    }
}

/// A line: what is so, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    level: Level,
    text: String,
}

impl Finding {
    fn new(level: Level, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { level, text }
    }
}

/// 0 if nothing is in the way, 1 if something is.
pub fn run(
    machine: &Machine,
    config: Option<&Path>,
    kernel: Option<&str>,
    out: &mut impl Write,
) -> Result<u8> {
    let running = machine.word("/proc/sys/kernel/osrelease");
    let findings = match config {
        Some(file) => {
            let bytes = fs::read(file).with_context(|| file.display().to_string())?;
            let config = Config::parse(&bytes).with_context(|| file.display().to_string())?;
            kernel::findings(&config, kernel)
        }
        None => {
            let release = kernel.or(running.as_deref());
            let release =
                release.context("this /proc does not name the kernel: say --kernel RELEASE")?;
            of_machine(machine, release, running.as_deref() == Some(release))?
        }
    };
    for it in &findings {
        writeln!(out, "{:<5}  {}", it.level, it.text)?;
    }
    let has = |level| findings.iter().any(|it| it.level == level);
    let (status, verdict) = match (has(Level::No), has(Level::Todo)) {
        (true, _) => (1, "this kernel cannot have pidns"),
        (_, true) => (1, "this kernel can have pidns when that is done"),
        _ => (0, "this kernel can have pidns"),
    };
    writeln!(out, "{verdict}")?;
    Ok(status)
}

/// Of a kernel that is installed here.
fn of_machine(machine: &Machine, release: &str, is_running: bool) -> Result<Vec<Finding>> {
    let Some(config) = Config::find(machine, release, is_running)? else {
        let text = format!("nothing here says how {release} is configured: say --config FILE");
        return Ok(vec![Finding::new(Level::Todo, text)]);
    };
    let mut findings = kernel::findings(&config, Some(release));
    // What cannot be need not be looked for, nor built.
    let fits = findings.iter().all(|it| it.level != Level::No);
    if fits && is_running {
        findings.extend(now::findings(machine, &config));
    }
    if fits {
        findings.extend(build::findings(machine, &config, release));
    }
    Ok(findings)
}
