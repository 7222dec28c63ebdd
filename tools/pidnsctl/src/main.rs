// SPDX-License-Identifier: GPL-2.0

//! `pidnsctl`: shows pid namespaces, what signals to their inits do, and what keeps them.

mod advice;
mod case;
mod check;
mod cli;
mod container;
mod event;
mod explain;
mod holders;
mod list;
mod listing;
mod machine;
mod metrics;
mod namespace;
mod process;
mod rule;
mod signal;
mod taking;
mod trace;
mod tracefs;

use clap::{error::ErrorKind, CommandFactory, Parser};
use cli::{Arguments, Command};
use machine::Machine;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Of every command: it could not do what it was asked for.
const ERROR: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(tell(&error)),
    };
    let status = match run(arguments, &mut io::stdout().lock()) {
        Ok(status) => status,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pidnsctl: {error:#}");
            ERROR
        }
    };
    ExitCode::from(status)
}

fn run(arguments: Arguments, out: &mut impl Write) -> anyhow::Result<u8> {
    let machine = &Machine::new(&arguments.root);
    match arguments.command {
        Command::List { json, watch } => list::run(machine, json, watch, out),
        Command::Trace {
            container,
            pid,
            json,
        } => trace::run(machine, container.as_deref(), pid, json, out),
        Command::Explain { what, signal, from } => explain::run(machine, &what, &signal, from, out),
        Command::Check { config, kernel } => {
            check::run(machine, config.as_deref(), kernel.as_deref(), out)
        }
        Command::Metrics { output } => metrics::run(machine, output.as_deref(), out),
        Command::Holders { what } => holders::run(machine, &what, out),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "pidnsctl", &mut text);
            out.write_all(&text)?;
            Ok(0)
        }
    }
}

/// Prints the help that was asked for, or what is wrong with the command line in one line; returns the status.
fn tell(error: &clap::Error) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            0
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = writeln!(io::stderr(), "pidnsctl: no command: say pidnsctl --help");
            ERROR
        }
        _ => {
            let text = error.to_string();
            let what = text.lines().take_while(|line| !line.is_empty());
            let what: Vec<&str> = what.map(str::trim).collect();
            let what = what.join(" ");
            let what = what.strip_prefix("error: ").unwrap_or(&what);
            let _ = writeln!(io::stderr(), "pidnsctl: {what}: say pidnsctl --help");
            ERROR
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    /// The manual page is written by hand.
    #[test]
    fn the_manual_has_every_command_and_option() {
        let manual = include_str!("../pidnsctl.8").replace('\\', "");
        let command = Arguments::command();
        for sub in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            let name = sub.get_name();
            assert!(manual.contains(&format!(".B {name}")), "{name}");
            for option in sub.get_arguments().filter_map(|it| it.get_long()) {
                assert!(
                    option == "help" || manual.contains(&format!("--{option}")),
                    "{name} --{option}"
                );
            }
        }
    }
}
