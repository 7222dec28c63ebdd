//! The tracepoints, seen through a tracefs instance of the test's own.

use std::collections::HashMap;
use std::path::Path;

use crate::process::eventually;

const INSTANCE: &str = "/sys/kernel/tracing/instances/pidns-test";
pub const NAMES: [&str; 4] = ["signal_verdict", "ns_create", "ns_destroy", "zap"];

/// One event: its name and its fields.
#[derive(Debug)]
pub struct Event {
    pub name: &'static str,
    fields: HashMap<String, String>,
}

impl Event {
    fn parse(line: &str) -> Option<Event> {
        NAMES.into_iter().find_map(|name| {
            let (_, text) = line.split_once(&format!(": {name}: "))?;
            let fields = text.split_whitespace().map(|field| {
                let (key, value) = field.split_once('=').expect("a field and its value");
                (key.to_string(), value.to_string())
            });
            let fields = fields.collect();
            Some(Event { name, fields })
        })
    }

    #[track_caller]
    pub fn word(&self, field: &str) -> &str {
        match self.fields.get(field) {
            Some(value) => value,
            None => panic!("no {field} in {self:?}"),
        }
    }

    #[track_caller]
    pub fn number(&self, field: &str) -> u64 {
        self.word(field).parse().expect("a number in an event")
    }

    /// Whether it is about a namespace: `field` is the inode number.
    pub fn is_of(&self, field: &str, namespace: u64) -> bool {
        self.fields.get(field) == Some(&namespace.to_string())
    }
}

/// The module's events are recorded until this is dropped.
pub struct Trace(());

impl Trace {
    #[track_caller]
    pub fn start() -> Trace {
        // A test that failed has left it.
        drop(Trace(()));
        std::fs::create_dir(INSTANCE).expect("an instance of tracefs");
        Trace::write("trace_clock", "mono");
        Trace::write("events/pidns/enable", "1");
        Trace(())
    }

    #[track_caller]
    fn write(file: &str, text: &str) {
        let path = format!("{INSTANCE}/{file}");
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{path}={text}: {e}"));
    }

    /// Everything that was recorded, in order.
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        let text = std::fs::read_to_string(format!("{INSTANCE}/trace")).expect("a trace");
        text.lines().filter_map(Event::parse).collect()
    }

    /// What became of a signal to the init of a namespace, when it was sent and when it was taken.
    #[track_caller]
    pub fn verdicts(&self, namespace: u64, signal: i32) -> Vec<Event> {
        let events = self.events().into_iter();
        events
            .filter(|e| e.name == "signal_verdict")
            .filter(|e| e.is_of("target_ns", namespace) && e.number("sig") == signal as u64)
            .collect()
    }

    /// The life of a namespace, once it has ended. An earlier one may have had the same inode number.
    #[track_caller]
    pub fn life(&self, namespace: u64) -> Vec<Event> {
        let what = format!("the end of the namespace {namespace}");
        eventually(&what, || {
            let events = self
                .events()
                .into_iter()
                .filter(|e| e.is_of("ns", namespace));
            let events: Vec<Event> = events.skip_while(|e| e.name != "ns_create").collect();
            events
                .iter()
                .any(|e| e.name == "ns_destroy")
                .then_some(events)
        })
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if Path::new(INSTANCE).exists() {
            if Path::new(INSTANCE).join("events/pidns").exists() {
                Trace::write("events/pidns/enable", "0");
            }
            std::fs::remove_dir(INSTANCE).expect("removal of an instance of tracefs");
        }
    }
}
