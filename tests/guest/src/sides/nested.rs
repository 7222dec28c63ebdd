//! Inits within inits: each has its own two sides.

use super::{attack, own_group, reset, ALL_KINDS};
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mail::Mail;
use crate::mode;
use crate::ns_file::NsFile;
use crate::privilege::become_nobody;
use crate::proc_fs::Proc;
use crate::process::{echo, errno_of, fork, kill, new_ns, sleep_for_ever, unshare_pid, Child, End};
use crate::talk::Talk;
use crate::way::{Way, WAYS};

pub const TESTS: &[Test] = tests![300;
    every_level_against_those_below,
    every_level_against_its_own,
    a_group_of_all_levels_and_the_innermost,
    a_group_of_all_levels_and_the_middle,
    who_enters_is_outside_and_its_children_are_not,
    without_privilege,
    by_its_owner_without_privilege,
    an_init_whose_maker_unshared,
];

/// Levels of inits below the test.
const DEPTH: usize = 3;

/// What an init of a tower answers to this is how the one below it ended.
const HOW_DID_IT_END: i32 = -1;

/// One level: an init, and a member that sends signals on demand.
struct Level {
    /// The init's numbers, from the outermost namespace to its own.
    numbers: Vec<i32>,
    init: Talk,
    member: Talk,
}

/// Inits within inits; the test itself is the parent of the outermost.
struct Tower {
    outermost: Child,
    levels: Vec<Level>,
}

/// The inner ends of the lines to one level.
type Ends = (Talk, Talk);

fn init_of(levels: &[Ends], mail: &Mail) -> Option<Child> {
    let ((line, member_line), below) = levels.split_first()?;
    let init = new_ns(|talk| {
        reset();
        let member = fork(|talk| {
            talk.say(0);
            while let Some(words) = member_line.hear_or_end() {
                let way = WAYS[words[0] as usize];
                member_line.say(errno_of(way.send(words[1], words[2])));
            }
        });
        member.hear();
        let inner = init_of(below, mail);
        mail.send();
        talk.say(0);
        while let Some(words) = line.hear_or_end() {
            line.say(match &inner {
                Some(inner) if words[0] == HOW_DID_IT_END => killer(inner),
                _ => words[0],
            });
        }
    });
    init.hear();
    Some(init)
}

/// The signal that ended a child.
fn killer(child: &Child) -> i32 {
    match child.wait() {
        End::Killed(signal) => signal,
        other => panic!("expected a death by a signal, saw {other:?}"),
    }
}

impl Tower {
    #[track_caller]
    fn new() -> Tower {
        let mail = Mail::new();
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..DEPTH {
            let (init, init_end) = Talk::pair();
            let (member, member_end) = Talk::pair();
            lines.push((init, member));
            ends.push((init_end, member_end));
        }
        let outermost = init_of(&ends, &mail).expect("a level");
        // The innermost is ready first.
        let mut numbers: Vec<i32> = (0..DEPTH).map(|_| mail.receive()).collect();
        numbers.reverse();
        let levels = lines.into_iter().zip(numbers);
        let proc = Proc::at("/proc");
        let levels = levels.map(|((init, member), number)| {
            let all = proc.status(&number.to_string(), "NSpid");
            let numbers = all.split_whitespace();
            Level {
                numbers: numbers.map(|n| n.parse().expect("a number")).collect(),
                init,
                member,
            }
        });
        Tower {
            outermost,
            levels: levels.collect(),
        }
    }

    /// Lets a member of the namespace of this depth, 0 being that of the test, send a signal to an init.
    #[track_caller]
    fn send(&self, from: usize, to: usize, way: Way, signal: i32) {
        let number = self.levels[to - 1].numbers[from];
        let error = if from == 0 {
            errno_of(way.send(number, signal))
        } else {
            let way = WAYS.iter().position(|w| *w == way).expect("a way") as i32;
            let member = &self.levels[from - 1].member;
            member.say_all(&[way, number, signal]);
            member.hear()
        };
        check!(error, 0, "{signal} by {way:?} from depth {from} to {to}");
    }

    /// Checks that the inits down to this depth live.
    #[track_caller]
    fn check_alive(&self, depth: usize, words: &str) {
        for level in &self.levels[..depth] {
            level.init.say(5);
            check!(level.init.hear(), 5, "{words}");
        }
    }

    /// Waits until the init of this depth has ended.
    #[track_caller]
    fn check_ends(&self, depth: usize, signal: i32, words: &str) {
        let seen = match depth {
            1 => killer(&self.outermost),
            _ => {
                let parent = &self.levels[depth - 2].init;
                parent.say(HOW_DID_IT_END);
                parent.hear()
            }
        };
        check!(seen, signal, "{words}");
    }
}

fn every_level_against_those_below() {
    mode::two_sided();
    for to in 1..=DEPTH {
        for from in 0..to {
            for way in [Way::Kill, Way::Tgkill, Way::Sigqueue, Way::PidfdInfo] {
                let words = format!("depth {to}, signalled from {from} by {way:?}");
                let tower = Tower::new();
                tower.send(from, to, way, libc::SIGTERM);
                tower.check_ends(to, libc::SIGTERM, &words);
                tower.check_alive(to - 1, &words);
            }
        }
    }
}

fn every_level_against_its_own() {
    mode::two_sided();
    let tower = Tower::new();
    for depth in 1..=DEPTH {
        for way in WAYS {
            for signal in ALL_KINDS {
                tower.send(depth, depth, way, signal);
            }
        }
        tower.check_alive(DEPTH, "signals from its own level");
    }
}

/// Two inits and a member of each in one process group, and the line to a member of the middle one that
/// signals the group on demand.
fn group(depth: usize, story: impl FnOnce(&Child, &Child, &Talk)) {
    mode::two_sided();
    let (order, ordered) = Talk::pair();
    let sender = || {
        fork(|_| {
            for signal in [libc::SIGTERM, libc::SIGINT] {
                crate::catch::ignore(signal.try_into().expect("a signal"));
            }
            while let Some(words) = ordered.hear_or_end() {
                ordered.say(errno_of(kill(0, words[0])));
            }
        });
    };
    let (inner_line, inner_end) = Talk::pair();
    let outer = new_ns(|talk| {
        reset();
        own_group();
        let inner = new_ns(|talk| {
            reset();
            if depth == 2 {
                sender();
            }
            talk.say(0);
            echo(&inner_end);
        });
        inner.hear();
        let other = fork(|_| sleep_for_ever());
        if depth == 1 {
            sender();
        }
        talk.say(0);
        check!(other.wait(), End::Killed(libc::SIGTERM));
        talk.say(0);
        if depth == 1 {
            check!(inner.wait(), End::Killed(libc::SIGTERM));
            talk.say(0);
        }
        echo(talk);
    });
    outer.hear();
    let inner = Child {
        pid: 0,
        talk: inner_line,
    };
    story(&outer, &inner, &order);
}

fn a_group_of_all_levels_and_the_innermost() {
    group(2, |outer, inner, order| {
        order.say(libc::SIGTERM);
        check!(order.hear(), 0, "kill(0)");
        check!(outer.hear(), 0, "the end of a process in the group");
        inner.check_alive();
        outer.check_alive();
        order.say(libc::SIGKILL);
        inner.check_alive();
        outer.check_alive();
    });
}

fn a_group_of_all_levels_and_the_middle() {
    group(1, |outer, _, order| {
        order.say(libc::SIGTERM);
        check!(order.hear(), 0, "kill(0)");
        check!(outer.hear(), 0, "the end of a process in the group");
        check!(outer.hear(), 0, "the end of the inner init");
        outer.check_alive();
    });
}

fn who_enters_is_outside_and_its_children_are_not() {
    mode::two_sided();
    let init = new_ns(|talk| {
        reset();
        echo(talk);
    });
    init.check_alive();
    let enterer = fork(|talk| {
        check!(NsFile::of(init.pid).enter(0), Ok(()), "setns");
        attack(&ALL_KINDS);
        init.check_alive();
        talk.say(0);
        talk.hear();
        check!(kill(init.pid, libc::SIGTERM), Ok(()));
    });
    enterer.hear();
    init.check_alive();
    enterer.say(0);
    check!(enterer.wait(), End::Exit(0));
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

fn without_privilege() {
    mode::two_sided();
    let init = new_ns(echo);
    init.check_alive();
    let nobody = fork(|_| {
        become_nobody();
        for way in WAYS {
            for signal in ALL_KINDS {
                let refused = errno_of(way.send(init.pid, signal));
                check!(refused, libc::EPERM, "{signal} by {way:?}");
            }
        }
    });
    check!(nobody.wait(), End::Exit(0));
    init.check_alive();
}

/// A user's own container: its init is root of a user namespace, its owner nobody.
fn by_its_owner_without_privilege() {
    mode::two_sided();
    let owner = fork(|_| {
        become_nobody();
        for way in WAYS {
            let flags = NEWPID | libc::CLONE_NEWUSER as u64;
            let init = Clone::new(flags).start(|talk| {
                reset();
                attack(&ALL_KINDS);
                echo(talk);
            });
            let init = init.expect("clone3");
            init.check_alive();
            check!(way.send(init.pid, libc::SIGTERM), Ok(()), "by {way:?}");
            check!(init.wait(), End::Killed(libc::SIGTERM), "by {way:?}");
        }
    });
    check!(owner.wait(), End::Exit(0));
}

/// The maker's later children are members; the maker itself stays outside.
fn an_init_whose_maker_unshared() {
    mode::two_sided();
    unshare_pid();
    let init = fork(|talk| {
        reset();
        echo(talk);
    });
    init.check_alive();
    attack(&ALL_KINDS);
    init.check_alive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
}
