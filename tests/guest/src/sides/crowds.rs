//! An init of many threads: whichever takes the signal, the verdict is the same.

use super::subject::{mask, Subject};
use crate::clone::NEWPID;
use crate::harness::Test;
use crate::mode;
use crate::process::{eventually, quit_thread, sleep_for_ever, tid};
use crate::talk::Talk;

use libc::SIGTERM;

pub const TESTS: &[Test] = tests![
    one_thread_that_does_not_block,
    to_a_thread_that_blocks,
    to_a_thread_that_does_not_block,
    another_thread_unblocks,
    a_leader_that_has_gone,
    threads_that_come_and_go,
];

const SIGNALS: [i32; 3] = [SIGTERM, libc::SIGQUIT, 40];

/// Words to a thread.
const BLOCK: i32 = 1;
const UNBLOCK: i32 = 2;
const SEND_ITSELF: i32 = 3;

/// An init of four threads that block the signal, each with a line of its own that answers with the
/// thread's number; the leader's is the first.
struct Crowd {
    subject: Subject,
    lines: Vec<Talk>,
    signal: i32,
}

fn obey(line: &Talk, signal: i32) {
    while let Some(words) = line.hear_or_end() {
        match words[0] {
            BLOCK => mask(libc::SIG_BLOCK, signal),
            UNBLOCK => mask(libc::SIG_UNBLOCK, signal),
            SEND_ITSELF => {
                check!(super::tgkill(1, tid(), signal), Ok(()));
            }
            _ => {}
        }
        line.say(tid());
    }
}

impl Crowd {
    #[track_caller]
    fn new(signal: i32) -> Crowd {
        let (lines, theirs): (Vec<Talk>, Vec<Talk>) = (0..4).map(|_| Talk::pair()).unzip();
        let subject = Subject::with(NEWPID, |talk| {
            mask(libc::SIG_BLOCK, signal);
            let mut theirs = theirs;
            let own = theirs.remove(0);
            for line in theirs {
                std::thread::spawn(move || obey(&line, signal));
            }
            talk.say(0);
            obey(&own, signal);
        });
        let crowd = Crowd {
            subject,
            lines,
            signal,
        };
        crowd.check_alive("at the beginning");
        crowd
    }

    /// Fails unless every thread answers.
    #[track_caller]
    fn check_alive(&self, words: &str) {
        for thread in 0..4 {
            check!(
                self.ask(thread, 0).is_some(),
                true,
                "thread {thread} lives: {words}"
            );
        }
    }

    #[track_caller]
    fn ask(&self, thread: usize, word: i32) -> Option<i32> {
        self.lines[thread].say(word);
        self.lines[thread].hear_or_end().map(|words| words[0])
    }

    /// The thread's number here.
    fn number(&self, thread: usize) -> i32 {
        let inside = self.ask(thread, 0).expect("an answer").to_string();
        let proc = crate::proc_fs::Proc::at("/proc");
        let tasks = format!("{}/task", self.subject.number());
        let own = proc.numbers(&tasks).into_iter().find(|n| {
            let line = proc.status(&format!("{tasks}/{n}"), "NSpid");
            line.split_whitespace().last() == Some(inside.as_str())
        });
        own.expect("the thread's number")
    }

    fn to_thread(&self, thread: usize) {
        let number = self.number(thread);
        check!(
            super::tgkill(self.subject.number(), number, self.signal),
            Ok(())
        );
    }
}

fn one_thread_that_does_not_block() {
    mode::two_sided();
    for signal in SIGNALS {
        for thread in 0..4 {
            let crowd = Crowd::new(signal);
            crowd.ask(thread, UNBLOCK);
            crowd.subject.inside(signal);
            crowd.check_alive("after a signal from inside");
            crowd.subject.outside(signal);
            crowd
                .subject
                .check_ends(signal, &format!("thread {thread} does not block it"));
        }
    }
}

fn to_a_thread_that_blocks() {
    mode::two_sided();
    for signal in SIGNALS {
        let crowd = Crowd::new(signal);
        // From inside, and not for the others.
        crowd.ask(2, SEND_ITSELF);
        for thread in [0, 1, 3, 2] {
            check!(
                crowd.ask(thread, UNBLOCK).is_some(),
                true,
                "thread {thread} unblocks"
            );
        }
        for thread in 0..4 {
            crowd.ask(thread, BLOCK);
        }
        crowd.to_thread(2);
        for thread in [0, 1, 3] {
            check!(
                crowd.ask(thread, UNBLOCK).is_some(),
                true,
                "thread {thread} unblocks"
            );
        }
        crowd.lines[2].say(UNBLOCK);
        crowd
            .subject
            .check_ends(signal, "its third thread unblocks");
    }
}

fn to_a_thread_that_does_not_block() {
    mode::two_sided();
    for signal in SIGNALS {
        let crowd = Crowd::new(signal);
        crowd.ask(3, UNBLOCK);
        crowd.ask(3, SEND_ITSELF);
        crowd.check_alive("after a thread's signal to itself");
        crowd.to_thread(3);
        crowd
            .subject
            .check_ends(signal, "its fourth thread does not block it");
    }
}

fn another_thread_unblocks() {
    mode::two_sided();
    for signal in SIGNALS {
        for thread in 0..4 {
            let crowd = Crowd::new(signal);
            crowd.subject.inside(signal);
            crowd.ask(thread, UNBLOCK);
            crowd.check_alive("after a signal from inside");
            crowd.ask(thread, BLOCK);
            crowd.subject.outside(signal);
            crowd.check_alive("which blocks the signal");
            crowd.lines[thread].say(UNBLOCK);
            crowd
                .subject
                .check_ends(signal, &format!("thread {thread} unblocks"));
        }
    }
}

fn a_leader_that_has_gone() {
    mode::two_sided();
    for signal in SIGNALS {
        let (line, theirs) = Talk::pair();
        let subject = Subject::with(NEWPID, |talk| {
            std::thread::spawn(move || obey(&theirs, signal));
            talk.say(0);
            quit_thread(0)
        });
        eventually("the leader is a zombie", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", subject.number()));
            stat.expect("stat").contains(") Z ").then_some(())
        });
        for way in [crate::way::Way::Kill, crate::way::Way::Sigqueue] {
            for signal in [signal, libc::SIGKILL, libc::SIGSTOP] {
                subject.inside_by(way, signal);
            }
            line.say(0);
            check!(line.hear_or_end().is_some(), true, "the thread lives on");
        }
        subject.outside(signal);
        subject.check_ends(signal, "without a leader");
    }
}

fn threads_that_come_and_go() {
    mode::two_sided();
    for signal in SIGNALS {
        let subject = Subject::with(NEWPID, |talk| {
            for _ in 0..3 {
                std::thread::spawn(|| loop {
                    let _ = std::thread::spawn(tid).join();
                });
            }
            talk.say(0);
            sleep_for_ever()
        });
        for _ in 0..crate::harness::scale(100, 20) {
            subject.inside(signal);
            subject.inside(libc::SIGKILL);
        }
        check!(
            crate::process::kill(subject.number(), 0),
            Ok(()),
            "init after signals from inside"
        );
        subject.outside(signal);
        subject.check_ends(signal, "whose threads come and go");
    }
}
