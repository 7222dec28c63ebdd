//! All of them at the same functions.

use super::probe::Probes;
use super::tracer::Tracer;
use super::trampoline::Trampolines;
use super::{meet, start, Module, Other};
use crate::bpf::Way;
use crate::harness::Test;

pub const TESTS: &[Test] = tests![120;
    everybody_first,
    everybody_later,
];

fn everybody_first() {
    start();
    let come = || {
        let programs = Trampolines::start(Way::Exit);
        (Tracer::start("function_graph"), Probes::start(), programs)
    };
    meet(Other, c"", come, |(tracer, probes, programs), function| {
        tracer.saw(function) && probes.saw(function) && programs.saw(function)
    });
}

/// But for BPF programs, which are refused then.
fn everybody_later() {
    start();
    let come = || (Tracer::start("function_graph"), Probes::start());
    meet(Module, c"", come, |(tracer, probes), function| {
        tracer.saw(function) && probes.saw(function)
    });
}
