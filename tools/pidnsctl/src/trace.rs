// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl trace`: verdicts as sentences, as they happen.

use crate::{
    container::Label,
    event::{self, Line, Verdict},
    listing,
    machine::{printable, Machine},
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
    collections::{btree_map::Entry, BTreeMap},
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
    let mut lost = false;
    let mut tell = |line: &str| {
        match event::parse(line) {
            Some(Line::Verdict(it)) if json => {
                serde_json::to_writer(&mut *out, &it)?;
                writeln!(out)?;
            }
            Some(Line::Verdict(it)) => writeln!(out, "{}", names.sentence(machine, &it))?,
            Some(Line::Lost { events, cpu }) => {
                lost = true;
                let events = events.map_or_else(|| "some".to_owned(), |it| it.to_string());
                let told = format!("pidnsctl: {events} verdicts were lost on processor {cpu}");
                writeln!(io::stderr(), "{told}")?;
            }
            None => {}
        }
        Ok(out.flush()?)
    };
    let mut lines = Lines {
        pipe,
        begun: Vec::new(),
    };
    loop {
        if wait(&lines.pipe, &ends)? {
            // What was traced until now is told.
            instance.stop()?;
            while lines.read(&mut tell)? {}
            break;
        }
        lines.read(&mut tell)?;
    }
    if lost {
        let advice = "pidnsctl: not all verdicts were told: ask for one container";
        writeln!(io::stderr(), "{advice}")?;
    }
    Ok(0)
}

/// Waits until there is something to read, or it is over.
fn wait(pipe: &File, ends: &SignalFd) -> Result<bool> {
    let mut ready = [
        PollFd::new(pipe.as_fd(), PollFlags::POLLIN),
        PollFd::new(ends.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut ready, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => Ok(ready[1].any().unwrap_or(false)),
        Err(error) => Err(error).context("poll"),
    }
}

/// The lines of `trace_pipe`, which may come in pieces.
struct Lines {
    pipe: File,
    begun: Vec<u8>,
}

impl Lines {
    /// Calls `each` for the lines that are there; whether there may be more.
    fn read(&mut self, mut each: impl FnMut(&str) -> Result<()>) -> Result<bool> {
        let mut buffer = [0; 1 << 14];
        let length = match self.pipe.read(&mut buffer) {
            Ok(0) => bail!("the trace has ended: somebody has switched it off"),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error).context("trace_pipe"),
        };
        self.begun.extend_from_slice(&buffer[..length]);
        while let Some(end) = self.begun.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            each(String::from_utf8_lossy(&line).trim_end())?;
        }
        Ok(true)
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
        let tree = Tree::read(machine, &process::all(machine));
        let known = tree.into_iter().flat_map(|tree| tree.namespaces);
        let known = known.filter_map(|it| {
            let place = it.called();
            let init = it.name?;
            Some((it.row.ns, Known { init, place }))
        });
        Self(known.collect())
    }

    /// What is known of the init that is signalled; its name changes by execve.
    fn known(&mut self, machine: &Machine, it: &Verdict) -> Option<&Known> {
        let (ns, pid) = (it.target_ns, it.target_global);
        let is_it = machine.pid_namespace(format!("/proc/{pid}/ns/pid")) == Some(ns);
        let name = machine.word(format!("/proc/{pid}/comm")).filter(|_| is_it);
        if let Some(name) = name {
            let init = printable(&name);
            match self.0.entry(ns) {
                Entry::Occupied(mut known) => known.get_mut().init = init,
                Entry::Vacant(new) => {
                    let label = Label::of(machine, pid).map(|label| label.to_string());
                    let place = label.unwrap_or_else(|| format!("namespace {ns}"));
                    new.insert(Known { init, place });
                }
            }
        }
        self.0.get(&ns)
    }

    fn sentence(&mut self, machine: &Machine, it: &Verdict) -> String {
        let signal = signal::name(it.sig);
        let tells = it.verdict == "act" && tells(machine, it.target_ns);
        match self.known(machine, it) {
            Some(known) => it.sentence(&signal, &known.init, &known.place, tells),
            None => {
                let init = format!("process {}", it.target_global);
                let place = format!("namespace {}", it.target_ns);
                it.sentence(&signal, &init, &place, tells)
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
