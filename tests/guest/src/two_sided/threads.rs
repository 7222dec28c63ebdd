//! An init of many threads, any of which may take a signal, and calls that a signal must not find
//! without their init's protection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::core_dumps::{limit_cores, Cores};
use super::{attack, state, tgkill, ALL_KINDS, MAKERS};
use crate::agent::{message, obey, Agent, Command};
use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::{scale, Test};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    check_continues, check_stops, echo, eventually, fork, has_ended, lead_group, new_ns,
    quit_thread, sleep_for_ever, start_threads, wait_nobody, Child, End,
};
use crate::send_signal::{SendCall, SEND_CALLS};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    one_thread_may_take_it_from_outside,
    one_thread_may_take_it_and_stops_all,
    one_thread_may_take_it_from_inside,
    a_thread_sends_to_its_process,
    one_thread_lets_it_in,
    to_one_thread,
    to_one_thread_and_to_all,
    when_the_leader_has_gone,
    when_the_leader_has_gone_and_blocks_it,
    a_thread_executes_a_program,
    a_thread_executes_a_program_meanwhile,
    in_the_middle_of_vfork,
    in_the_middle_of_many_forks,
    never_a_sibling_while_signals_come,
    never_a_sibling_at_the_end,
    never_a_sibling_during_a_dump,
];

const TERM: i32 = libc::SIGTERM;
const ENDING: [i32; 3] = [TERM, libc::SIGQUIT, 40];
const COUNT: usize = 4;

/// A process of several threads, each of which does what it is told.
struct Team {
    /// The leader is the first.
    threads: Vec<Agent>,
    /// Their numbers, seen from outside.
    numbers: Vec<i32>,
}

impl Team {
    #[track_caller]
    fn new(flags: u64) -> Team {
        let (channels, ends): (Vec<Channel>, Vec<Channel>) =
            (0..COUNT).map(|_| Channel::pair()).unzip();
        let ends: &'static Vec<Channel> = Box::leak(Box::new(ends));
        let child = Clone::new(flags).start(|_| {
            lead_group();
            signal_state::reset();
            start_threads(COUNT - 1, |index| obey(&ends[index + 1]));
            obey(&ends[0]);
        });
        let pid = child.expect("clone3").pid;
        let threads: Vec<Agent> = channels
            .into_iter()
            .map(|channel| Agent(Child { pid, channel }))
            .collect();
        let team = Team {
            threads,
            numbers: Vec::new(),
        };
        team.survives("its first word");
        let numbers = Proc::at("/proc").numbers(&format!("{pid}/task"));
        Team { numbers, ..team }
    }

    fn init() -> Team {
        Team::new(NEWPID)
    }

    #[track_caller]
    fn survives(&self, words: &str) {
        self.threads.iter().for_each(|t| t.survives(words));
    }

    /// Lets all threads but this one block a signal.
    #[track_caller]
    fn block_but(&self, signal: i32, taker: usize) {
        for (index, thread) in self.threads.iter().enumerate() {
            if index != taker {
                thread.block(signal);
            }
        }
    }

    #[track_caller]
    fn ends(mut self, signal: i32, words: &str) {
        self.threads.remove(0).ends(signal, words);
    }
}

/// Ways to send to a whole process.
const TO_ALL: [SendCall; 4] = [
    SendCall::Kill,
    SendCall::Sigqueue,
    SendCall::Pidfd,
    SendCall::PidfdInfo,
];

fn one_thread_may_take_it_from_outside() {
    mode::two_sided();
    for (taker, call) in TO_ALL.into_iter().enumerate() {
        for signal in ENDING {
            let team = Team::init();
            team.block_but(signal, taker);
            team.threads[0].outside(call, signal);
            team.ends(signal, &format!("{signal} that thread {taker} takes"));
        }
    }
}

fn one_thread_may_take_it_and_stops_all() {
    mode::two_sided();
    let team = Team::init();
    let init = &team.threads[0].0;
    for (taker, call) in TO_ALL.into_iter().enumerate() {
        team.block_but(libc::SIGTSTP, taker);
        team.threads[0].outside(call, libc::SIGTSTP);
        check_stops(init, libc::SIGTSTP, "the team");
        for number in &team.numbers {
            let path = format!("{}/task/{number}", init.pid);
            check!(state(&path), 'T', "thread {number}, when {taker} took it");
        }
        init.kill(libc::SIGCONT);
        check_continues(init, "the team");
        team.threads.iter().for_each(|t| t.unblock(libc::SIGTSTP));
        team.survives("a stop");
    }
}

/// Mainline's init would end: see `signals/inside.rs`.
fn one_thread_may_take_it_from_inside() {
    mode::two_sided();
    let team = Team::init();
    for taker in 0..COUNT {
        for signal in [TERM, libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, 40] {
            team.block_but(signal, taker);
            for call in SEND_CALLS {
                team.threads[(taker + 1) % COUNT].inside(call, signal);
            }
            team.survives(&format!("{signal}, when {taker} takes it"));
            // What went to the leader alone is there until that lets it in.
            team.threads.iter().for_each(|t| t.unblock(signal));
            team.threads[taker].check_pending(signal, false);
        }
    }
    team.survives("everything");
    team.threads[0].outside(SendCall::Kill, TERM);
    team.ends(TERM, "SIGTERM from outside");
}

/// It is the process that asks.
fn a_thread_sends_to_its_process() {
    mode::two_sided();
    for call in SEND_CALLS {
        for sender in 0..2 {
            let team = Team::init();
            let ask = Command::SendToItself(call, TERM);
            team.threads[sender].channel.send_all(&message(&[ask]));
            team.ends(TERM, &format!("thread {sender} by {call:?}"));
        }
    }
}

fn one_thread_lets_it_in() {
    mode::two_sided();
    for (taker, call) in TO_ALL.into_iter().enumerate() {
        for signal in ENDING {
            let mut team = Team::init();
            team.block_but(signal, COUNT);
            team.threads[0].inside(SendCall::Kill, signal);
            team.threads[taker].unblock(signal);
            team.survives("one from inside");
            team.threads[taker].block(signal);
            team.threads[0].inside(SendCall::Kill, signal);
            team.threads[0].outside(call, signal);
            team.survives("one that all block");
            let words = format!("{signal} that thread {taker} lets in");
            team.threads.remove(taker).unblock_and_end(signal, &words);
        }
    }
}

fn to_one_thread() {
    mode::two_sided();
    for signal in ENDING {
        let mut team = Team::init();
        let (process, thread) = (team.numbers[0], team.numbers[2]);
        team.threads[2].block(signal);
        check!(tgkill(process, thread, signal), Ok(()));
        team.threads[1].block(signal);
        team.threads[1].unblock(signal);
        team.survives("a signal to another thread, which blocks it");
        let words = format!("{signal} to one thread");
        team.threads.remove(2).unblock_and_end(signal, &words);
    }
    for signal in ENDING {
        let team = Team::init();
        team.block_but(signal, 3);
        check!(tgkill(team.numbers[0], team.numbers[3], signal), Ok(()));
        team.ends(signal, "a signal to the thread that does not block it");
    }
}

/// What the thread has from outside does not count for what the process has from inside, nor the other
/// way round.
fn to_one_thread_and_to_all() {
    mode::two_sided();
    for signal in [TERM, 40] {
        let mut team = Team::init();
        team.block_but(signal, COUNT);
        let (process, thread) = (team.numbers[0], team.numbers[2]);
        check!(tgkill(process, thread, signal), Ok(()));
        team.threads[0].inside(SendCall::Kill, signal);
        team.threads[1].unblock(signal);
        team.survives("the process's signal, from inside");
        let words = "the thread's signal, from outside";
        team.threads.remove(2).unblock_and_end(signal, words);
    }
}

fn when_the_leader_has_gone() {
    mode::two_sided();
    for call in TO_ALL {
        for signal in ENDING {
            let init = new_ns(|channel| {
                signal_state::reset();
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        attack(&ALL_KINDS);
                        echo(channel);
                    });
                    quit_thread(3);
                });
            });
            let path = format!("{}/task/{}", init.pid, init.pid);
            eventually("the leader is a zombie", || {
                (state(&path) == 'Z').then_some(())
            });
            init.check_alive();
            check!(call.send(init.pid, signal), Ok(()));
            let end = init.wait();
            check!(end, End::Killed(signal), "by {call:?}");
        }
    }
}

/// Another thread takes what comes from inside, to no effect.
fn when_the_leader_has_gone_and_blocks_it() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                channel.receive();
                attack(&ENDING);
                channel.send(0);
                echo(channel);
            });
            ENDING.into_iter().for_each(signal_state::block);
            quit_thread(3);
        });
    });
    let path = format!("{}/task/{}", init.pid, init.pid);
    eventually("the leader is a zombie", || {
        (state(&path) == 'Z').then_some(())
    });
    init.send(0);
    check!(
        init.channel.receive_or_end(),
        Some(vec![0]),
        "after signals from inside"
    );
    init.check_alive();
    init.kill(TERM);
    check!(init.wait(), End::Killed(TERM));
}

fn a_thread_executes_a_program() {
    mode::two_sided();
    for signal in ENDING {
        let team = Team::init();
        team.block_but(signal, COUNT);
        team.threads[0].inside(SendCall::Kill, signal);
        team.threads[2].execute();
        let init = &team.threads[2];
        init.unblock(signal);
        init.survives("one from inside that waited for another program");
        init.inside(SendCall::Kill, signal);
        init.survives("one from inside");
        init.outside(SendCall::Tgkill, signal);
        team.ends(signal, "one from outside");
    }
    for signal in ENDING {
        let mut team = Team::init();
        team.block_but(signal, COUNT);
        team.threads[0].outside(SendCall::Kill, signal);
        team.threads[2].execute();
        let words = "one from outside that waited for another program";
        team.threads.remove(2).unblock_and_end(signal, words);
    }
}

/// A thread of an init executes this program meanwhile. One that dumps core may be lost, as of any process: whoever has taken it
/// cannot begin to dump while another thread executes, and ends as all others do. So that is sent until it acts.
fn a_thread_executes_a_program_meanwhile() {
    mode::two_sided();
    for round in 0..scale(12, 4) {
        let signal = ENDING[round % ENDING.len()];
        let mut team = Team::init();
        let (pid, delay) = (team.numbers[0], Duration::from_millis(round as u64));
        team.threads[2].tell(Command::Execute());
        std::thread::sleep(delay);
        check!(SendCall::Kill.send(pid, signal), Ok(()));
        let init = team.threads.remove(2);
        if signal == libc::SIGQUIT {
            let pidfd = init.0.pidfd();
            eventually("it ends", || {
                check!(SendCall::Kill.send(pid, signal), Ok(()));
                has_ended(&pidfd).then_some(())
            });
        }
        init.ends(signal, &format!("{signal} {delay:?} after execve"));
    }
}

fn in_the_middle_of_vfork() {
    mode::two_sided();
    for (who, make) in MAKERS {
        for call in SEND_CALLS {
            let child = make(|channel| {
                signal_state::reset();
                channel.send(0);
                let vfork = Clone::new(libc::CLONE_VFORK as u64);
                let _ = vfork.start(|_| sleep_for_ever());
            });
            child.receive();
            let path = child.pid.to_string();
            eventually("vfork waits", || (state(&path) == 'D').then_some(()));
            check!(call.send(child.pid, TERM), Ok(()));
            check!(child.wait(), End::Killed(TERM), "{who}, by {call:?}");
        }
    }
}

fn in_the_middle_of_many_forks() {
    mode::two_sided();
    for call in SEND_CALLS {
        let init = new_ns(|channel| {
            signal_state::reset();
            start_threads(2, |_| loop {
                let _ = Clone::new(0).attempt();
            });
            channel.send(0);
            loop {
                fork(|_| ()).wait();
            }
        });
        init.receive();
        check!(call.send(init.pid, TERM), Ok(()));
        check!(init.wait(), End::Killed(TERM), "by {call:?}");
    }
}

/// An init with threads that try all the time to make a sibling of it.
fn init_that_wants_siblings() -> Child {
    let init = new_ns(|channel| {
        lead_group();
        signal_state::reset();
        limit_cores(libc::RLIM_INFINITY);
        signal_capture::capture(&[libc::SIGUSR1]);
        static TRIED: AtomicBool = AtomicBool::new(false);
        start_threads(3, |_| loop {
            let made = Clone::new(libc::CLONE_PARENT as u64).attempt();
            check!(made, Err(Errno::EINVAL), "a sibling of init");
            TRIED.store(true, Ordering::Relaxed);
        });
        fork(|_| loop {
            attack(&ALL_KINDS);
        });
        while !TRIED.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        echo(channel);
    });
    init.check_alive();
    init
}

fn never_a_sibling_while_signals_come() {
    mode::two_sided();
    let init = init_that_wants_siblings();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        for signal in [libc::SIGTSTP, libc::SIGSTOP] {
            init.kill(libc::SIGUSR1);
            init.kill(libc::SIGWINCH);
            init.kill(signal);
            check_stops(&init, signal, "init");
            init.kill(libc::SIGCONT);
            check_continues(&init, "init");
        }
        init.check_alive();
    }
    init.end();
    check!(wait_nobody(), Err(Errno::ECHILD), "another child");
}

fn never_a_sibling_at_the_end() {
    mode::two_sided();
    for round in 0..scale(20, 5) {
        let signal = [TERM, libc::SIGKILL, 40][round % 3];
        let init = init_that_wants_siblings();
        init.kill(signal);
        check!(init.wait(), End::Killed(signal));
        check!(wait_nobody(), Err(Errno::ECHILD), "another child");
    }
}

fn never_a_sibling_during_a_dump() {
    mode::two_sided();
    let _cores = Cores::to("|/usr/bin/dd of=/tmp/cores/%P");
    for round in 0..scale(6, 2) {
        let signal = [libc::SIGQUIT, libc::SIGABRT][round % 2];
        let init = init_that_wants_siblings();
        init.kill(signal);
        let end = crate::process::wait_for_core(init.pid);
        check!(end, (End::Killed(signal), true));
        check!(wait_nobody(), Err(Errno::ECHILD), "another child");
    }
}
