// SPDX-License-Identifier: GPL-2.0

//! The functions and data of the kernel's that the module looks up when it is loaded: read from the tables of its source.

use super::{config::Config, kernel::has_jumps};

/// A function that is hooked, or something else that is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    /// What the rest of it may be called, if the compiler has made its beginning part of the callers.
    pub rest: Option<String>,
    pub hooked: bool,
    /// Without it the module does without a part.
    pub optional: bool,
}

const BOTH: [(&str, bool); 4] = [
    (include_str!("../../../../src/hooks/both.rs"), false),
    (include_str!("../../../../src/imports/both.rs"), false),
    (include_str!("../../../../src/hook/ftrace.rs"), false),
    (include_str!("../../../../src/hooks/terminal.rs"), true),
];
const TAKEOVER: [(&str, bool); 2] = [
    (include_str!("../../../../src/hooks/takeover.rs"), false),
    (include_str!("../../../../src/imports/takeover.rs"), false),
];
const SUPPLY: [(&str, bool); 2] = [
    (include_str!("../../../../src/hooks/supply.rs"), false),
    (include_str!("../../../../src/imports/supply.rs"), false),
];

const X86: (&str, bool) = (include_str!("../../../../src/hooks/arch/x86.rs"), false);
const ARM64: (&str, bool) = (include_str!("../../../../src/hooks/arch/arm64.rs"), false);

/// All that it looks up in a kernel of this configuration.
pub fn wanted(config: &Config) -> Vec<Symbol> {
    let (own, arch) = if config.is_built_in("PID_NS") {
        (TAKEOVER, None)
    } else if config.is_built_in("ARM64") {
        (SUPPLY, Some(ARM64))
    } else if config.is_built_in("X86_64") {
        (SUPPLY, Some(X86))
    } else {
        (SUPPLY, None)
    };
    let texts = BOTH.into_iter().chain(own).chain(arch);
    texts
        .flat_map(|(text, optional)| table(text, optional, config))
        .collect()
}

/// What stands in the tables `hooks!`, `system_calls!` and `imports!` of a source, and its data (`Data::new`).
fn table(text: &str, optional: bool, config: &Config) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    let mut place = "";
    let mut applies = true;
    for line in text.lines() {
        match line {
            "hooks! {" | "system_calls! {" | "imports! {" => place = line,
            "}" => place = "",
            _ => {}
        }
        let mut line = line.trim();
        if let Some(rest) = line.strip_prefix("#[cfg(") {
            let (condition, rest) = rest.split_once(")]").unwrap_or((rest, ""));
            applies = holds(condition, config);
            line = rest.trim();
        }
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let end = line.find(|it: char| it != '_' && !it.is_ascii_alphanumeric());
        let (word, rest) = line.split_at(end.unwrap_or(line.len()));
        let datum = line
            .split_once("Data::new(c\"")
            .and_then(|it| it.1.split('"').next());
        let part = rest
            .strip_prefix(" or c\"")
            .and_then(|it| it.split('"').next());
        let name = match place {
            "hooks! {" | "system_calls! {" if rest.contains(" => ") => Some(word),
            "imports! {" if rest.starts_with([';', '(', '<']) => Some(word),
            _ => datum,
        };
        if let Some(name) = name.filter(|name| applies && !name.is_empty()) {
            symbols.push(Symbol {
                name: name.to_owned(),
                rest: part.map(str::to_owned),
                hooked: place != "imports! {" && datum.is_none(),
                optional,
            });
        }
        applies = true;
    }
    symbols
}

/// Whether a `#[cfg]` of the tables holds: all the options that it names are built in. There is no other kind but `not`.
fn holds(condition: &str, config: &Config) -> bool {
    let mut words = condition.split(|it: char| it != '_' && !it.is_ascii_alphanumeric());
    words.all(|word| match word.strip_prefix("CONFIG_") {
        Some(symbol) => config.is_built_in(symbol),
        None => match word {
            "pidns_jumps" => has_jumps(config),
            "not" => false,
            _ => true,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(config: &str) -> Vec<String> {
        let config = Config::parse(config.as_bytes()).unwrap();
        wanted(&config).into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn the_tables_are_read() {
        let takeover = names("CONFIG_PID_NS=y\n");
        let supply = names("CONFIG_X86_64=y\nCONFIG_SYSVIPC=y\n");
        for name in [
            "send_signal_locked",
            "__send_signal_locked",
            "tasklist_lock",
            "kill_pgrp",
            "ftrace_location",
        ] {
            for names in [&takeover, &supply] {
                assert_eq!(names.iter().filter(|it| *it == name).count(), 1, "{name}");
            }
        }
        for (name, with, without) in [
            ("disable_pid_allocation", &takeover, &supply),
            ("alloc_pid", &supply, &takeover),
            ("pidmap_lock", &supply, &takeover),
            ("__x64_sys_setns", &supply, &takeover),
            ("exit_sem", &supply, &takeover),
        ] {
            assert!(with.iter().any(|it| it == name), "{name}");
            assert!(!without.iter().any(|it| it == name), "{name}");
        }
        let arm64 = names("CONFIG_ARM64=y\nCONFIG_MEMFD_CREATE=y\n");
        for name in ["__arm64_sys_setns", "__arm64_sys_memfd_create", "alloc_pid"] {
            assert!(arm64.iter().any(|it| it == name), "{name}");
        }
        assert!(!arm64.iter().any(|it| it == "__x64_sys_setns"));
        // Their options are not set.
        for name in [
            "fuse_conn_init",
            "vfs_coredump",
            "alloc_ftrace_hash",
            "__ia32_sys_setns",
        ] {
            assert!(!supply.iter().any(|it| it == name), "{name}");
        }
    }

    #[test]
    fn conditions() {
        let config = Config::parse(b"CONFIG_A=y\nCONFIG_B=m\n").unwrap();
        for (condition, expected) in [
            ("CONFIG_A", true),
            ("CONFIG_A = \"y\"", true),
            ("all(CONFIG_A, CONFIG_A)", true),
            ("all(CONFIG_A, CONFIG_B)", false),
            ("CONFIG_B = \"y\"", false),
            ("not(CONFIG_A)", false),
            ("pidns_jumps", false),
        ] {
            assert_eq!(holds(condition, &config), expected, "{condition}");
        }
    }
}
