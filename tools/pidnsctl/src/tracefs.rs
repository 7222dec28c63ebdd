// SPDX-License-Identifier: GPL-2.0

//! An instance of tracefs: a trace of one's own, which disturbs no other and is gone when it is dropped.

use crate::machine::Machine;
use anyhow::{bail, Context, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process, thread,
    time::Duration,
};

const TRACEFS: &str = "/sys/kernel/tracing";
const EVENT: &str = "events/pidns/signal_verdict";
const PREFIX: &str = "pidnsctl-";
/// For each processor: some thousands of verdicts.
const BUFFER_KB: &str = "1024";

pub struct Instance {
    dir: PathBuf,
}

impl Instance {
    /// An instance in which nothing is traced yet.
    pub fn new(machine: &Machine) -> Result<Self> {
        check(machine)?;
        remove_left_over(machine);
        let dir = machine.path(format!("{TRACEFS}/instances/{PREFIX}{}", process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => Ok(Self { dir }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                bail!("only root may trace: ask as root")
            }
            Err(error) => Err(error).with_context(|| dir.display().to_string()),
        }
    }

    /// Traces the verdicts for which a filter holds, or all; their lines are read from the file.
    pub fn start(&self, filter: Option<&str>) -> Result<File> {
        self.write("buffer_size_kb", BUFFER_KB)?;
        if let Some(filter) = filter {
            self.write(&format!("{EVENT}/filter"), filter)?;
        }
        let path = self.dir.join("trace_pipe");
        let pipe = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        self.write(&format!("{EVENT}/enable"), "1")?;
        Ok(pipe)
    }

    /// Traces no more; what was traced can still be read.
    pub fn stop(&self) -> Result<()> {
        self.write(&format!("{EVENT}/enable"), "0")
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.dir.join(file);
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        file.write_all(text.as_bytes())
            .with_context(|| path.display().to_string())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.stop();
        // Somebody may be looking into it at this moment.
        for _ in 0..20 {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = writeln!(
            std::io::stderr(),
            "pidnsctl: cannot remove {}: do it with rmdir",
            self.dir.display()
        );
    }
}

/// Whether there is anything to trace.
fn check(machine: &Machine) -> Result<()> {
    let root = machine.path(TRACEFS);
    match fs::read_dir(&root) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!("only root may trace: ask as root")
        }
        Err(error) => return Err(error).with_context(|| root.display().to_string()),
        Ok(_) => {}
    }
    if !machine.exists(format!("{TRACEFS}/instances")) {
        bail!("no tracefs at {TRACEFS}: mount -t tracefs tracefs {TRACEFS}");
    }
    if !machine.exists(format!("{TRACEFS}/{EVENT}")) {
        bail!("no trace event pidns:signal_verdict, because pidns is not loaded: modprobe pidns");
    }
    Ok(())
}

/// What a `pidnsctl` has left that was killed.
fn remove_left_over(machine: &Machine) {
    let instances = machine.path(format!("{TRACEFS}/instances"));
    for entry in fs::read_dir(instances).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let is_left =
            |pid: &str| pid.parse::<u32>().is_ok() && !machine.exists(format!("/proc/{pid}"));
        if pid.is_some_and(is_left) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}
