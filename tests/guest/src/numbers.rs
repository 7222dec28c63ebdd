//! Which number comes next, at each level: steps that look random, and a table that is obviously right.

use std::collections::BTreeSet;

use nix::errno::Errno;

use crate::channel::Channel;
use crate::clone::Clone;
use crate::harness::Test;
use crate::proc_fs::Proc;
use crate::process::{attempt_fork, fork, kill, new_ns, quit, wait_for_message, Child, End};
use crate::random::Random;

pub const TESTS: &[Test] = tests![
    at_level_1,
    at_level_4,
    at_level_31,
    across_many_leaves,
    a_long_namespace_is_listed_in_order,
    who_stays_is_never_missed,
];

/// The numbers of one namespace.
struct Level {
    used: BTreeSet<i32>,
    cursor: i32,
    pid_max: i32,
}

impl Level {
    /// Of a namespace with so many inits, each the child of the one before, and nobody else.
    fn with_inits(count: i32) -> Level {
        Level {
            used: (1..=count).collect(),
            cursor: count + 1,
            pid_max: 1 << 22,
        }
    }

    /// The number that is next; it is used up.
    fn next(&mut self) -> Result<i32, Errno> {
        let min = if self.cursor > 300 { 300 } else { 1 };
        let start = self.cursor.max(min);
        let mut all = (start..self.pid_max).chain(min..start.min(self.pid_max));
        let nr = all
            .find(|nr| !self.used.contains(nr))
            .ok_or(Errno::EAGAIN)?;
        self.cursor = nr + 1;
        Ok(nr)
    }
}

/// The namespaces from level 1 to the one that is played in.
struct Levels(Vec<Level>);

impl Levels {
    fn new(depth: usize) -> Levels {
        Levels(
            (0..depth)
                .rev()
                .map(|below| Level::with_inits(below as i32 + 1))
                .collect(),
        )
    }

    fn innermost(&mut self) -> &mut Level {
        self.0.last_mut().expect("a level")
    }

    /// What a child that chooses these numbers, innermost first, gets at each level.
    fn give(&mut self, chosen: &[i32]) -> Result<Vec<i32>, Errno> {
        let mut chosen = chosen.iter();
        let mut numbers = Vec::new();
        for level in self.0.iter_mut().rev() {
            numbers.push(match chosen.next() {
                Some(nr) if level.used.contains(nr) => return Err(Errno::EEXIST),
                Some(&nr) => nr,
                None => level.next()?,
            });
        }
        numbers.reverse();
        for (level, &nr) in self.0.iter_mut().zip(&numbers) {
            level.used.insert(nr);
        }
        Ok(numbers)
    }

    fn take_back(&mut self, numbers: &[i32]) {
        for (level, nr) in self.0.iter_mut().zip(numbers) {
            level.used.remove(nr);
        }
    }
}

/// The numbers that the caller has, from level 1 on. `/proc` is the initial namespace's.
pub fn own_numbers() -> Vec<i32> {
    let line = Proc::at("/proc").status("self", "NSpid");
    let numbers = line
        .split_whitespace()
        .map(|nr| nr.parse().expect("a number"));
    numbers.skip(1).collect()
}

/// One of the children, and its numbers.
type Member = (Child, Vec<i32>);

fn step(levels: &mut Levels, members: &mut Vec<Member>, random: &mut Random) {
    let proc = Proc::at("/proc");
    let set = |name: &str, value: i32| {
        let path = format!("sys/kernel/{name}");
        proc.write(&path, &value.to_string()).expect(name);
    };
    match random.below(100) {
        0..=39 => birth(levels, members, &[]),
        40..=59 => {
            let most = levels.0.len().min(4);
            let count = 1 + random.below(most);
            let chosen: Vec<i32> = (0..count).map(|_| 2 + random.below(298) as i32).collect();
            birth(levels, members, &chosen);
        }
        60..=89 if !members.is_empty() => {
            let (child, numbers) = members.swap_remove(random.below(members.len()));
            child.send(0);
            check!(child.wait(), End::Exit(0));
            levels.take_back(&numbers);
        }
        60..=92 => {
            let level = levels.innermost();
            let last = random.below(level.pid_max.min(400) as usize) as i32;
            set("ns_last_pid", last);
            level.cursor = last + 1;
        }
        93..=96 => {
            let pid_max = random.choose(&[301, 303, 320, 4096, 1 << 22]);
            set("pid_max", pid_max);
            levels.innermost().pid_max = pid_max;
        }
        _ => {
            let listed = Proc::mount().pids();
            let used: Vec<i32> = levels.innermost().used.iter().copied().collect();
            check!(listed, used, "a list of /proc");
        }
    }
}

fn birth(levels: &mut Levels, members: &mut Vec<Member>, chosen: &[i32]) {
    let expected = levels.give(chosen);
    let child = Clone::new(0).set_tid(chosen).start(|channel| {
        channel.send_all(&own_numbers());
        wait_for_message(channel);
    });
    match (child, expected) {
        (Ok(child), Ok(numbers)) => {
            check!(
                child.receive_all(),
                numbers,
                "the numbers of a child that chose {chosen:?}"
            );
            check!(
                Some(&child.pid),
                numbers.last(),
                "its number for its parent"
            );
            members.push((child, numbers));
        }
        (child, expected) => check!(
            child.map(drop).err(),
            expected.err(),
            "a child that chose {chosen:?}"
        ),
    }
}

/// Plays in a namespace so many levels below this one, whose init the caller's descendant becomes.
fn play(depth: usize, seed: usize, steps: usize) {
    fn descend(channel: &Channel, left: usize, body: &dyn Fn()) {
        if left > 0 {
            let child = new_ns(|channel| descend(channel, left - 1, body));
            check!(child.wait(), End::Exit(0), "{left} levels above");
        } else {
            body();
        }
        channel.send(0);
    }
    let body = || {
        let mut random = Random::new(seed);
        let mut levels = Levels::new(depth);
        let mut members = Vec::new();
        for _ in 0..steps {
            step(&mut levels, &mut members, &mut random);
        }
        quit(0);
    };
    let init = new_ns(|channel| descend(channel, depth - 1, &body));
    check!(init.wait(), End::Exit(0));
}

fn at_level_1() {
    play(1, 1, 200);
    play(1, 2, 200);
}

fn at_level_4() {
    play(4, 3, 200);
}

fn at_level_31() {
    play(31, 4, 150);
}

/// The next number goes through many leaves of the table, some of which have members, one is full, and wraps.
fn across_many_leaves() {
    let proc = Proc::at("/proc");
    let init = new_ns(|_| {
        proc.write("sys/kernel/pid_max", "420").expect("pid_max");
        let mut level = Level::with_inits(1);
        level.pid_max = 420;
        let mut members = Vec::new();
        for turn in 0..600 {
            // All numbers of a leaf (from 192 on), and one here and there.
            let stays = turn < 350 && (turn % 97 == 0 || (189..260).contains(&turn));
            let expected = level.next().expect("a number");
            let number = if stays {
                let member = fork(wait_for_message);
                let number = member.pid;
                level.used.insert(number);
                members.push(member);
                number
            } else {
                attempt_fork().expect("fork")
            };
            check!(number, expected, "the number at turn {turn}");
        }
        quit(0);
    });
    check!(init.wait(), End::Exit(0));
}

/// While the table grows and shrinks beside them, and their own leaves come and go.
fn who_stays_is_never_missed() {
    const STAY: [i32; 8] = [2, 63, 64, 127, 4095, 4096, 262_143, 4_194_303];
    const MEET: [i32; 8] = [3, 62, 65, 128, 4097, 20_000, 262_144, 4_194_302];
    let init = new_ns(|_| {
        let born = |nr: i32| {
            let child = Clone::new(0).set_tid(&[nr]).start(wait_for_message);
            child.expect("a number that nobody has")
        };
        for turn in 0..3 {
            // Few of them, all of them, the first alone.
            let there = &STAY[..[4, STAY.len(), 1][turn]];
            let members: Vec<Child> = there.iter().map(|nr| born(*nr)).collect();
            let churn: Vec<Child> = (0..2)
                .map(|half| {
                    let life = move |channel: &Channel| {
                        while !channel.is_readable() {
                            for nr in MEET.iter().skip(half).step_by(2) {
                                let met = Clone::new(0).set_tid(&[*nr]).attempt();
                                check!(met, Ok(*nr), "a number that nobody has");
                            }
                        }
                    };
                    // Out of the way of both.
                    let made = Clone::new(0).set_tid(&[10 + half as i32]).start(life);
                    made.expect("a number that nobody has")
                })
                .collect();
            let proc = Proc::mount();
            let start = std::time::Instant::now();
            while start.elapsed().as_millis() < 1_500 {
                let listed = proc.names_as_listed(".");
                check!(listed.is_sorted(), true, "{listed:?}");
                for nr in there {
                    check!(listed.contains(nr), true, "{nr} in {listed:?}");
                    check!(kill(*nr, 0), Ok(()), "{nr}");
                }
                for nr in [i32::MAX, 4_194_304, 5_000] {
                    check!(kill(nr, 0), Err(Errno::ESRCH), "{nr}");
                }
            }
            for child in churn.into_iter().chain(members) {
                child.send(0);
                check!(child.wait(), End::Exit(0));
            }
        }
        quit(0);
    });
    check!(init.wait(), End::Exit(0));
}

fn a_long_namespace_is_listed_in_order() {
    let init = new_ns(|_| {
        let members: Vec<Child> = (0..200).map(|_| fork(wait_for_message)).collect();
        let every_third = members.iter().step_by(3);
        for child in every_third {
            child.send(0);
            check!(child.wait(), End::Exit(0));
        }
        let want: Vec<i32> = [1]
            .into_iter()
            .chain((2..202).filter(|nr| nr % 3 != 2))
            .collect();
        check!(Proc::mount().names_as_listed("."), want);
        quit(0);
    });
    check!(init.wait(), End::Exit(0));
}
