// SPDX-License-Identifier: GPL-2.0

//! What the kernel that runs says of itself: whether it takes modules, and who holds the functions to hook.

use super::{
    config::Config,
    symbols::{self, Symbol},
    Finding, Level,
};
use crate::machine::Machine;
use std::collections::BTreeMap;

const SIGN: &str = "sign pidns.ko with a key that the kernel knows (DKMS does: mokutil --import /var/lib/dkms/mok.pub, and reboot)";

pub fn findings(machine: &Machine, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_loaded = machine.exists("/sys/module/pidns");
    if let Some(version) = machine.word("/sys/module/pidns/version") {
        findings.push(Finding::new(
            Level::Ok,
            format!("pidns {version} is loaded"),
        ));
    }
    if machine.word("/proc/sys/kernel/modules_disabled").as_deref() == Some("1") {
        findings.push(Finding::new(
            Level::Todo,
            "kernel.modules_disabled=1: no module can be loaded until a reboot",
        ));
    }
    if machine.word("/proc/sys/kernel/ftrace_enabled").as_deref() == Some("0") {
        findings.push(Finding::new(
            Level::Todo,
            "ftrace is off: sysctl -w kernel.ftrace_enabled=1",
        ));
    }
    if machine
        .word("/proc/cmdline")
        .is_some_and(|it| blacklists(&it))
    {
        findings.push(Finding::new(
            Level::Todo,
            "module_blacklist=pidns is on the kernel's command line: remove it in the boot loader",
        ));
    }
    findings.extend(signatures(machine));
    let wanted = symbols::wanted(config);
    findings.extend(machine.read("/proc/kallsyms").ok().map_or_else(
        || {
            vec![Finding::new(
                Level::Note,
                "/proc/kallsyms cannot be read: its functions were not looked for",
            )]
        },
        |text| looked_up(&wanted, &text),
    ));
    if !is_loaded {
        findings.extend(held(machine, &wanted));
    }
    findings
}

fn blacklists(command_line: &str) -> bool {
    let lists = command_line
        .split_whitespace()
        .filter_map(|it| it.strip_prefix("module_blacklist="));
    lists.flat_map(|it| it.split(',')).any(|it| it == "pidns")
}

fn signatures(machine: &Machine) -> Option<Finding> {
    let lockdown = machine
        .word("/sys/kernel/security/lockdown")
        .unwrap_or_default();
    let enforced = machine.word("/sys/module/module/parameters/sig_enforce");
    if lockdown.contains("[confidentiality]") {
        let text = "the kernel is locked down (confidentiality), and lets nobody hook functions: boot it with lockdown=integrity";
        Some(Finding::new(Level::Todo, text))
    } else if lockdown.contains("[integrity]") {
        Some(Finding::new(
            Level::Note,
            format!("the kernel is locked down: {SIGN}"),
        ))
    } else if enforced.as_deref() == Some("Y") {
        Some(Finding::new(
            Level::Note,
            format!("the kernel takes signed modules alone: {SIGN}"),
        ))
    } else {
        None
    }
}

/// What a load would say to the kernel's table of symbols. Functions of other modules do not count.
fn looked_up(wanted: &[Symbol], table: &str) -> Vec<Finding> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for line in table.lines() {
        let mut words = line.split_whitespace().skip(2);
        if let (Some(name), None) = (words.next(), words.next()) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut findings = Vec::new();
    for it in wanted {
        let count = counts.get(it.name.as_str()).copied().unwrap_or(0);
        let text = match count {
            0 if it
                .rest
                .as_deref()
                .is_some_and(|rest| counts.get(rest) == Some(&1)) =>
            {
                continue
            }
            0 => format!("this kernel has no {}", it.name),
            1 if it.hooked && has_part(&counts, &it.name) => {
                format!("this kernel's compiler has split {}", it.name)
            }
            1 => continue,
            _ => format!("this kernel has more than one {}", it.name),
        };
        findings.push(if it.optional {
            Finding::new(
                Level::Note,
                format!("{text}: a Ctrl-C does what it does without the module"),
            )
        } else {
            Finding::new(Level::No, format!("{text}: take another kernel"))
        });
    }
    if findings.iter().all(|it| it.level != Level::No) {
        let text = format!("all {} functions and data are there", wanted.len());
        findings.push(Finding::new(Level::Ok, text));
    }
    findings
}

/// Whether the compiler has made another function of a part of it.
fn has_part(counts: &BTreeMap<&str, usize>, name: &str) -> bool {
    let start = format!("{name}.");
    let parts = counts.range(start.as_str()..);
    parts
        .take_while(|(part, _)| part.starts_with(&start))
        .flat_map(|(part, _)| part.split('.').skip(1))
        .any(|suffix| matches!(suffix, "part" | "isra" | "constprop" | "specialized"))
}

/// Who holds the functions already.
fn held(machine: &Machine, wanted: &[Symbol]) -> Vec<Finding> {
    match machine.read("/sys/kernel/tracing/enabled_functions") {
        Ok(text) => holders(wanted, &text),
        Err(_) => vec![Finding::new(
            Level::Note,
            "tracefs cannot be read, so it is not known whether BPF or a live patch holds its functions: ask as root",
        )],
    }
}

/// `send_signal_locked (1) R I     tramp: 0x… (klp_ftrace_handler+0x0/0x1a0) …`: I is a live patch or its like, D a BPF
/// program's direct call.
fn holders(wanted: &[Symbol], text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or("");
        let Some(it) = wanted.iter().find(|it| it.hooked && it.name == name) else {
            continue;
        };
        let flags: Vec<&str> = words.skip(1).take_while(|it| it.len() == 1).collect();
        if flags.contains(&"I") {
            let text = format!(
                "{} is live-patched, or hooked by another module: unload that",
                it.name
            );
            findings.push(Finding::new(Level::Todo, text));
        } else if flags.contains(&"D") {
            let text = format!(
                "a BPF program is attached to {}: it is redirected, which is slower",
                it.name
            );
            findings.push(Finding::new(Level::Note, text));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::new(Level::Ok, "nobody holds its functions"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str, hooked: bool, optional: bool) -> Symbol {
        let name = name.to_owned();
        Symbol {
            name,
            rest: None,
            hooked,
            optional,
        }
    }

    fn levels(findings: &[Finding]) -> Vec<Level> {
        findings.iter().map(|it| it.level).collect()
    }

    #[test]
    fn a_table_of_symbols() {
        let wanted = [
            symbol("kill", true, false),
            symbol("data", false, false),
            symbol("pty", true, true),
        ];
        let good = "0 T kill\n0 t kill_all\n0 D data\n0 t pty\n0 t kill\t[mod]\n0 t data.part.0\n";
        assert_eq!(levels(&looked_up(&wanted, good)), [Level::Ok]);
        for (table, level) in [
            (good.replace("0 T kill\n", ""), Level::No),
            (format!("{good}0 t kill\n"), Level::No),
            (format!("{good}0 t kill.part.0\n"), Level::No),
            (format!("{good}0 t kill.constprop.0.isra.0\n"), Level::No),
            (good.replace("0 t pty\n", ""), Level::Note),
            (format!("{good}0 t pty.isra.0\n"), Level::Note),
            // A name that only looks alike.
            (format!("{good}0 t kill.cold\n"), Level::Ok),
        ] {
            assert_eq!(looked_up(&wanted, &table)[0].level, level, "{table}");
        }
        let mut stop = symbol("stop", true, false);
        let rest = "0 t stop.part.0\n";
        assert_eq!(levels(&looked_up(&[stop.clone()], rest)), [Level::No]);
        stop.rest = Some("stop.part.0".to_owned());
        assert_eq!(levels(&looked_up(&[stop.clone()], rest)), [Level::Ok]);
        let both = format!("{rest}0 t stop\n");
        assert_eq!(levels(&looked_up(&[stop], &both)), [Level::No]);
    }

    #[test]
    fn who_holds_functions() {
        let wanted = [symbol("kill", true, false), symbol("data", false, false)];
        for (text, level) in [
            ("", Level::Ok),
            ("other (1) R I     \ttramp: 0x0\n", Level::Ok),
            ("data (1) R I     \ttramp: 0x0\n", Level::Ok),
            (
                "kill (1) R I     \ttramp: 0xffff (klp_ftrace_handler+0x0/0x1)\n",
                Level::Todo,
            ),
            ("kill (1) R   D   \ttramp: 0x0 direct-->bpf\n", Level::Note),
            ("kill (2)           \ttramp: ERROR!\n", Level::Ok),
        ] {
            assert_eq!(levels(&holders(&wanted, text)), [level], "{text}");
        }
    }

    #[test]
    fn command_lines() {
        for (line, expected) in [
            ("quiet module_blacklist=a,pidns ro", true),
            ("module_blacklist=pidns", true),
            ("module_blacklist=pidns2 pidns", false),
            ("", false),
        ] {
            assert_eq!(blacklists(line), expected, "{line}");
        }
    }
}
