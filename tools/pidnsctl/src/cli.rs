// SPDX-License-Identifier: GPL-2.0

//! The command line.

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Shows pid namespaces, what signals to their inits do, and what keeps them
#[derive(Parser)]
#[command(name = "pidnsctl", version, max_term_width = 100)]
pub struct Arguments {
    /// Look at the files below this directory, in place of the machine's own
    #[arg(long, global = true, hide = true, default_value = "/")]
    pub root: PathBuf,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Show the tree of namespaces: inits, containers, counters, settings
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Show it again and again, with so many seconds in between
        #[arg(long, value_name = "SECONDS", conflicts_with = "json", value_parser = clap::value_parser!(u64).range(1..))]
        watch: Option<u64>,
    },
    /// Say of each signal to an init what becomes of it, and why, as it happens
    Trace {
        /// Those to this container alone, by its name or the beginning of its ID
        #[arg(long, value_name = "NAME", conflicts_with = "pid")]
        container: Option<String>,
        /// Those to the init of this process's namespace alone
        #[arg(long, value_name = "PID")]
        pid: Option<i32>,
        /// Print a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Say what a signal would do to a process, and why; sends nothing
    Explain {
        /// The process, by the number that it has here, or the container, whose process 1 is meant
        #[arg(value_name = "PID|CONTAINER")]
        what: String,
        /// As for kill: TERM, SIGTERM or 15
        signal: String,
        /// The process that would send it, in place of this one
        #[arg(long, value_name = "PID")]
        from: Option<i32>,
    },
    /// Say whether this machine, or a kernel, can have the module, and what to do if not
    Check {
        /// The configuration of a kernel that is not here, as of a board; it may be compressed
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// A kernel of this machine that does not run now
        #[arg(long, value_name = "RELEASE")]
        kernel: Option<String>,
    },
    /// Print the counters and settings for Prometheus' node exporter
    Metrics {
        /// Put them into this file, which changes as a whole
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say what keeps a namespace, or its init, from going
    Holders {
        /// A process of it, its number as in /proc/PID/ns/pid, or its container
        #[arg(value_name = "PID|NAMESPACE|CONTAINER")]
        what: String,
    },
    /// Print what a shell wants to complete commands
    #[command(hide = true)]
    Completions { shell: Shell },
}
