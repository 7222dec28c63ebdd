//! An init with two sides under fire from both.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::unistd::{setpgid, Pid};

use crate::exec::program;
use crate::fire::{
    attack_from_inside, check_untouched, fire_at, for_a_while, fork_attacker, hold_out,
    hold_out_against, mask, rest, Dice, CODES, FIRE,
};
use crate::harness::{this_program, Test};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    echo, eventually, fork, kill, new_ns, quit, sleep_for_ever, wait_for_word, wait_pidfd,
    wait_status, Child, End,
};
use crate::storm::in_parallel;
use crate::way::{sigqueue, WAYS};

pub const TESTS: &[Test] = tests![900;
    an_init_that_the_inside_attacks_lives,
    an_init_of_four_threads_that_the_inside_attacks_lives,
    an_init_that_the_outside_ends_ends,
    an_init_of_four_threads_that_the_outside_ends_ends,
    an_init_that_the_outside_makes_dump_ends,
    no_code_from_inside_ends_an_init_of_two_threads,
    a_stop_from_outside_stands,
    the_mode_changes_all_the_while,
    an_init_that_executes_itself_again_and_again,
    tracers_outside_come_and_go,
    tracers_inside_come_and_go,
    tracers_come_and_go_while_the_inside_sends_stops,
    inits_within_inits,
    inits_come_and_go,
];

/// An init of so many threads that is attacked from inside already.
#[track_caller]
fn besieged(threads: usize) -> Child {
    let init = new_ns(|talk| hold_out(talk, threads));
    init.hear();
    init
}

/// Children of the caller that send `signals` to a process, which must not be reaped before they are.
fn attackers(process: i32, signals: &[i32]) -> Vec<Child> {
    let attacker =
        |number| fork_attacker(|| fire_at(process, &[], signals, &mut Dice::new(number)));
    (0..2).map(attacker).collect()
}

/// Lets the outside end init by `signal`.
#[track_caller]
fn check_ends(init: &Child, signal: i32) {
    let attackers = attackers(init.pid, &[signal]);
    wait_pidfd(&init.pidfd());
    attackers.into_iter().for_each(Child::end);
    check!(init.wait(), End::Killed(signal), "how init ended");
}

fn check_lives(threads: usize) {
    mode::two_sided();
    let init = besieged(threads);
    // The outside sends, too, what does nothing to any process.
    let signals = [libc::SIGCONT, libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];
    let friends = attackers(init.pid, &signals);
    for_a_while(4, || {
        check_untouched(&init);
        init.check_alive();
    });
    friends.into_iter().for_each(Child::end);
    check_ends(&init, libc::SIGTERM);
}

fn an_init_that_the_inside_attacks_lives() {
    check_lives(1);
}

fn an_init_of_four_threads_that_the_inside_attacks_lives() {
    check_lives(4);
}

fn check_can_be_ended(threads: usize, signals: &[i32]) {
    mode::two_sided();
    let mut signals = signals.iter().cycle();
    for_a_while(5, || {
        let init = besieged(threads);
        check_ends(&init, *signals.next().expect("a signal"));
    });
}

const TERMINATE: [i32; 8] = [
    libc::SIGTERM,
    34,
    libc::SIGHUP,
    libc::SIGKILL,
    libc::SIGALRM,
    40,
    libc::SIGUSR1,
    64,
];
const DUMP: [i32; 3] = [libc::SIGQUIT, libc::SIGABRT, libc::SIGSEGV];

fn an_init_that_the_outside_ends_ends() {
    check_can_be_ended(1, &TERMINATE);
}

fn an_init_of_four_threads_that_the_outside_ends_ends() {
    check_can_be_ended(4, &TERMINATE);
}

fn an_init_that_the_outside_makes_dump_ends() {
    check_can_be_ended(1, &DUMP);
    check_can_be_ended(4, &DUMP);
}

/// Mainline ends a process at once if any thread can take what the one that it was sent to blocks.
fn no_code_from_inside_ends_an_init_of_two_threads() {
    mode::two_sided();
    for code in CODES {
        let init = new_ns(|talk| {
            let (tell, told) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                tell.send(()).expect("a word");
                sleep_for_ever();
            });
            told.recv().expect("a word");
            mask(libc::SIG_BLOCK, 40);
            let attacker = fork(|_| check!(sigqueue(1, 40, code), Ok(())));
            check!(attacker.wait(), End::Exit(0));
            echo(talk);
        });
        init.say(5);
        check!(
            init.talk.hear_or_end(),
            Some(vec![5]),
            "the answer of an init after the code {code}"
        );
    }
}

/// Sends a signal until it has stopped a child.
#[track_caller]
fn stop(child: &Child, signal: i32) {
    let status = eventually("init stops", || {
        child.kill(signal);
        let (pid, status) = wait_status(child.pid, libc::WNOHANG | libc::WUNTRACED);
        (pid != 0).then_some(status)
    });
    check!(
        (libc::WIFSTOPPED(status), libc::WSTOPSIG(status)),
        (true, signal),
        "how a child stopped: {status:#x}"
    );
}

fn a_stop_from_outside_stands() {
    mode::two_sided();
    for threads in [1, 4] {
        let init = new_ns(|talk| {
            // A process group whose parents are not in it, but in the session, is not orphaned.
            check!(setpgid(Pid::from_raw(0), Pid::from_raw(0)), Ok(()));
            hold_out(talk, threads);
        });
        init.hear();
        let mut signals = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN].iter().cycle();
        for_a_while(3, || {
            stop(&init, *signals.next().expect("a signal"));
            (0..10).for_each(|_| rest());
            check_untouched(&init);
            check!(
                Proc::at("/proc").stat(&init.pid.to_string()).state,
                'T',
                "the state of a stopped init"
            );
            init.kill(libc::SIGCONT);
            let (_, status) = wait_status(init.pid, libc::WCONTINUED);
            check!(libc::WIFCONTINUED(status), true, "the status {status:#x}");
            init.check_alive();
        });
        stop(&init, libc::SIGSTOP);
        init.end();
    }
}

fn the_mode_changes_all_the_while() {
    mode::two_sided();
    let lasting = besieged(1);
    let switch = fork(|_| loop {
        for two_sided in [0, 1] {
            mode::set(two_sided);
            rest();
        }
    });
    for_a_while(4, || {
        check_untouched(&lasting);
        lasting.check_alive();
        // One of many threads may fall by mainline's verdict, and by a signal from inside.
        let other = new_ns(|talk| hold_out(talk, 4));
        let attackers = attackers(other.pid, &TERMINATE);
        wait_pidfd(&other.pidfd());
        attackers.into_iter().for_each(Child::end);
        check!(matches!(other.wait(), End::Killed(_)), true);
    });
    switch.end();
    for init in [lasting, besieged(1)] {
        mode::set(0);
        for way in WAYS {
            check!(way.send(init.pid, libc::SIGTERM), Ok(()));
            init.check_alive();
        }
        check_untouched(&init);
        mode::set(1);
        check_ends(&init, libc::SIGTERM);
    }
}

fn an_init_that_executes_itself_again_and_again() {
    mode::two_sided();
    let program = this_program();
    let init = new_ns(|talk| {
        // A program's start handles SIGSEGV for itself.
        let signals: Vec<i32> = FIRE.into_iter().filter(|s| *s != libc::SIGSEGV).collect();
        attack_from_inside(1, &signals);
        program::start_anew(program.as_raw_fd(), talk);
    });
    check!(init.hear_all()[0], 1);
    let mut words = [program::ANEW, program::ANEW_BY_A_THREAD].iter().cycle();
    for_a_while(4, || {
        init.say(*words.next().expect("a word"));
        check!(init.hear_all()[..2], [1, 1], "the numbers of a new program");
        check_untouched(&init);
    });
    check!(program::ask(&init, program::CALM), [0]);
    check_ends(&init, libc::SIGTERM);
}

/// Traces init for a moment, again and again, until it ends. Passes on what it is shown, or, if the
/// dice say so, something else.
fn trace_now_and_then(init: i32, others: &[i32]) {
    let mut dice = Dice::new(1);
    let ask = |request, data: i32| {
        let (none, data) = (std::ptr::null_mut::<u8>(), data as usize);
        // SAFETY: none of these requests takes an address.
        Errno::result(unsafe { libc::ptrace(request, init, none, data) })
    };
    while ask(libc::PTRACE_SEIZE, 0).is_ok() {
        for _ in 0..dice.roll(4) {
            if ask(libc::PTRACE_INTERRUPT, 0).is_err() {
                return;
            }
            let (_, status) = wait_status(init, libc::__WALL);
            if !libc::WIFSTOPPED(status) {
                return;
            }
            let shown = match status >> 16 {
                0 => libc::WSTOPSIG(status),
                _ => 0,
            };
            let other = shown != 0 && !others.is_empty() && dice.roll(4) == 0;
            let passed = if other { dice.choose(others) } else { shown };
            if ask(libc::PTRACE_CONT, passed).is_err() {
                return;
            }
        }
        let _ = ask(libc::PTRACE_INTERRUPT, 0);
        let (_, status) = wait_status(init, libc::__WALL);
        if !libc::WIFSTOPPED(status) || ask(libc::PTRACE_DETACH, 0).is_err() {
            return;
        }
        rest();
    }
}

fn check_traced(start: fn(usize, &[i32]) -> (Child, Option<Child>), signals: &[i32]) {
    mode::two_sided();
    for threads in [1, 4] {
        let (init, tracer) = start(threads, signals);
        for_a_while(3, || {
            check_untouched(&init);
            init.check_alive();
        });
        check_ends(&init, libc::SIGTERM);
        if let Some(tracer) = tracer {
            check!(tracer.wait(), End::Exit(0), "the end of a tracer");
        }
    }
}

fn traced_from_outside(threads: usize, signals: &[i32]) -> (Child, Option<Child>) {
    let init = new_ns(|talk| hold_out_against(talk, threads, signals));
    init.hear();
    let tracer = fork(|_| trace_now_and_then(init.pid, &[]));
    (init, Some(tracer))
}

fn traced_from_inside(threads: usize, signals: &[i32]) -> (Child, Option<Child>) {
    let init = new_ns(|talk| {
        // SIGKILL is a tracer's right everywhere.
        let others: Vec<i32> = signals
            .iter()
            .copied()
            .filter(|s| *s != libc::SIGKILL)
            .collect();
        fork(|_| trace_now_and_then(1, &others));
        hold_out_against(talk, threads, signals);
    });
    init.hear();
    (init, None)
}

fn tracers_outside_come_and_go() {
    check_traced(traced_from_outside, &FIRE[1..]);
}

fn tracers_inside_come_and_go() {
    check_traced(traced_from_inside, &FIRE[1..]);
}

fn tracers_come_and_go_while_the_inside_sends_stops() {
    check_traced(traced_from_outside, &FIRE);
    check_traced(traced_from_inside, &FIRE);
}

fn inits_within_inits() {
    mode::two_sided();
    let outer = new_ns(|talk| {
        nix::unistd::setsid().expect("setsid");
        attack_from_inside(1, &FIRE);
        let mut threads = [1, 4].into_iter().cycle();
        loop {
            let inner = new_ns(|talk| {
                fork_attacker(|| loop {
                    // Both inits are in this group.
                    check!(kill(0, libc::SIGTERM), Ok(()));
                    rest();
                });
                hold_out(talk, threads.next().expect("a number"));
            });
            inner.hear();
            check_ends(&inner, libc::SIGHUP);
            talk.say(0);
        }
    });
    for_a_while(4, || {
        outer.hear();
        check_untouched(&outer);
    });
    check_ends(&outer, libc::SIGTERM);
}

fn inits_come_and_go() {
    mode::two_sided();
    in_parallel(|worker| {
        let mut dice = Dice::new(worker);
        for_a_while(4, || {
            let init = new_ns(|talk| {
                (0..2).for_each(|n| {
                    fork(|_| fire_at(1, &[], &FIRE, &mut Dice::new(n)));
                });
                wait_for_word(talk);
                quit(3);
            });
            if dice.roll(2) == 0 {
                (0..dice.roll(3)).for_each(|_| rest());
                init.kill(libc::SIGTERM);
                check!(init.wait(), End::Killed(libc::SIGTERM));
            } else {
                init.say(0);
                check!(init.wait(), End::Exit(3));
            }
        });
    });
}
