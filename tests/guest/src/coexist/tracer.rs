//! ftrace's own tracers, of functions and of their calls and returns.

use std::path::Path;

use super::{functions, meet, start, Counters, Hooked, Module, Other, TRACEFS};
use crate::harness::Test;

pub const TESTS: &[Test] = tests![120;
    the_function_tracer_first,
    the_function_tracer_later,
    the_graph_tracer_first,
    the_graph_tracer_later,
    the_graph_tracer_of_redirected_functions,
];

const INSTANCE: &str = "/sys/kernel/tracing/instances/coexist";

/// A tracer in an instance of its own, that sees [`functions`] until this is dropped.
pub struct Tracer(Counters);

impl Tracer {
    #[track_caller]
    pub fn start(kind: &str) -> Tracer {
        let has = std::fs::read_to_string(format!("{TRACEFS}/available_tracers"));
        if !has.expect("tracers").split_whitespace().any(|t| t == kind) {
            crate::report::skip(&format!("this kernel has no tracer {kind}"));
        }
        std::fs::create_dir(INSTANCE).expect("an instance of tracefs");
        let names: Vec<&str> = functions().iter().map(|f| f.name).collect();
        Tracer::write("set_ftrace_filter", &names.join(" "));
        Tracer::write("current_tracer", kind);
        Tracer(Counters::default())
    }

    #[track_caller]
    fn write(file: &str, text: &str) {
        let path = format!("{INSTANCE}/{file}");
        std::fs::write(&path, text).unwrap_or_else(|e| panic!("{path}={text}: {e}"));
    }

    /// Whether it has seen a call since the last question.
    #[track_caller]
    pub fn saw(&self, function: &Hooked) -> bool {
        let name = function.name;
        let text = std::fs::read_to_string(format!("{INSTANCE}/trace")).expect("a trace");
        let [call, call_with_return] = [format!(" {name} <-"), format!(" {name}()")];
        let is_call = |line: &&str| line.contains(&call) || line.contains(&call_with_return);
        let calls = text.lines().filter(is_call).count();
        self.0.rise(name, calls as u64) > 0
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        remove();
    }
}

/// Also what a test that failed has left.
pub fn remove() {
    if Path::new(INSTANCE).exists() {
        Tracer::write("current_tracer", "nop");
        std::fs::remove_dir(INSTANCE).expect("removal of an instance of tracefs");
    }
}

fn the_function_tracer_first() {
    start();
    meet(Other, c"", || Tracer::start("function"), Tracer::saw);
}

fn the_function_tracer_later() {
    start();
    meet(Module, c"", || Tracer::start("function"), Tracer::saw);
}

fn the_graph_tracer_first() {
    start();
    meet(Other, c"", || Tracer::start("function_graph"), Tracer::saw);
}

fn the_graph_tracer_later() {
    start();
    meet(Module, c"", || Tracer::start("function_graph"), Tracer::saw);
}

fn the_graph_tracer_of_redirected_functions() {
    start();
    let come = || Tracer::start("function_graph");
    meet(Other, c"direct=0", come, Tracer::saw);
}
