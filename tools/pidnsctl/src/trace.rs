// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl trace`: verdicts as sentences, as they happen.

use crate::{
    event::{self, Line, Verdict},
    listing,
    machine::Machine,
    namespace::Tree,
    process::{self, Process},
    signal,
    tracefs::Instance,
};
use anyhow::{bail, Context, Result};
use nix::{
    errno::Errno,
    poll::{poll, PollFd, PollFlags, PollTimeout},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    os::fd::AsFd,
};

pub fn run(
    machine: &Machine,
    container: Option<&str>,
    pid: Option<i32>,
    json: bool,
    out: &mut impl Write,
) -> Result<u8> {
    let filter = filter(machine, container, pid)?;
    // From here on they end the loop below, so that the instance is removed.
    let mut ends = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        ends.add(signal);
    }
    ends.thread_block()?;
    let ends = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC)?;
    let instance = Instance::new(machine)?;
    let pipe = instance.start(filter.as_deref())?;
    let mut names = Names::read(machine);
    let ready = if filter.is_some() { "these" } else { "all" };
    writeln!(
        io::stderr(),
        "pidnsctl: tracing signals to {ready} inits, until Ctrl-C"
    )?;
    let mut lost = 0;
    follow(pipe, &ends, |line| {
        match event::parse(line) {
            Some(Line::Verdict(it)) if json => {
                serde_json::to_writer(&mut *out, &it)?;
                writeln!(out)?;
            }
            Some(Line::Verdict(it)) => writeln!(out, "{}", names.sentence(machine, &it))?,
            Some(Line::Lost { events, cpu }) => {
                lost += events;
                writeln!(
                    io::stderr(),
                    "pidnsctl: {events} verdicts were lost on processor {cpu}"
                )?;
            }
            None => {}
        }
        Ok(out.flush()?)
    })?;
    if lost > 0 {
        writeln!(
            io::stderr(),
            "pidnsctl: {lost} verdicts were lost: ask for one container"
        )?;
    }
    Ok(0)
}

/// Calls `each` for every line, until one of the signals comes.
fn follow(mut pipe: File, ends: &SignalFd, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut buffer = [0; 1 << 16];
    let mut text = Vec::new();
    loop {
        let events = [
            PollFd::new(pipe.as_fd(), PollFlags::POLLIN),
            PollFd::new(ends.as_fd(), PollFlags::POLLIN),
        ];
        let mut ready = events;
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("poll"),
        }
        if ready[1].any().unwrap_or(false) {
            return Ok(());
        }
        match pipe.read(&mut buffer) {
            Ok(0) => bail!("the trace has ended: somebody has switched it off"),
            Ok(length) => text.extend_from_slice(&buffer[..length]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error).context("trace_pipe"),
        }
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            each(String::from_utf8_lossy(&line).trim_end())?;
        }
    }
}

/// The filter of the trace event that somebody asks for.
fn filter(machine: &Machine, container: Option<&str>, pid: Option<i32>) -> Result<Option<String>> {
    let namespaces = match (container, pid) {
        (Some(name), _) => {
            let tree = Tree::read(machine, &process::all(machine))?;
            let found: Vec<u64> = tree.called(name).iter().map(|it| it.row.ns).collect();
            if found.is_empty() {
                bail!("no container '{name}': pidnsctl list shows them");
            }
            found
        }
        (_, Some(pid)) => {
            let process = Process::read(machine, pid);
            let process = process.with_context(|| format!("no process {pid}"))?;
            vec![process
                .ns
                .with_context(|| format!("{process} does not tell its namespace: ask as root"))?]
        }
        (None, None) => return Ok(None),
    };
    let terms: Vec<String> = namespaces
        .iter()
        .map(|ns| format!("target_ns == {ns}"))
        .collect();
    Ok(Some(terms.join(" || ")))
}

/// What is known of an init and its place.
struct Known {
    init: String,
    place: String,
}

/// The names of inits and of their containers, which are asked for while these live.
struct Names(BTreeMap<u64, Known>);

impl Names {
    fn read(machine: &Machine) -> Self {
        let mut names = Self(BTreeMap::new());
        names.learn(machine);
        names
    }

    fn learn(&mut self, machine: &Machine) {
        let Ok(tree) = Tree::read(machine, &process::all(machine)) else {
            return;
        };
        for it in tree.namespaces {
            let place = it.called();
            if let Some(init) = it.name {
                self.0.insert(it.row.ns, Known { init, place });
            }
        }
    }

    fn sentence(&mut self, machine: &Machine, it: &Verdict) -> String {
        if !self.0.contains_key(&it.target_ns) {
            self.learn(machine);
        }
        let signal = signal::name(it.sig);
        // Its name changes by execve.
        let name = machine.word(format!("/proc/{}/comm", it.target_global));
        let name = name.map(|name| crate::machine::printable(&name));
        let known = self.0.get_mut(&it.target_ns);
        let tells = it.verdict == "act" && tells(machine, it.target_ns);
        match known {
            Some(known) => {
                known.init = name.unwrap_or_else(|| known.init.clone());
                it.sentence(&signal, &known.init, &known.place, tells)
            }
            None => {
                let init = name.unwrap_or_else(|| format!("({})", it.target_global));
                it.sentence(
                    &signal,
                    &init,
                    &format!("namespace {}", it.target_ns),
                    tells,
                )
            }
        }
    }
}

/// Whether mainline's rule acts there and the other one is only told.
fn tells(machine: &Machine, ns: u64) -> bool {
    let rows = listing::read(machine).ok().flatten().unwrap_or_default();
    rows.iter()
        .any(|row| row.ns == ns && row.two_sided_init == Some(2))
}
