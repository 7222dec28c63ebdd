//! What the members see of a soft fall.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{bare_fork, check_took, fell, namespace, server, stubborn, with_grace, LONG, TERM};
use crate::channel::Channel;
use crate::clone::Clone;
use crate::harness::{sample, scale, Test};
use crate::ns_file::NsFile;
use crate::proc_fs::Proc;
use crate::process::{
    eventually, fork, kill, new_ns, pid, quit, quit_thread, sleep_for_ever, sleepers,
    start_threads, tid, wait_any, wait_for, End,
};
use crate::races::shared;
use crate::signal_capture;
use crate::signal_state;
use crate::two_sided::terminal::{lead_session, terminal};

pub const TESTS: &[Test] = tests![400;
    a_server_runs_its_handler,
    every_signal_that_ends_the_init,
    who_does_not_care_is_killed_in_the_end,
    it_ends_with_the_last,
    an_init_alone_ends_at_once,
    many_members,
    members_that_fork_meanwhile,
    orphans_are_reaped,
    a_process_gets_it_once,
    an_inner_init_passes_it_on,
    inner_namespaces_take_no_longer,
    an_inner_init_that_handles_it,
    before_the_terminal_is_hung_up,
    a_server_that_was_given_in,
    an_init_of_many_threads,
    children_that_die_with_a_thread,
    an_init_whose_first_thread_has_gone,
];

fn a_server_runs_its_handler() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    const USER: u32 = 1234;
    let init = namespace(|| {
        server(&theirs, &[TERM]);
        nix::unistd::setuid(USER.into()).expect("setuid");
    });
    fell(&init);
    let [signal, code, pid, uid, ..] = report.receive_all()[..] else {
        panic!("a short report");
    };
    let sender = [TERM, libc::SI_USER, 0, USER as i32];
    check!([signal, code, pid, uid], sender, "as the init's");
}

fn every_signal_that_ends_the_init() {
    with_grace(LONG);
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, 40] {
        let (report, theirs) = Channel::pair();
        let init = namespace(|| server(&theirs, &[signal]));
        init.kill(signal);
        check!(init.wait(), End::Killed(signal));
        check!(report.receive_all()[0], signal, "what the server got");
    }
}

fn who_does_not_care_is_killed_in_the_end() {
    for grace in [0, 200, 600] {
        with_grace(grace);
        let init = namespace(stubborn);
        check_took(fell(&init), grace, "the fall");
    }
}

fn it_ends_with_the_last() {
    with_grace(LONG);
    let init = namespace(|| {
        for ms in [0, 50, 300] {
            fork(|_| {
                signal_capture::capture(&[TERM]);
                signal_capture::next();
                std::thread::sleep(Duration::from_millis(ms));
            });
        }
        sleepers(3);
    });
    check_took(fell(&init), 0, "the fall");
}

fn an_init_alone_ends_at_once() {
    with_grace(LONG);
    let init = namespace(|| ());
    check_took(fell(&init), 0, "the fall");
}

fn many_members() {
    with_grace(LONG);
    let count = sample(1000, 400, 100);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| {
        for _ in 0..count {
            let member = fork(|ready| {
                signal_capture::capture(&[TERM]);
                ready.send(0);
                theirs.send(signal_capture::next().to_numbers()[0]);
            });
            member.receive();
        }
    });
    drop(theirs);
    let reader = std::thread::spawn(move || {
        let mut told = 0;
        while report.receive_or_end().is_some() {
            told += 1;
        }
        told
    });
    let took = fell(&init);
    check!(took < Duration::from_secs(300), true, "it took {took:?}");
    check!(
        reader.join().expect("join"),
        count,
        "members with a handler"
    );
}

/// Forks children that end at once, until it is killed.
fn fork_for_ever(ready: &Channel) -> ! {
    signal_state::ignore(TERM);
    signal_state::ignore(libc::SIGCHLD);
    ready.send(0);
    loop {
        if matches!(bare_fork(), Ok(0)) {
            quit(0);
        }
    }
}

fn members_that_fork_meanwhile() {
    let grace = scale(500, 3000);
    with_grace(grace);
    let init = namespace(|| {
        for _ in 0..3 {
            fork(|ready| fork_for_ever(ready)).receive();
        }
    });
    check_took(fell(&init), grace, "the fall");
}

/// What a member leaves behind when it ends goes to the init, and is not left as a zombie for the rest of the fall.
fn orphans_are_reaped() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| {
        // It looks whether its brothers are there still.
        let watcher = fork(|ready| {
            signal_capture::capture(&[TERM]);
            let proc = Proc::mount();
            ready.send(0);
            signal_capture::next();
            eventually("the others are gone", || {
                (proc.pids() == [1, pid()]).then_some(())
            });
            theirs.send(7);
        });
        watcher.receive();
        let parent = fork(|ready| {
            signal_capture::capture(&[TERM]);
            ready.send(0);
            signal_capture::next();
            // Grandchildren whose parent goes first.
            for _ in 0..3 {
                fork(|_| std::thread::sleep(Duration::from_millis(50)));
            }
        });
        parent.receive();
        // One whose end nobody is told of in the usual way.
        let quiet = Clone::new(0).with(|arguments| arguments.exit_signal = 0);
        quiet.start(|_| sleep_for_ever()).expect("clone3");
    });
    fell(&init);
    check!(report.receive(), 7);
}

fn a_process_gets_it_once() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| {
        let ready = fork(|ready| {
            signal_capture::capture(&[40]);
            start_threads(3, |_| sleep_for_ever());
            ready.send(0);
            theirs.send(signal_capture::next().to_numbers()[0]);
            std::thread::sleep(Duration::from_millis(100));
            check!(signal_capture::is_there(), false, "a second one");
            theirs.send(8);
        });
        ready.receive();
    });
    init.kill(40);
    check!(init.wait(), End::Killed(40));
    check!(report.receive(), 40);
    check!(report.receive(), 8);
}

/// A namespace in the caller's.
fn inner(members: impl FnOnce()) {
    drop(namespace(members));
}

fn an_inner_init_passes_it_on() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let server = || {
        let ready = fork(|ready| {
            signal_capture::capture(&[40]);
            ready.send(0);
            theirs.send_all(&signal_capture::next().to_numbers());
            std::thread::sleep(Duration::from_millis(100));
            theirs.send(signal_capture::is_there().into());
        });
        ready.receive();
    };
    let init = namespace(|| inner(|| inner(server)));
    init.kill(40);
    check!(init.wait(), End::Killed(40));
    let told = report.receive_all();
    check!((told[0], told[2]), (40, 0), "signal and sender");
    check!(report.receive(), 0, "the same a second time");
}

fn inner_namespaces_take_no_longer() {
    // The sum of two would be too long.
    let grace = scale(6_000, 31_000);
    with_grace(grace);
    let init = namespace(|| {
        stubborn();
        inner(|| {
            stubborn();
            inner(|| {
                stubborn();
                inner(stubborn);
            });
        });
    });
    check_took(fell(&init), grace, "the fall");
}

/// It is its own affair what its members get.
fn an_inner_init_that_handles_it() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| {
        let inner = new_ns(|ready| {
            signal_capture::capture(&[TERM]);
            server(&theirs, &[TERM, libc::SIGUSR1]);
            ready.send(0);
            signal_capture::next();
            kill(2, libc::SIGUSR1).expect("SIGUSR1");
            check!(wait_for(2), End::Exit(0));
        });
        inner.receive();
    });
    fell(&init);
    check!(
        report.receive_all()[0],
        libc::SIGUSR1,
        "what the member got"
    );
}

/// The end of a session's leader hangs its terminal up: that must come after the signal, not in its place.
fn before_the_terminal_is_hung_up() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let (_master, slave) = terminal();
    let init = namespace(|| {
        lead_session(&slave);
        let ready = fork(|ready| {
            signal_capture::capture(&[TERM, libc::SIGHUP]);
            ready.send(0);
            let first = signal_capture::next().to_numbers()[0];
            // SAFETY: the buffer is live.
            let written = unsafe { libc::write(slave.as_raw_fd(), c"bye".as_ptr().cast(), 3) };
            theirs.send_all(&[first, written as i32]);
        });
        ready.receive();
    });
    fell(&init);
    check!(
        report.receive_all(),
        [TERM, 3],
        "first signal, and a last word"
    );
}

/// Its parent stands outside.
fn a_server_that_was_given_in() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = namespace(|| ());
    let mover = fork(|ready| {
        let entered = NsFile::of(init.pid).enter(libc::CLONE_NEWPID);
        check!(entered, Ok(()), "setns");
        server(&theirs, &[TERM]);
        ready.send(0);
        // The init has to wait for those that others are to reap.
        check!(wait_any().1, End::Exit(0));
    });
    mover.receive();
    fell(&init);
    check!(report.receive_all()[0], TERM);
    check!(mover.wait(), End::Exit(0));
}

fn an_init_of_many_threads() {
    with_grace(LONG);
    for count in [vec![5; scale(10, 3)], vec![sample(1000, 300, 50)]].concat() {
        let (report, theirs) = Channel::pair();
        let init = namespace(|| {
            server(&theirs, &[TERM]);
            start_threads(count, |index| match index {
                1..=4 => loop {
                    tid();
                },
                _ => sleep_for_ever(),
            });
        });
        check_took(fell(&init), 0, "the fall");
        check!(report.receive_all()[0], TERM);
    }
}

/// No thread of the init goes before the others, nor what goes with it.
fn children_that_die_with_a_thread() {
    const THREADS: usize = 3;
    with_grace(LONG);
    for _ in 0..scale(10, 3) {
        let (report, theirs) = Channel::pair();
        let made: &AtomicI32 = shared();
        let init = namespace(|| {
            let report = theirs.fd();
            start_threads(THREADS, move |_| {
                let ready = fork(|ready| {
                    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).expect("PR_SET_PDEATHSIG");
                    signal_capture::capture(&[TERM]);
                    ready.send(0);
                    signal_capture::next();
                    std::thread::sleep(Duration::from_millis(200));
                    // SAFETY: the descriptor is open, and its other end a byte stream's or a message's.
                    let said = unsafe { libc::write(report, [7i32].as_ptr().cast(), 4) };
                    check!(said, 4, "the last word");
                });
                ready.receive();
                made.fetch_add(1, Ordering::Relaxed);
                sleep_for_ever()
            });
            eventually("the threads' children", || {
                (made.load(Ordering::Relaxed) == THREADS as i32).then_some(())
            });
        });
        init.kill(TERM);
        std::thread::sleep(Duration::from_millis(100));
        let state = Proc::at("/proc").stat(&init.pid.to_string()).state;
        check!(state == 'Z', false, "the init is a zombie while it waits");
        check!(init.wait(), End::Killed(TERM));
        for _ in 0..THREADS {
            check!(report.receive(), 7);
        }
    }
}

fn an_init_whose_first_thread_has_gone() {
    with_grace(LONG);
    let (report, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        signal_state::reset();
        server(&theirs, &[TERM]);
        start_threads(2, |_| sleep_for_ever());
        channel.send(0);
        quit_thread(0);
    });
    init.receive();
    eventually("the first thread is gone", || {
        (Proc::at("/proc").stat(&init.pid.to_string()).state == 'Z').then_some(())
    });
    let began = Instant::now();
    init.kill(TERM);
    check!(init.wait(), End::Killed(TERM));
    check_took(began.elapsed(), 0, "the fall");
    check!(report.receive_all()[0], TERM);
}
