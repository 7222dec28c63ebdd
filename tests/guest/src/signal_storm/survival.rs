//! An init lives through what the inside sends, and does what the outside says.

use super::attack::{rest, CODES, RANDOM_SIGNALS};
use super::attacked::for_a_while;
use super::{attacked, attackers, check_ends, check_untouched, survive};
use crate::clone::Clone;
use crate::harness::Test;
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    echo, eventually, fork, lead_group, new_ns, sleeping_thread, wait_pidfd, wait_status, Child,
    End,
};
use crate::send_signal::{sigqueue, SEND_CALLS};
use crate::signal_state;

pub const TESTS: &[Test] = tests![900;
    an_init_that_the_inside_attacks_lives,
    an_init_of_four_threads_that_the_inside_attacks_lives,
    an_init_that_the_outside_ends_ends,
    an_init_of_four_threads_that_the_outside_ends_ends,
    an_init_that_the_outside_makes_dump_ends,
    no_code_from_inside_ends_an_init_of_two_threads,
    no_exit_signal_of_a_child_touches_init,
    a_stop_from_outside_stands,
    the_mode_changes_all_the_while,
];

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
fn check_lives(threads: usize) {
    mode::two_sided();
    let init = attacked(threads);
    // The outside sends, too, what does nothing to any process.
    let signals = [libc::SIGCONT, libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];
    let friends = attackers(init.pid, &signals);
    for_a_while(2, || {
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
    for_a_while(3, || {
        let init = attacked(threads);
        check_ends(&init, *signals.next().expect("a signal"));
    });
}

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
        let init = new_ns(|channel| {
            sleeping_thread();
            signal_state::block(40);
            let attacker = fork(|_| check!(sigqueue(1, 40, code), Ok(())));
            check!(attacker.wait(), End::Exit(0));
            echo(channel);
        });
        init.send(5);
        check!(
            init.channel.receive_or_end(),
            Some(vec![5]),
            "the answer of an init after the code {code}"
        );
    }
}

fn no_exit_signal_of_a_child_touches_init() {
    mode::two_sided();
    let init = new_ns(|channel| {
        for signal in RANDOM_SIGNALS {
            let child = Clone::new(0).with(|a| a.exit_signal = signal as u64);
            check!(
                child.attempt().is_ok(),
                true,
                "a child that ends with {signal}"
            );
            channel.send(signal);
            channel.receive();
        }
    });
    for signal in RANDOM_SIGNALS {
        (0..20).for_each(|_| rest());
        check_untouched(&init);
        check!(init.receive(), signal);
        init.send(0);
    }
    check!(init.wait(), End::Exit(0));
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
        let init = new_ns(|channel| {
            // A process group whose parents are not in it, but in the session, is not orphaned.
            lead_group();
            survive(channel, threads);
        });
        init.receive();
        let mut signals = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN].iter().cycle();
        for_a_while(2, || {
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
    let lasting = attacked(1);
    let switch = fork(|_| loop {
        for two_sided in [0, 1] {
            mode::set(two_sided);
            rest();
        }
    });
    for_a_while(2, || {
        check_untouched(&lasting);
        lasting.check_alive();
        // One of many threads may end by mainline's verdict, and by a signal from inside.
        let other = new_ns(|channel| survive(channel, 4));
        let attackers = attackers(other.pid, &TERMINATE);
        wait_pidfd(&other.pidfd());
        attackers.into_iter().for_each(Child::end);
        check!(matches!(other.wait(), End::Killed(_)), true);
    });
    switch.end();
    for init in [lasting, attacked(1)] {
        mode::set(0);
        for call in SEND_CALLS {
            check!(call.send(init.pid, libc::SIGTERM), Ok(()));
            init.check_alive();
        }
        check_untouched(&init);
        mode::set(1);
        check_ends(&init, libc::SIGTERM);
    }
}
