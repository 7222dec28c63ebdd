//! Inits within inits: each has its own two sides.

use super::{attack, ALL_KINDS};
use crate::agent::{message, obey, Command};
use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::ns_file::NsFile;
use crate::privilege::become_nobody;
use crate::proc_fs::Proc;
use crate::process::{
    echo, errno_of, fork, kill, lead_group, new_ns, sleep_for_ever, unshare_pid, Child, End,
};
use crate::scm_credentials::CredentialsSocket;
use crate::send_signal::{SendCall, SEND_CALLS};
use crate::signal_state;

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
    init: Channel,
    member: Channel,
}

/// Inits within inits; the test itself is the parent of the outermost.
struct Tower {
    outermost: Child,
    levels: Vec<Level>,
}

/// The inner ends of the channels to one level.
type Ends = (Channel, Channel);

fn init_of(levels: &[Ends], socket: &CredentialsSocket) -> Option<Child> {
    let ((end, member_end), below) = levels.split_first()?;
    let init = new_ns(|channel| {
        signal_state::reset();
        let member = fork(|channel| {
            channel.send(0);
            obey(member_end);
        });
        member.receive();
        let inner = init_of(below, socket);
        socket.send();
        channel.send(0);
        while let Some(words) = end.receive_or_end() {
            end.send(match &inner {
                Some(inner) if words[0] == HOW_DID_IT_END => killer(inner),
                _ => words[0],
            });
        }
    });
    init.receive();
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
        let socket = CredentialsSocket::new();
        let (mut channels, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..DEPTH {
            let (init, init_end) = Channel::pair();
            let (member, member_end) = Channel::pair();
            channels.push((init, member));
            ends.push((init_end, member_end));
        }
        let outermost = init_of(&ends, &socket).expect("a level");
        // The innermost is ready first.
        let mut numbers: Vec<i32> = (0..DEPTH).map(|_| socket.receive()).collect();
        numbers.reverse();
        let levels = channels.into_iter().zip(numbers);
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
    fn send(&self, from: usize, to: usize, call: SendCall, signal: i32) {
        let number = self.levels[to - 1].numbers[from];
        let error = if from == 0 {
            errno_of(call.send(number, signal))
        } else {
            let member = &self.levels[from - 1].member;
            member.send_all(&message(&[Command::Send(call, number, signal)]));
            member.receive()
        };
        check!(error, 0, "{signal} by {call:?} from depth {from} to {to}");
    }

    /// Checks that the inits down to this depth live.
    #[track_caller]
    fn check_alive(&self, depth: usize, words: &str) {
        for level in &self.levels[..depth] {
            level.init.send(5);
            check!(level.init.receive(), 5, "{words}");
        }
    }

    /// Waits until the init of this depth has ended.
    #[track_caller]
    fn check_ends(&self, depth: usize, signal: i32, words: &str) {
        let seen = match depth {
            1 => killer(&self.outermost),
            _ => {
                let parent = &self.levels[depth - 2].init;
                parent.send(HOW_DID_IT_END);
                parent.receive()
            }
        };
        check!(seen, signal, "{words}");
    }
}

fn every_level_against_those_below() {
    mode::two_sided();
    for to in 1..=DEPTH {
        for from in 0..to {
            for call in [
                SendCall::Kill,
                SendCall::Tgkill,
                SendCall::Sigqueue,
                SendCall::PidfdInfo,
            ] {
                let words = format!("depth {to}, signalled from {from} by {call:?}");
                let tower = Tower::new();
                tower.send(from, to, call, libc::SIGTERM);
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
        for call in SEND_CALLS {
            for signal in ALL_KINDS {
                tower.send(depth, depth, call, signal);
            }
        }
        tower.check_alive(DEPTH, "signals from its own level");
    }
}

/// Two inits and a member of each in one process group, and the channel to a member of the middle one that
/// signals the group on demand.
fn group(depth: usize, body: impl FnOnce(&Child, &Child, &Channel)) {
    mode::two_sided();
    let (order, ordered) = Channel::pair();
    let sender = || {
        fork(|_| {
            for signal in [libc::SIGTERM, libc::SIGINT] {
                crate::signal_state::ignore(signal);
            }
            while let Some(words) = ordered.receive_or_end() {
                ordered.send(errno_of(kill(0, words[0])));
            }
        });
    };
    let (inner_line, inner_end) = Channel::pair();
    let outer = new_ns(|channel| {
        signal_state::reset();
        lead_group();
        let inner = new_ns(|channel| {
            signal_state::reset();
            if depth == 2 {
                sender();
            }
            channel.send(0);
            echo(&inner_end);
        });
        inner.receive();
        let other = fork(|_| sleep_for_ever());
        if depth == 1 {
            sender();
        }
        channel.send(0);
        check!(other.wait(), End::Killed(libc::SIGTERM));
        channel.send(0);
        if depth == 1 {
            check!(inner.wait(), End::Killed(libc::SIGTERM));
            channel.send(0);
        }
        echo(channel);
    });
    outer.receive();
    let inner = Child {
        pid: 0,
        channel: inner_line,
    };
    body(&outer, &inner, &order);
}

fn a_group_of_all_levels_and_the_innermost() {
    group(2, |outer, inner, order| {
        order.send(libc::SIGTERM);
        check!(order.receive(), 0, "kill(0)");
        check!(outer.receive(), 0, "the end of a process in the group");
        inner.check_alive();
        outer.check_alive();
        order.send(libc::SIGKILL);
        // The sender dies of it, too, and cannot answer.
        std::thread::sleep(std::time::Duration::from_millis(200));
        inner.check_alive();
        outer.check_alive();
    });
}

fn a_group_of_all_levels_and_the_middle() {
    group(1, |outer, _, order| {
        order.send(libc::SIGTERM);
        check!(order.receive(), 0, "kill(0)");
        check!(outer.receive(), 0, "the end of a process in the group");
        check!(outer.receive(), 0, "the end of the inner init");
        outer.check_alive();
    });
}

fn who_enters_is_outside_and_its_children_are_not() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        echo(channel);
    });
    init.check_alive();
    let enterer = fork(|channel| {
        check!(NsFile::of(init.pid).enter(0), Ok(()), "setns");
        attack(&ALL_KINDS);
        init.check_alive();
        channel.send(0);
        channel.receive();
        check!(kill(init.pid, libc::SIGTERM), Ok(()));
    });
    enterer.receive();
    init.check_alive();
    enterer.send(0);
    check!(enterer.wait(), End::Exit(0));
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

fn without_privilege() {
    mode::two_sided();
    let init = new_ns(echo);
    init.check_alive();
    let nobody = fork(|_| {
        become_nobody();
        for call in SEND_CALLS {
            for signal in ALL_KINDS {
                let refused = errno_of(call.send(init.pid, signal));
                check!(refused, libc::EPERM, "{signal} by {call:?}");
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
        for call in SEND_CALLS {
            let flags = NEWPID | libc::CLONE_NEWUSER as u64;
            let init = Clone::new(flags).start(|channel| {
                signal_state::reset();
                attack(&ALL_KINDS);
                echo(channel);
            });
            let init = init.expect("clone3");
            init.check_alive();
            check!(call.send(init.pid, libc::SIGTERM), Ok(()), "by {call:?}");
            check!(init.wait(), End::Killed(libc::SIGTERM), "by {call:?}");
        }
    });
    check!(owner.wait(), End::Exit(0));
}

/// The maker's later children are members; the maker itself stays outside.
fn an_init_whose_maker_unshared() {
    mode::two_sided();
    unshare_pid();
    let init = fork(|channel| {
        signal_state::reset();
        echo(channel);
    });
    init.check_alive();
    attack(&ALL_KINDS);
    init.check_alive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
}
