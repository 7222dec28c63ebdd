//! `pidns-test`: what pid namespaces are, told to the kernel as test cases.
//!
//! Run it as root in a guest machine. The kernel's own pid namespaces (`CONFIG_PID_NS=y`) are the
//! oracle: every test passes there, and fails where there are none.

#[macro_use]
mod report;
#[macro_use]
mod harness;
mod bench;
mod bpf;
mod btf;
mod catch;
mod clone;
mod compat;
mod fire;
mod fs_context;
mod mail;
mod mode;
mod ns_file;
mod privilege;
mod proc_fs;
mod process;
mod talk;
mod way;

mod chain;
mod create;
mod exec;
mod forkfail;
mod holders;
mod leavings;
mod load;
mod matrix;
mod nesting;
mod nsfs;
mod observe;
mod pidfds;
mod proc;
mod procns;
mod reaper;
mod reboot;
mod setns;
mod sides;
mod siege;
mod signals;
mod status;
mod storm;
mod sysctl;
mod takeover;
mod tools;
mod translate;
mod view;

use harness::Group;

const GROUPS: &[Group] = &[
    Group {
        name: "view",
        parts: &[
            view::numbers::TESTS,
            view::strangers::TESTS,
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
        name: "create",
        parts: &[create::maker::TESTS, create::limits::TESTS],
    },
    Group {
        name: "nesting",
        parts: &[nesting::TESTS],
    },
    Group {
        name: "reaper",
        parts: &[
            reaper::fall::TESTS,
            reaper::outsiders::TESTS,
            reaper::threads::TESTS,
            reaper::orphans::TESTS,
        ],
    },
    Group {
        name: "signals",
        parts: &[
            signals::inside::TESTS,
            signals::outside::TESTS,
            signals::crowds::TESTS,
            signals::ancestors::TESTS,
            signals::info::TESTS,
            signals::kernel::TESTS,
        ],
    },
    Group {
        name: "matrix",
        parts: &[matrix::TESTS],
    },
    Group {
        name: "sides",
        parts: &[
            sides::actions::TESTS,
            sides::cores::TESTS,
            sides::pending::TESTS,
            sides::changes::TESTS,
            sides::waiting::TESTS,
            sides::forgery::TESTS,
            sides::nested::TESTS,
            sides::threads::TESTS,
            sides::groups::TESTS,
            sides::traced::TESTS,
            sides::frozen::TESTS,
            sides::parents::TESTS,
            sides::terminal::TESTS,
            sides::switch::TESTS,
            sides::machine::TESTS,
            sides::users::TESTS,
        ],
    },
    Group {
        name: "proc",
        parts: &[proc::members::TESTS, proc::foreign::TESTS],
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
        parts: &[exec::anew::TESTS, exec::threads::TESTS],
    },
    Group {
        name: "procns",
        parts: &[
            procns::links::TESTS,
            procns::children::TESTS,
            procns::strangers::TESTS,
        ],
    },
    Group {
        name: "setns",
        parts: &[
            setns::file::TESTS,
            setns::members::TESTS,
            setns::pidfd::TESTS,
            setns::privilege::TESTS,
        ],
    },
    Group {
        name: "nsfs",
        parts: &[
            nsfs::ioctl::TESTS,
            nsfs::mounted::TESTS,
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
            pidfds::use_across::TESTS,
            pidfds::autokill::TESTS,
            pidfds::scarce::TESTS,
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
            observe::verdicts::TESTS,
            observe::life::TESTS,
            observe::counts::TESTS,
            observe::namespaces::TESTS,
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
        name: "storm",
        parts: &[storm::TESTS],
    },
    Group {
        name: "siege",
        parts: &[siege::TESTS],
    },
    Group {
        name: "load",
        parts: &[
            holders::TESTS,
            leavings::TESTS,
            load::TESTS,
            observe::unload::TESTS,
            load::STORMS,
        ],
    },
    Group {
        name: "takeover",
        parts: &[
            takeover::sides::TESTS,
            takeover::pending::TESTS,
            takeover::unload::TESTS,
            takeover::storm::TESTS,
            observe::unload::TESTS,
        ],
    },
];

const USAGE: &str =
    "usage: pidns-test [--list] [--kernel native|takeover|supply|supply-debug] [GROUP[/TEST]]...";

fn main() {
    let mut list = false;
    let mut kernel = String::from("native");
    let mut names: Vec<String> = Vec::new();
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("--reborn").is_some() {
        exec::program::be_reborn(arguments);
    }
    if arguments.next_if_eq(sides::puppet::PUPPET).is_some() {
        sides::puppet::be_puppet(arguments);
    }
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => list = true,
            "--bench" => return bench::run(),
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
    for name in &names {
        if !all_tests().any(|(group, test)| name == group || *name == format!("{group}/{test}")) {
            refuse(&format!(
                "no group or test is called {name}; --list shows them all"
            ));
        }
    }
    if list {
        all_tests().for_each(|(group, test)| println!("{group}/{test}"));
        return;
    }
    harness::set_kernel(kernel);
    let wanted = |group: &str, test: &str| {
        names.is_empty()
            || names
                .iter()
                .any(|n| n == group || *n == format!("{group}/{test}"))
    };
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
