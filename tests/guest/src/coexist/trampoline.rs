//! BPF programs at the entry of functions, and at their return.

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use super::kernel_log::KernelLog;
use super::{
    check_all_diverted, check_nothing_diverted, functions, meet, start, work, Counters, Hooked,
    Module, Other,
};
use crate::bpf::{count_runs, Program, Way};
use crate::harness::Test;
use crate::load::{load, load_now, unload_soon};
use crate::process::fork;

pub const TESTS: &[Test] = tests![120;
    programs_first,
    programs_later,
    programs_later_at_redirected_functions,
    programs_that_come_and_go_while_the_module_does,
];

/// A program at each of [`functions`], until this is dropped.
pub struct Trampolines {
    programs: Vec<(&'static str, Trampoline)>,
    _counted: OwnedFd,
}

struct Trampoline {
    program: Program,
    runs: Counters,
    _link: OwnedFd,
}

impl Trampoline {
    fn attach(function: &Hooked, way: Way) -> nix::Result<Trampoline> {
        let program = Program::at(function.name, way);
        let link = program.attach()?;
        Ok(Trampoline {
            program,
            runs: Counters::default(),
            _link: link,
        })
    }

    #[track_caller]
    fn ran(&self) -> bool {
        self.runs.rise("runs", self.program.runs()) > 0
    }
}

impl Trampolines {
    #[track_caller]
    pub fn start(way: Way) -> Trampolines {
        let programs = functions().iter().map(|function| {
            let trampoline = Trampoline::attach(function, way);
            let name = function.name;
            let trampoline = trampoline.unwrap_or_else(|e| panic!("{way:?} of {name}: {e}"));
            (name, trampoline)
        });
        Trampolines {
            programs: programs.collect(),
            _counted: count_runs(),
        }
    }

    #[track_caller]
    pub fn saw(&self, function: &Hooked) -> bool {
        let mut programs = self.programs.iter();
        programs.any(|(name, trampoline)| *name == function.name && trampoline.ran())
    }
}

fn programs_first() {
    for way in [Way::Entry, Way::Exit] {
        start();
        meet(Other, c"", || Trampolines::start(way), Trampolines::saw);
    }
}

/// A function that has become a jump of the module's is refused to BPF; one that is redirected is shared.
fn programs_later() {
    start();
    let _counted = count_runs();
    for way in [Way::Entry, Way::Exit] {
        load_now();
        for function in functions() {
            let attached = Trampoline::attach(function, way);
            let name = function.name;
            if function.jumps {
                check!(attached.map(drop), Err(Errno::EINVAL), "{way:?} of {name}");
                continue;
            }
            let trampoline = attached.unwrap_or_else(|e| panic!("{way:?} of {name}: {e}"));
            check_all_diverted();
            work(true);
            check!(trampoline.ran(), true, "{way:?} of {name}");
            unload_soon();
            check_nothing_diverted();
            work(false);
            check!(trampoline.ran(), true, "{way:?} of {name}, alone");
            drop(trampoline);
            load_now();
        }
        work(true);
        unload_soon();
        check_nothing_diverted();
        let alone = Trampolines::start(way);
        work(false);
        for function in functions() {
            check!(alone.saw(function), true, "{way:?} of {}", function.name);
        }
    }
    load_now();
    work(true);
}

fn programs_later_at_redirected_functions() {
    for way in [Way::Entry, Way::Exit] {
        start();
        let come = || Trampolines::start(way);
        meet(Module, c"direct=0", come, Trampolines::saw);
    }
}

/// ftrace asks the program's trampoline before it redirects the function; the module tries again if that has no time.
///
/// One process alone: the kernel warns of a trampoline whose flags it reads while another program's change writes them,
/// if anybody (a live patch, this module) has redirected the function (`bpf_tramp_ftrace_ops_func`, 7.3).
fn programs_that_come_and_go_while_the_module_does() {
    start();
    let storm = fork(|_| {
        let each = functions().iter();
        let programs =
            each.flat_map(|f| [Way::Entry, Way::Exit].map(|way| Program::at(f.name, way)));
        let programs: Vec<Program> = programs.collect();
        loop {
            // Refused where the module has made a jump.
            drop(programs.iter().map(Program::attach).collect::<Vec<_>>());
        }
    });
    let mut log = KernelLog::from_now();
    let (mut loads, mut refused) = (0, 0);
    while loads < 3 {
        match load() {
            Ok(()) => {
                loads += 1;
                check_all_diverted();
                work(true);
                unload_soon();
                log = KernelLog::from_now();
            }
            // A program has come between the question whether there is one and the patch.
            Err(Errno::EINVAL | Errno::EAGAIN) => {
                refused += 1;
                let said = log.of_the_module();
                check!(said.len(), 1, "lines of {said:?}");
                check!(said[0].contains("BPF"), true, "{said:?}");
            }
            Err(e) => panic!("load: {e}"),
        }
        check_nothing_diverted();
    }
    crate::report::note(&format!("{refused} loads refused"));
    storm.end();
    load_now();
    work(true);
}
