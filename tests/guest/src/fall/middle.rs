//! What comes between, while a namespace falls softly.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{bare_fork, check_took, fell, namespace, server, stubborn, with_grace, LONG, TERM};
use crate::channel::Channel;
use crate::clone::Clone;
use crate::harness::{sample, scale, Test};
use crate::load;
use crate::mode;
use crate::observe::signal_sender::only_child;
use crate::proc_fs::Proc;
use crate::process::{
    check_stops, eventually, fork, kill, new_ns, pid, quit, sleep_for_ever, start_threads, Child,
    End,
};
use crate::signal_capture;
use crate::signal_state;
use crate::two_sided::core_dumps::limit_cores;
use crate::two_sided::freezer::Freezer;
use crate::two_sided::ptrace::{go_on, wait_for_signal};

pub const TESTS: &[Test] = tests![120;
    sigkill_from_outside_ends_it,
    sigkill_wakes_its_threads,
    sigkill_from_inside_does_not,
    sigkill_before_it_begins,
    sigkill_while_it_dumps_core,
    zombies_without_end,
    a_second_signal_does_nothing,
    the_same_from_itself_before_it_is_taken,
    an_outer_namespace_ends_it,
    a_stopped_member,
    a_traced_member,
    a_frozen_member,
    it_takes_no_new_members_in_the_end,
    the_setting_is_changed,
    a_frozen_init,
    the_oom_killer_wants_it,
    the_module_stays,
];

/// A namespace that falls, for as long as it may: its init has been ended, and a member does not care.
#[track_caller]
fn falling() -> Child {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| {
        stubborn();
        server(&theirs, &[TERM]);
    });
    init.kill(TERM);
    check!(report.receive_all()[0], TERM, "the fall has begun");
    init
}

#[track_caller]
fn check_falls_still(init: &Child) {
    let state = Proc::at("/proc").stat(&init.pid.to_string()).state;
    check!(state != 'Z', true, "the init's state is {state}");
}

/// Ends, and with the status of the first signal.
#[track_caller]
fn check_ends(init: &Child, words: &str) {
    let began = Instant::now();
    check!(init.wait(), End::Killed(TERM), "{words}");
    check_took(began.elapsed(), 0, words);
}

fn sigkill_from_outside_ends_it() {
    let init = falling();
    init.kill(libc::SIGKILL);
    check_ends(&init, "after SIGKILL");
}

/// All threads of the init: each would look by itself after a second.
fn sigkill_wakes_its_threads() {
    with_grace(LONG);
    for threads in [4, sample(300, 300, 50)] {
        let took = (0..5).map(|_| {
            let (report, theirs) = Channel::pair();
            let init = namespace(|| {
                stubborn();
                server(&theirs, &[TERM]);
                start_threads(threads, |_| sleep_for_ever());
            });
            init.kill(TERM);
            check!(report.receive_all()[0], TERM, "the fall has begun");
            std::thread::sleep(Duration::from_millis(100));
            let began = Instant::now();
            init.kill(libc::SIGKILL);
            check!(init.wait(), End::Killed(TERM));
            began.elapsed()
        });
        let best = took.min().expect("five");
        let most = Duration::from_millis(scale(600, 60_000));
        check!(best < most, true, "of five the fastest took {best:?}");
    }
}

fn sigkill_from_inside_does_not() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| {
        stubborn();
        let member = fork(|ready| {
            signal_capture::capture(&[TERM]);
            ready.send(0);
            signal_capture::next();
            for signal in [libc::SIGKILL, TERM, libc::SIGSTOP] {
                check!(kill(1, signal), Ok(()));
            }
            theirs.send(0);
            sleep_for_ever();
        });
        member.receive();
    });
    init.kill(TERM);
    report.receive();
    std::thread::sleep(Duration::from_millis(200));
    check_falls_still(&init);
    init.kill(libc::SIGKILL);
    check_ends(&init, "after one from outside");
}

fn sigkill_before_it_begins() {
    with_grace(LONG);
    for _ in 0..scale(30, 5) {
        let init = namespace(stubborn);
        init.kill(TERM);
        init.kill(libc::SIGKILL);
        check_ends(&init, "SIGTERM and SIGKILL at once");
    }
}

fn sigkill_while_it_dumps_core() {
    with_grace(LONG);
    for delay in 0..scale(30, 5) {
        let init = namespace(|| {
            // A small one, that is nobody's.
            std::env::set_current_dir("/tmp").expect("chdir");
            std::fs::write("/proc/self/coredump_filter", "0").expect("coredump_filter");
            limit_cores(libc::RLIM_INFINITY);
            let stubborn = fork(|ready| {
                signal_state::ignore(libc::SIGQUIT);
                ready.send(0);
                sleep_for_ever();
            });
            stubborn.receive();
        });
        init.kill(libc::SIGQUIT);
        std::thread::sleep(Duration::from_micros(delay * 50));
        init.kill(libc::SIGKILL);
        let began = Instant::now();
        let end = init.wait();
        let by_either = [libc::SIGQUIT, libc::SIGKILL].map(End::Killed);
        check!(by_either.contains(&end), true, "the end is {end:?}");
        check_took(began.elapsed(), 0, "SIGQUIT and SIGKILL");
    }
}

/// Children whose end is no SIGCHLD are reaped one by one, and these die faster than that.
fn zombies_without_end() {
    with_grace(LONG);
    const SIBLING: libc::c_int = libc::CLONE_PARENT | libc::CLONE_VM | libc::CLONE_VFORK;
    let init = namespace(|| {
        for _ in 0..2 {
            let quiet = Clone::new(0).with(|arguments| arguments.exit_signal = 0);
            let maker = quiet.start(|ready| {
                signal_state::ignore(TERM);
                for _ in 0..sample(1000, 500, 50) {
                    let sleeper = Clone::new(libc::CLONE_PARENT as u64);
                    let sleeper = sleeper.with(|arguments| arguments.exit_signal = 0);
                    drop(sleeper.start(|_| sleep_for_ever()));
                }
                ready.send(0);
                loop {
                    // SAFETY: the caller waits while the child, which returns from nothing, uses its stack.
                    unsafe {
                        if libc::syscall(libc::SYS_clone, SIBLING, 0, 0, 0, 0) == 0 {
                            libc::syscall(libc::SYS_exit, 0);
                        }
                    }
                }
            });
            maker.expect("clone3").receive();
        }
    });
    init.kill(TERM);
    std::thread::sleep(Duration::from_millis(500));
    init.kill(libc::SIGKILL);
    let began = Instant::now();
    check!(init.wait(), End::Killed(TERM));
    let took = began.elapsed();
    check!(took.as_secs() < 60, true, "it took {took:?}");
}

fn a_second_signal_does_nothing() {
    let init = falling();
    for signal in [TERM, libc::SIGINT, libc::SIGSTOP, libc::SIGCONT, 40] {
        init.kill(signal);
    }
    std::thread::sleep(Duration::from_millis(200));
    check_falls_still(&init);
    init.kill(libc::SIGKILL);
    check_ends(&init, "after all");
}

/// What comes from outside stays that, also if a tracer comes and lets it pass.
fn the_same_from_itself_before_it_is_taken() {
    with_grace(LONG);
    for traced in [false, true] {
        let (report, theirs) = Channel::pair();
        let init = new_ns(|channel| {
            signal_state::reset();
            server(&theirs, &[TERM]);
            signal_state::block(TERM);
            channel.send(0);
            channel.receive();
            check!(kill(pid(), TERM), Ok(()));
            channel.send(0);
            channel.receive();
            signal_state::unblock(TERM);
        });
        drop(theirs);
        init.receive();
        init.kill(TERM);
        init.send(0);
        init.receive();
        let number = Pid::from_raw(init.pid);
        if traced {
            ptrace::seize(number, Options::empty()).expect("PTRACE_SEIZE");
        }
        init.send(0);
        if traced {
            wait_for_signal(number, Signal::SIGTERM);
            go_on(number, Signal::SIGTERM);
        }
        check!(init.wait(), End::Killed(TERM));
        check!(report.receive_all()[0], TERM, "what the server got");
    }
}

fn an_outer_namespace_ends_it() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let outer = namespace(|| {
        let inner = namespace(|| {
            stubborn();
            server(&theirs, &[TERM]);
        });
        inner.kill(TERM);
    });
    check!(report.receive_all()[0], TERM, "the inner one falls");
    let began = Instant::now();
    outer.kill(libc::SIGKILL);
    check!(outer.wait(), End::Killed(libc::SIGKILL));
    check_took(began.elapsed(), 0, "the hard fall of the outer one");
}

fn a_stopped_member() {
    let grace = scale(500, 3000);
    with_grace(grace);
    let init = namespace(|| {
        let member = fork(|_| sleep_for_ever());
        member.kill(libc::SIGSTOP);
        check_stops(&member, libc::SIGSTOP, "the member");
    });
    check_took(fell(&init), grace, "the fall with a stopped member");
}

fn a_traced_member() {
    let grace = scale(500, 3000);
    with_grace(grace);
    let init = namespace(|| drop(fork(|_| sleep_for_ever())));
    let member = only_child(init.pid);
    let tracer = fork(|channel| {
        let number = nix::unistd::Pid::from_raw(member);
        nix::sys::ptrace::seize(number, nix::sys::ptrace::Options::empty()).expect("seize");
        channel.send(0);
        // It is shown the signal, and leaves the member there.
        sleep_for_ever();
    });
    tracer.receive();
    let began = Instant::now();
    init.kill(TERM);
    std::thread::sleep(Duration::from_millis(grace as u64 / 2));
    check_falls_still(&init);
    // A tracer holds a dead tracee, in mainline, too.
    eventually("the member is dead", || {
        (Proc::at("/proc").stat(&member.to_string()).state == 'Z').then_some(())
    });
    check_took(began.elapsed(), grace, "the grace");
    tracer.end();
    check!(init.wait(), End::Killed(TERM));
}

fn a_frozen_member() {
    let grace = scale(500, 3000);
    with_grace(grace);
    let init = namespace(|| drop(fork(|_| sleep_for_ever())));
    let member = only_child(init.pid);
    let freezer = Freezer::around(member);
    // What ends a process by default ends a frozen one.
    check_took(fell(&init), 0, "the fall with a frozen member");
    freezer.remove();
}

/// A fork bomb inside does not outlive the time.
fn it_takes_no_new_members_in_the_end() {
    let grace = scale(300, 2000);
    with_grace(grace);
    let init = namespace(|| {
        let bomb = fork(|ready| {
            signal_state::ignore(TERM);
            signal_state::ignore(libc::SIGCHLD);
            ready.send(0);
            loop {
                // Each child goes on in its parent's place.
                if matches!(bare_fork(), Ok(0)) {
                    continue;
                }
                quit(0);
            }
        });
        bomb.receive();
    });
    check_took(fell(&init), grace, "the fall with a chain of forks");
}

fn the_setting_is_changed() {
    let init = falling();
    mode::set_grace(0);
    check_ends(&init, "after the grace has become none");
}

/// What exits does not freeze: it falls on, and ends.
fn a_frozen_init() {
    let init = falling();
    let freezer = Freezer::asked(init.pid);
    std::thread::sleep(Duration::from_millis(200));
    check!(freezer.is_frozen(), false, "the cgroup is frozen");
    check_falls_still(&init);
    init.kill(libc::SIGKILL);
    check_ends(&init, "after SIGKILL, frozen");
    freezer.remove();
}

/// It waits no longer, nor does any of its threads, for members that are none of the group that has no memory left. (That one of
/// these sees it by itself matters where the one that sees to the fall is kept from running, and is not tried.)
fn the_oom_killer_wants_it() {
    with_grace(LONG);
    let root = Path::new("/sys/fs/cgroup");
    let group = root.join("pidns-memory");
    std::fs::write(root.join("cgroup.subtree_control"), "+memory").expect("subtree_control");
    for threads in [0, 3] {
        std::fs::create_dir(&group).expect("a cgroup");
        let (report, theirs) = Channel::pair();
        let init = namespace(|| {
            stubborn();
            server(&theirs, &[TERM]);
            std::fs::write(group.join("cgroup.procs"), "0").expect("cgroup.procs");
            vec![1u8; 32 << 20].leak();
            start_threads(threads, |_| sleep_for_ever());
        });
        init.kill(TERM);
        check!(report.receive_all()[0], TERM, "the fall has begun");
        check_falls_still(&init);
        std::fs::write(group.join("memory.max"), "1M").expect("memory.max");
        check_ends(&init, "without memory");
        eventually("the cgroup is empty", || std::fs::remove_dir(&group).ok());
    }
}

/// An unload is refused for as long as an init waits, and the fall goes on; in supply mode it would be in any case.
fn the_module_stays() {
    let init = falling();
    for _ in 0..3 {
        check!(load::unload(), Err(Errno::EAGAIN), "unload in the middle");
    }
    check_falls_still(&init);
    init.kill(libc::SIGKILL);
    check_ends(&init, "after all");
}
