//! `pidns:signal_verdict`: who sent what to whom, and what became of it.

use nix::sys::signal::Signal;

use super::start;
use super::trace::{Event, Trace};
use crate::catch;
use crate::harness::Test;
use crate::mode;
use crate::ns_file::{inode_of, FIRST_INODE};
use crate::process::{
    echo, fork, kill, new_ns, pid, quit, sleep_for_ever, wait_for_word, Child, End,
};
use crate::talk::Talk;

pub const TESTS: &[Test] = tests![300;
    a_signal_from_inside,
    a_signal_from_outside,
    what_init_ignores_or_has_a_handler_for,
    what_does_nothing_to_anybody,
    a_blocked_signal_from_inside,
    a_blocked_signal_from_outside,
    numbers_of_levels,
    a_sender_below,
    a_signal_to_a_thread,
    the_kernel_kills,
    a_timer_is_nobody,
    mainlines_verdict,
    a_traced_init,
];

/// `at relation disposition verdict` of each.
#[track_caller]
fn words(events: &[Event]) -> Vec<String> {
    let fields = ["at", "relation", "disposition", "verdict"];
    let words = events.iter().map(|e| fields.map(|f| e.word(f)).join(" "));
    words.collect()
}

/// Sender and target: by number in their namespaces, by global number, and their namespaces.
#[track_caller]
fn numbers(event: &Event) -> [u64; 6] {
    [
        "sender",
        "sender_global",
        "sender_ns",
        "target",
        "target_global",
        "target_ns",
    ]
    .map(|field| event.number(field))
}

/// An init that waits.
fn waiting(before: impl FnOnce()) -> (Child, u64) {
    let init = new_ns(|talk| {
        before();
        talk.say(0);
        echo(talk);
    });
    init.hear();
    let inode = inode_of(init.pid, "pid");
    (init, inode)
}

fn a_signal_from_inside() {
    start();
    let trace = Trace::start();
    let init = new_ns(|talk| {
        let member = fork(|talk| {
            check!(kill(1, libc::SIGTERM), Ok(()));
            check!(kill(1, libc::SIGKILL), Ok(()));
            wait_for_word(talk);
        });
        talk.say(member.pid);
        talk.hear_or_end();
        drop(member);
    });
    let member = init.hear() as u64;
    let inode = inode_of(init.pid, "pid");
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let events = crate::process::eventually("a verdict", || {
            let events = trace.verdicts(inode, signal);
            (!events.is_empty()).then_some(events)
        });
        check!(words(&events), ["send inside default drop"]);
        let [sender, sender_global, rest @ ..] = numbers(&events[0]);
        check!(sender, member, "the member's number inside");
        check!(
            sender_global > init.pid as u64,
            true,
            "its global number {sender_global}"
        );
        check!(rest, [inode, 1, init.pid as u64, inode]);
    }
    init.end();
}

fn a_signal_from_outside() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let me = pid() as u64;
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let (init, inode) = waiting(|| ());
        init.kill(signal);
        check!(init.wait(), End::Killed(signal));
        let events = trace.verdicts(inode, signal);
        let last = &events[events.len() - 1..];
        check!(words(last), ["send ancestor default act"]);
        check!(
            numbers(&last[0]),
            [me, me, FIRST_INODE, 1, init.pid as u64, inode]
        );
    }
}

fn what_init_ignores_or_has_a_handler_for() {
    start();
    let trace = Trace::start();
    let init = new_ns(|talk| {
        catch::ignore(Signal::SIGUSR1);
        catch::catch_and_tell(talk, &[libc::SIGUSR2]);
    });
    init.hear();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGUSR1);
    check!(
        words(&trace.verdicts(inode, libc::SIGUSR1)),
        ["send ancestor ignored ignore"]
    );
    init.kill(libc::SIGUSR2);
    init.hear_all();
    let mut taken = "take ancestor handler deliver";
    if crate::mode::get() == 0 {
        taken = "take other handler deliver";
    }
    check!(
        words(&trace.verdicts(inode, libc::SIGUSR2)),
        ["send ancestor handler deliver", taken]
    );
    init.end();
}

fn what_does_nothing_to_anybody() {
    start();
    let trace = Trace::start();
    let (init, inode) = waiting(|| ());
    for signal in [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT] {
        init.kill(signal);
        let events = trace.verdicts(inode, signal);
        check!(
            words(&events),
            ["send ancestor default ignore"],
            "signal {signal}"
        );
    }
    init.check_alive();
}

/// Blocks SIGTERM, says so, and unblocks it at a word.
fn block_for_a_while(talk: &Talk, before: impl FnOnce()) {
    catch::block(Signal::SIGTERM);
    before();
    talk.say(0);
    talk.hear();
    catch::unblock(Signal::SIGTERM);
    echo(talk);
}

fn a_blocked_signal_from_inside() {
    start();
    let trace = Trace::start();
    let init = new_ns(|talk| {
        block_for_a_while(talk, || check!(kill(1, libc::SIGTERM), Ok(())));
    });
    init.hear();
    let inode = inode_of(init.pid, "pid");
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send inside default keep"]
    );
    init.say(0);
    init.check_alive();
    let events = trace.verdicts(inode, libc::SIGTERM);
    check!(
        words(&events),
        ["send inside default keep", "take other default drop"]
    );
    check!(
        numbers(&events[1]),
        [0, 0, 0, 1, init.pid as u64, inode],
        "who sent it is not known any more"
    );
}

fn a_blocked_signal_from_outside() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let init = new_ns(|talk| block_for_a_while(talk, || ()));
    init.hear();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    init.say(0);
    check!(init.wait(), End::Killed(libc::SIGTERM));
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep", "take ancestor default act"]
    );
}

/// A namespace in a namespace: its outer init's story ends with `outer`, which gets the inner init.
fn nested(inner: impl Fn(&Talk), outer: impl Fn(&Child)) -> Child {
    new_ns(|talk| {
        let child = new_ns(|talk| {
            talk.say(0);
            inner(talk);
        });
        child.hear();
        talk.say(child.pid);
        talk.hear();
        outer(&child);
        talk.say(0);
        wait_for_word(talk);
    })
}

/// The global number of the only child of a process.
#[track_caller]
fn only_child(process: i32) -> i32 {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = std::fs::read_to_string(path).expect("the children of a process");
    children.trim().parse().expect("one child")
}

fn numbers_of_levels() {
    start();
    mode::two_sided();
    let trace = Trace::start();
    let outer = nested(
        |_| sleep_for_ever(),
        |inner| {
            let member = fork(|_| check!(kill(inner.pid, libc::SIGTERM), Ok(())));
            check!(member.wait(), End::Exit(0));
            check!(inner.wait(), End::Killed(libc::SIGTERM));
        },
    );
    check!(
        outer.hear(),
        2,
        "the inner init's number in the outer namespace"
    );
    let inner = only_child(outer.pid);
    let (ns, inner_ns) = (inode_of(outer.pid, "pid"), inode_of(inner, "pid"));
    outer.say(0);
    outer.hear();
    let events = trace.verdicts(inner_ns, libc::SIGTERM);
    check!(words(&events[..1]), ["send ancestor default act"]);
    let [sender, sender_global, rest @ ..] = numbers(&events[0]);
    check!(
        sender,
        3,
        "the number of the outer namespace's third process"
    );
    check!(sender_global > inner as u64, true);
    check!(rest, [ns, 1, inner as u64, inner_ns]);
}

fn a_sender_below() {
    start();
    let trace = Trace::start();
    let outer = new_ns(|talk| {
        // There is no number for it below, but there is its process group.
        nix::unistd::setpgid(nix::unistd::Pid::this(), nix::unistd::Pid::this()).expect("setpgid");
        catch::block(Signal::SIGTERM);
        let inner = new_ns(|talk| {
            talk.say(crate::process::errno_of(kill(0, libc::SIGTERM)));
            wait_for_word(talk);
        });
        talk.say(inner.hear());
        wait_for_word(talk);
    });
    check!(outer.hear(), 0, "kill of the own process group");
    let inner = only_child(outer.pid);
    let (ns, inner_ns) = (inode_of(outer.pid, "pid"), inode_of(inner, "pid"));
    let events = trace.verdicts(ns, libc::SIGTERM);
    check!(words(&events), ["send inside default keep"]);
    check!(
        numbers(&events[0]),
        [1, inner as u64, inner_ns, 1, outer.pid as u64, ns]
    );
}

fn a_signal_to_a_thread() {
    start();
    let trace = Trace::start();
    let init = new_ns(|talk| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let tid = crate::process::tid();
                // SAFETY: the call takes no pointers.
                unsafe { libc::syscall(libc::SYS_tgkill, 1, tid, libc::SIGTERM) };
                talk.say(tid);
                echo(talk);
            });
        });
    });
    check!(init.hear(), 2, "the thread's number");
    let inode = inode_of(init.pid, "pid");
    let events = trace.verdicts(inode, libc::SIGTERM);
    check!(words(&events), ["send inside default drop"]);
    let number = init.pid as u64;
    check!(
        numbers(&events[0]),
        [1, number, inode, 1, number, inode],
        "numbers are those of processes"
    );
}

fn the_kernel_kills() {
    start();
    let trace = Trace::start();
    let outer = nested(|_| sleep_for_ever(), |_| quit(0));
    outer.hear();
    let inner = only_child(outer.pid);
    let (ns, inner_ns) = (inode_of(outer.pid, "pid"), inode_of(inner, "pid"));
    outer.say(0);
    check!(outer.wait(), End::Exit(0));
    let events = trace.verdicts(inner_ns, libc::SIGKILL);
    check!(words(&events), ["send kernel default act"]);
    check!(
        numbers(&events[0]),
        [1, outer.pid as u64, ns, 1, inner as u64, inner_ns],
        "it is sent by the dying init"
    );
}

fn a_timer_is_nobody() {
    start();
    let trace = Trace::start();
    let (init, inode) = waiting(|| {
        let soon = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 0,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: 0,
                tv_usec: 10_000,
            },
        };
        // SAFETY: the pointer is to a live value; the old one is not asked for.
        let set = unsafe {
            libc::syscall(
                libc::SYS_setitimer,
                libc::ITIMER_REAL,
                &soon,
                std::ptr::null_mut::<u8>(),
            )
        };
        check!(set, 0, "setitimer");
    });
    let events = crate::process::eventually("a verdict", || {
        let events = trace.verdicts(inode, libc::SIGALRM);
        (!events.is_empty()).then_some(events)
    });
    check!(words(&events), ["send kernel default drop"]);
    check!(numbers(&events[0]), [0, 0, 0, 1, init.pid as u64, inode]);
    init.check_alive();
}

fn mainlines_verdict() {
    start();
    mode::as_mainline();
    let trace = Trace::start();
    let init = new_ns(|talk| block_for_a_while(talk, || ()));
    init.hear();
    let inode = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGHUP);
    init.say(0);
    init.check_alive();
    check!(
        words(&trace.verdicts(inode, libc::SIGHUP)),
        ["send ancestor default drop"]
    );
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep", "take other default drop"]
    );
    init.end();
}

fn a_traced_init() {
    use nix::sys::ptrace;
    use nix::sys::wait::{WaitPidFlag, WaitStatus};
    start();
    mode::two_sided();
    let trace = Trace::start();
    let (init, inode) = waiting(|| ());
    let target = nix::unistd::Pid::from_raw(init.pid);
    ptrace::seize(target, ptrace::Options::empty()).expect("PTRACE_SEIZE");
    let stop_at = |signal: Signal| {
        let stopped = crate::process::wait_event(init.pid, WaitPidFlag::empty());
        check!(stopped, WaitStatus::Stopped(target, signal));
    };
    init.kill(libc::SIGTERM);
    stop_at(Signal::SIGTERM);
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep"]
    );
    ptrace::cont(target, None).expect("PTRACE_CONT");
    init.check_alive();
    check!(
        words(&trace.verdicts(inode, libc::SIGTERM)),
        ["send ancestor default keep"],
        "what the tracer keeps for itself is not taken"
    );
    init.kill(libc::SIGTERM);
    stop_at(Signal::SIGTERM);
    ptrace::cont(target, Signal::SIGHUP).expect("PTRACE_CONT");
    check!(init.wait(), End::Killed(libc::SIGHUP));
    check!(
        words(&trace.verdicts(inode, libc::SIGHUP)),
        ["take ancestor default act"],
        "the tracer's own signal"
    );
}
