//! Kprobes: at the entry of functions, at their return, and behind their entry.

use std::io::Write;
use std::path::Path;

use super::{functions, meet, start, Counters, Hooked, Module, Other, TRACEFS};
use crate::harness::Test;
use crate::mode;
use crate::processor::PATCHED;

pub const TESTS: &[Test] = tests![120;
    probes_first,
    probes_later,
    probes_of_redirected_functions,
];

const GROUP: &str = "coexist";

/// Three probes of each of [`functions`], until this is dropped.
pub struct Probes(Counters);

impl Probes {
    #[track_caller]
    pub fn start() -> Probes {
        for function in functions() {
            let name = function.name;
            define(&format!("p:{GROUP}/{name}_entry {name}"));
            define(&format!("r:{GROUP}/{name}_return {name}"));
        }
        for function in functions() {
            let name = function.name;
            let behind = behind_entry(name);
            define(&format!("p:{GROUP}/{name}_behind {name}+{behind}"));
        }
        enable("1");
        Probes(Counters::default())
    }

    /// How often a probe was hit since the last question.
    #[track_caller]
    fn hits(&self, probe: &str) -> u64 {
        let text = std::fs::read_to_string(format!("{TRACEFS}/kprobe_profile"));
        let text = text.expect("kprobe_profile");
        let mut lines = text.lines().map(|l| l.split_whitespace());
        let line = lines.find_map(|mut l| (l.next() == Some(probe)).then(|| l.next()));
        let now = line.flatten().and_then(|n| n.parse().ok());
        let now = now.unwrap_or_else(|| panic!("no hits of {probe} in {text}"));
        self.0.rise(probe, now)
    }

    /// Whether each probe was hit that must be: one behind the entry only where the kernel's own code runs.
    #[track_caller]
    pub fn saw(&self, function: &Hooked) -> bool {
        let name = function.name;
        let [entry, exit, behind] =
            ["entry", "return", "behind"].map(|place| self.hits(&format!("{name}_{place}")));
        let original = function.original || !mode::is_there();
        entry > 0 && exit > 0 && (behind > 0) == original
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        remove();
    }
}

#[track_caller]
fn define(line: &str) {
    let path = format!("{TRACEFS}/kprobe_events");
    let file = std::fs::OpenOptions::new().append(true).open(&path);
    let written = match file {
        Ok(mut file) => file.write_all(line.as_bytes()),
        Err(_) => crate::report::skip("this kernel has no kprobes of tracefs"),
    };
    written.unwrap_or_else(|e| panic!("{line}: {e}"));
}

#[track_caller]
fn enable(state: &str) {
    let path = format!("{TRACEFS}/events/{GROUP}/enable");
    std::fs::write(&path, state).unwrap_or_else(|e| panic!("{path}={state}: {e}"));
}

/// Also what a test that failed has left.
pub fn remove() {
    if Path::new(TRACEFS).join("events").join(GROUP).exists() {
        enable("0");
        std::fs::write(format!("{TRACEFS}/kprobe_events"), "").expect("removal of probes");
    }
}

/// Where the first instruction behind the patched one is, from the start of a function that has a probe at its entry.
#[track_caller]
fn behind_entry(name: &str) -> u64 {
    let list = std::fs::read_to_string("/sys/kernel/debug/kprobes/list").expect("a list of probes");
    let start = format!("{name}+0x");
    let mut places = list.split_whitespace();
    let place = places.find_map(|word| word.strip_prefix(&start));
    let place = place.and_then(|n| u64::from_str_radix(n, 16).ok());
    place.unwrap_or_else(|| panic!("no probe of {name} in {list}")) + PATCHED
}

fn probes_first() {
    start();
    meet(Other, c"", Probes::start, Probes::saw);
}

fn probes_later() {
    start();
    meet(Module, c"", Probes::start, Probes::saw);
}

fn probes_of_redirected_functions() {
    for first in [Other, Module] {
        start();
        meet(first, c"direct=0", Probes::start, Probes::saw);
    }
}
