//! `pidns-test`: what pid namespaces are, told to the kernel as test cases.
//!
//! Run it as root in a guest machine. The kernel's own pid namespaces (`CONFIG_PID_NS=y`) are the
//! oracle: every test passes there, and fails where there are none.

#[macro_use]
mod report;
#[macro_use]
mod harness;
mod agent;
mod bench;
mod bpf;
mod btf;
mod channel;
mod clone;
mod fs_context;
mod fuse;
mod fuzz;
mod mode;
mod ns_file;
mod privilege;
mod proc_fs;
mod process;
mod processor;
mod random;
mod scm_credentials;
mod send_signal;
mod signal_capture;
mod signal_state;

mod chain;
mod coexist;
mod create;
mod exec;
mod fall;
mod faults;
mod forkfail;
mod load;
mod matrix;
mod nesting;
mod nsfs;
mod numbers;
mod observe;
mod orphans;
mod pidfds;
mod proc;
mod procns;
mod races;
mod reaper;
mod reboot;
mod setns;
mod signal_storm;
mod signals;
mod slow;
mod starved;
mod status;
mod stress;
mod sysctl;
mod takeover;
mod tools;
mod translate;
mod two_sided;
mod view;

use harness::Group;

const GROUPS: &[Group] = &[
    Group {
        name: "view",
        parts: &[
            view::numbers::TESTS,
            view::outsiders::TESTS,
            view::credentials::TESTS,
        ],
    },
    Group {
        name: "chain",
        parts: &[
            chain::sequence::TESTS,
            chain::set_tid::TESTS,
            chain::pidfd::TESTS,
        ],
    },
    Group {
        name: "numbers",
        parts: &[numbers::TESTS],
    },
    Group {
        name: "create",
        parts: &[create::creators::TESTS, create::limits::TESTS],
    },
    Group {
        name: "nesting",
        parts: &[nesting::TESTS],
    },
    Group {
        name: "reaper",
        parts: &[
            reaper::init_exit::TESTS,
            reaper::outside_parents::TESTS,
            reaper::threads::TESTS,
            reaper::orphans::TESTS,
        ],
    },
    Group {
        name: "signals",
        parts: &[
            signals::inside::TESTS,
            signals::outside::TESTS,
            signals::broadcast::TESTS,
            signals::ancestors::TESTS,
            signals::siginfo::TESTS,
            signals::kernel::TESTS,
        ],
    },
    Group {
        name: "matrix",
        parts: &[matrix::TESTS],
    },
    Group {
        name: "two_sided",
        parts: &[
            two_sided::default_actions::TESTS,
            two_sided::core_dumps::TESTS,
            two_sided::pending::TESTS,
            two_sided::disposition_changes::TESTS,
            two_sided::itself::TESTS,
            two_sided::sigwait::TESTS,
            two_sided::forged_siginfo::TESTS,
            two_sided::nested::TESTS,
            two_sided::threads::TESTS,
            two_sided::broadcast::TESTS,
            two_sided::ptrace::TESTS,
            two_sided::traced_faults::TESTS,
            two_sided::freezer::TESTS,
            two_sided::parent_exit::TESTS,
            two_sided::terminal::TESTS,
            two_sided::typed::TESTS,
            two_sided::kernel_senders::TESTS,
            two_sided::timers::TESTS,
            two_sided::settings::TESTS,
            two_sided::sysctl::TESTS,
            two_sided::global_init::TESTS,
            two_sided::programs::TESTS,
        ],
    },
    Group {
        name: "proc",
        parts: &[proc::members::TESTS, proc::foreign::TESTS],
    },
    Group {
        name: "fall",
        parts: &[fall::members::TESTS, fall::middle::TESTS, fall::hard::TESTS],
    },
    Group {
        name: "orphans",
        parts: &[orphans::TESTS, orphans::whose::TESTS],
    },
    Group {
        name: "reboot",
        parts: &[reboot::TESTS],
    },
    Group {
        name: "forkfail",
        parts: &[forkfail::TESTS],
    },
    Group {
        name: "exec",
        parts: &[exec::execve::TESTS, exec::threads::TESTS],
    },
    Group {
        name: "procns",
        parts: &[
            procns::links::TESTS,
            procns::children::TESTS,
            procns::other_users::TESTS,
        ],
    },
    Group {
        name: "setns",
        parts: &[
            setns::file::TESTS,
            setns::children::TESTS,
            setns::pidfd::TESTS,
            setns::privilege::TESTS,
        ],
    },
    Group {
        name: "nsfs",
        parts: &[
            nsfs::ioctl::TESTS,
            nsfs::bind_mount::TESTS,
            nsfs::handle::TESTS,
            nsfs::list::TESTS,
        ],
    },
    Group {
        name: "status",
        parts: &[
            status::lines::TESTS,
            status::pidns::TESTS,
            status::options::TESTS,
        ],
    },
    Group {
        name: "pidfds",
        parts: &[
            pidfds::information::TESTS,
            pidfds::namespaces::TESTS,
            pidfds::across_namespaces::TESTS,
            pidfds::autokill::TESTS,
            pidfds::descriptor_limit::TESTS,
        ],
    },
    Group {
        name: "sysctl",
        parts: &[
            sysctl::pid_max::TESTS,
            sysctl::last_pid::TESTS,
            sysctl::memfd::TESTS,
            sysctl::limits::TESTS,
        ],
    },
    Group {
        name: "observe",
        parts: &[
            observe::signal_verdict::TESTS,
            observe::signal_sender::TESTS,
            observe::namespace_events::TESTS,
            observe::counts::TESTS,
            observe::namespaces::TESTS,
            observe::proc_list::TESTS,
            observe::audit::TESTS,
        ],
    },
    Group {
        name: "tools",
        parts: &[tools::TESTS],
    },
    Group {
        name: "translate",
        parts: &[
            translate::ipc::TESTS,
            translate::sockets::TESTS,
            translate::futex::TESTS,
            translate::events::TESTS,
            translate::perf::TESTS,
            translate::cgroup::TESTS,
            translate::program::TESTS,
            translate::iterator::TESTS,
            translate::accounting::TESTS,
        ],
    },
    Group {
        name: "faults",
        parts: &[
            faults::namespaces::TESTS,
            faults::numbers::TESTS,
            faults::signals::TESTS,
        ],
    },
    Group {
        name: "races",
        parts: &[
            races::anything::TESTS,
            races::births::TESTS,
            races::dying::TESTS,
            races::exec::TESTS,
            races::numbers::TESTS,
        ],
    },
    Group {
        name: "stress",
        parts: &[stress::TESTS],
    },
    Group {
        name: "signal_storm",
        parts: &[
            signal_storm::survival::TESTS,
            signal_storm::execve::TESTS,
            signal_storm::ptrace::TESTS,
            signal_storm::many_inits::TESTS,
        ],
    },
    Group {
        name: "load",
        parts: &[
            two_sided::settings::LOADS,
            load::holders::TESTS,
            load::leftovers::TESTS,
            load::user_memory::TESTS,
            load::user_memory::OF_BOTH,
            load::cycles::TESTS,
            observe::unload::TESTS,
            observe::proc_list::LOADS,
            orphans::LOADS,
            faults::load::TESTS,
            load::cycles::STORMS,
        ],
    },
    Group {
        name: "takeover",
        parts: &[
            takeover::two_sided::TESTS,
            takeover::pending::TESTS,
            takeover::terminal::TESTS,
            takeover::unload::TESTS,
            takeover::cycles::TESTS,
            two_sided::settings::LOADS,
            load::user_memory::OF_BOTH,
            observe::unload::TESTS,
            observe::proc_list::LOADS,
            orphans::LOADS,
        ],
    },
    Group {
        name: "coexist",
        parts: &[
            coexist::tracer::TESTS,
            coexist::probe::TESTS,
            coexist::trampoline::TESTS,
            coexist::together::TESTS,
            coexist::live_patch::TESTS,
        ],
    },
];

const USAGE: &str =
    "usage: pidns-test [--list] [--quick] [--fuzz SEED STEPS [--skip N,...]] [--kernel native|takeover|supply|takeover-debug|supply-debug] [GROUP[/TEST]]...";

fn main() {
    let (mut list, mut quick) = (false, false);
    let mut kernel = String::from("native");
    let mut names: Vec<String> = Vec::new();
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq(agent::ARGUMENT).is_some() {
        agent::main(arguments);
    }
    if arguments.next_if_eq(fuzz::AGENT).is_some() {
        fuzz::agent_main(arguments);
    }
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => list = true,
            "--quick" => quick = true,
            "--bench" => return bench::run(arguments),
            bench::WITHIN => return bench::within(arguments),
            bench::PROFILE => return bench::profile(arguments),
            "--fuzz" => return fuzz::run(arguments),
            "--kernel" => {
                kernel = arguments
                    .next()
                    .unwrap_or_else(|| refuse("--kernel needs a name"))
            }
            "--help" => {
                println!("{USAGE}");
                return;
            }
            name if !name.starts_with('-') => names.push(name.to_string()),
            other => refuse(&format!("unknown option {other}")),
        }
    }
    let known = |name: &str| all_tests().any(|(group, test)| slow::names(name, group, test));
    if let Some(name) = names.iter().find(|name| !known(name)) {
        refuse(&format!(
            "no group or test is called {name}; --list shows them all"
        ));
    }
    if let Some(name) = slow::SLOW.iter().find(|name| !known(name)) {
        refuse(&format!("no group or test is called {name}, in slow.rs"));
    }
    let wanted = |group: &str, test: &str| {
        !(quick && slow::is_slow(group, test))
            && (names.is_empty() || names.iter().any(|name| slow::names(name, group, test)))
    };
    if list {
        all_tests()
            .filter(|(group, test)| wanted(group, test))
            .for_each(|(group, test)| println!("{group}/{test}"));
        return;
    }
    harness::set_kernel(kernel);
    if !harness::run(GROUPS, &wanted) {
        std::process::exit(1);
    }
}

fn all_tests() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS
        .iter()
        .flat_map(|g| g.parts.iter().copied().flatten().map(|t| (g.name, t.name)))
}

fn refuse(reason: &str) -> ! {
    eprintln!("pidns-test: {reason}\n{USAGE}");
    std::process::exit(2)
}
