//! The module beside the kernel's other users of the functions that it hooks: each comes before it or after it,
//! and goes before it or after it.

pub mod kernel_log;
pub mod live_patch;
pub mod probe;
pub mod together;
pub mod tracer;
pub mod trampoline;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::kernel;
use crate::load::{load_with, make_sure, unload_soon};
use crate::mode;
use crate::process::{check_stops, fork, sleep_for_ever, unshare};
use crate::processor::JUMPS;
use crate::report::skip;
use crate::takeover::{check_one_sided, check_two_sided, new_init};

const TRACEFS: &str = "/sys/kernel/tracing";

/// A function that the module hooks, and that [`work`] calls.
#[derive(Clone, Copy)]
pub struct Hooked {
    name: &'static str,
    /// Whether the kernel's own code of it runs while the module is there, too.
    original: bool,
    /// Whether it becomes a jump; otherwise it is redirected.
    jumps: bool,
}

const fn hooked(name: &'static str, original: bool, jumps: bool) -> Hooked {
    Hooked {
        name,
        original,
        jumps: jumps && JUMPS,
    }
}

/// Some of `src/hooks`, of each kind.
const SUPPLY: [Hooked; 6] = [
    hooked("proc_sys_read", true, false),
    hooked("send_signal_locked", false, true),
    hooked("dequeue_signal", true, true),
    hooked("alloc_pid", false, true),
    hooked("create_new_namespaces", true, true),
    hooked("proc_pid_status", true, false),
];
const TAKEOVER: [Hooked; 5] = [
    hooked("proc_sys_read", true, false),
    hooked("send_signal_locked", false, true),
    hooked("dequeue_signal", true, true),
    hooked("__ns_tree_add_raw", true, true),
    hooked("disable_pid_allocation", true, true),
];

fn is_supply() -> bool {
    kernel().starts_with("supply")
}

fn functions() -> &'static [Hooked] {
    if is_supply() {
        &SUPPLY
    } else {
        &TAKEOVER
    }
}

/// Skips the test where there is no module; otherwise removes what a test that failed has left, and the module.
fn start() {
    if kernel() == "native" {
        skip("there is no module here");
    }
    if !std::path::Path::new(TRACEFS)
        .join("enabled_functions")
        .exists()
    {
        skip("no tracefs");
    }
    live_patch::remove();
    probe::remove();
    tracer::remove();
    make_sure();
    unload_soon();
    check_nothing_diverted();
    work(false);
}

/// Calls each of [`functions`], and fails the test unless the module does what it is for, or does not if it is not
/// there.
#[track_caller]
fn work(loaded: bool) {
    for file in ["/proc/sys/kernel/osrelease", "/proc/self/status"] {
        std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    }
    let other = fork(|_| {
        check!(unshare(libc::CLONE_NEWUTS), Ok(()));
        sleep_for_ever();
    });
    other.kill(libc::SIGSTOP);
    check_stops(&other, libc::SIGSTOP, "a process");
    other.end();
    if loaded {
        check!(mode::get(), 1);
        check!(
            Clone::new(NEWPID).attempt_inside(),
            Ok(1),
            "an init's number"
        );
        check_two_sided(new_init(1));
    } else if is_supply() {
        check!(unshare(libc::CLONE_NEWPID), Err(Errno::EINVAL));
    } else {
        let init = new_init(1);
        check_one_sided(&init);
        init.end();
    }
}

/// The functions of which calls are led elsewhere by whoever may choose where: the module, or a live patch.
#[track_caller]
fn diverted() -> Vec<String> {
    let text = std::fs::read_to_string(format!("{TRACEFS}/enabled_functions"));
    let text = text.expect("enabled_functions");
    let mut name = "";
    let mut diverted = Vec::new();
    for line in text.lines() {
        if line.starts_with("\tdirect") {
            if line.contains("[pidns]") {
                diverted.push(name.to_string());
            }
        } else if let Some((before, flags)) = line.split_once(')') {
            name = before.split(' ').next().unwrap_or_default();
            // Each flag has two columns, that of redirects the second two.
            if flags.as_bytes().get(3) == Some(&b'I') {
                diverted.push(name.to_string());
            }
        }
    }
    diverted
}

#[track_caller]
fn check_nothing_diverted() {
    check!(diverted(), [""; 0], "functions that stay hooked");
}

/// Fails the test unless the module hooks all of [`functions`].
#[track_caller]
fn check_all_diverted() {
    let diverted = diverted();
    for function in functions() {
        let is_there = diverted.iter().any(|name| name == function.name);
        check!(is_there, true, "{} in {diverted:?}", function.name);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Party {
    Module,
    Other,
}
use Party::{Module, Other};

/// Both are there, the one or the other comes first, and the one or the other goes first. In each state there is work to be
/// done, and `saw` says whether the other user has seen it.
#[track_caller]
fn meet<T>(
    comes: Party,
    parameters: &CStr,
    come: impl Fn() -> T,
    saw: impl Fn(&T, &Hooked) -> bool,
) {
    let load = || check!(load_with(parameters), Ok(()), "load, {comes:?} first");
    for goes in [Module, Other] {
        let check = |other: &T, loaded: bool| {
            work(loaded);
            for function in functions() {
                check!(
                    saw(other, function),
                    true,
                    "what is seen of {}, {comes:?} came first, {goes:?} goes, loaded: {loaded}",
                    function.name
                );
            }
        };
        let other = if comes == Other {
            let other = come();
            check(&other, false);
            load();
            other
        } else {
            load();
            work(true);
            come()
        };
        check_all_diverted();
        check(&other, true);
        if goes == Module {
            unload_soon();
            check_nothing_diverted();
            check(&other, false);
            drop(other);
            work(false);
        } else {
            drop(other);
            check_all_diverted();
            work(true);
            unload_soon();
        }
        check_nothing_diverted();
    }
    load();
    work(true);
}

/// Numbers that only grow, by their names, as they were when they were last asked for.
#[derive(Default)]
struct Counters(RefCell<HashMap<String, u64>>);

impl Counters {
    /// What has been added to a number since then.
    fn rise(&self, name: &str, now: u64) -> u64 {
        let before = self.0.borrow_mut().insert(name.to_string(), now);
        now - before.unwrap_or(0)
    }
}
