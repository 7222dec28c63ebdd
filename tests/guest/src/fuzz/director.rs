//! Goes through the steps, and prints what comes of each.

use std::ops::RangeInclusive;
use std::os::fd::IntoRawFd;

use super::agent::PROGRAM;
use super::choice::Choice;
use super::command::Operation;
use super::judge::{expected, judge};
use super::step::{plan, Step};
use super::world::World;
use crate::harness::this_program;
use crate::mode;
use crate::process::kill;

/// One processor for all, no core dumps, and the program where agents look for it.
fn prepare(processor: usize) {
    let program = this_program().into_raw_fd();
    // SAFETY: the structures are live, and nobody has a descriptor of that number yet.
    unsafe {
        libc::dup2(program, PROGRAM);
        let mut processors: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut processors);
        let set = libc::sched_setaffinity(0, size_of_val(&processors), &processors);
        check!(set, 0, "sched_setaffinity");
        let none: libc::rlimit = std::mem::zeroed();
        libc::setrlimit(libc::RLIMIT_CORE, &none);
    }
}

/// A world is given up after so many steps, and after so many in which nobody in it could do anything: what becomes of
/// most is that all wait.
const LIFE: usize = 150;
const MOST_STUCK: usize = 8;

/// Every so many steps all tasks are looked at, and not only those that a step is about.
const EVERYBODY: usize = 10;

/// How a seed is played.
pub struct Way {
    pub processor: usize,
    pub skipped: Vec<RangeInclusive<usize>>,
    /// All tasks are looked at after each step.
    pub closely: bool,
}

pub fn direct(seed: u64, steps: usize, way: &Way) {
    prepare(way.processor);
    let is_skipped = |number: &usize| way.skipped.iter().any(|range| range.contains(number));
    let two_sided = mode::is_there() && mode::get() == 1;
    let mut world = begin(0, way);
    let (mut end, mut stuck) = (LIFE, 0);
    for number in (1..=steps).filter(|n| !is_skipped(n)) {
        stuck = if world.idle().is_empty() {
            stuck + 1
        } else {
            0
        };
        if number > end || stuck > MOST_STUCK || world.agent(0).gone {
            finish(number, world);
            world = begin(number, way);
            (end, stuck) = (number.next_multiple_of(LIFE), 0);
        }
        let step = plan(&mut world, &mut Choice::new(seed, number));
        let (line, changes) = perform(&mut world, number, step, two_sided);
        print(format!("{number} {line}"), changes);
    }
    finish(steps, world);
    println!("end");
}

fn begin(number: usize, way: &Way) -> World {
    let mut world = World::new(way.closely);
    print(format!("{number} begin"), world.settle(None));
    world
}

fn finish(number: usize, mut world: World) {
    print(format!("{number} finish"), world.settle(None));
    world.end();
}

fn print(line: String, changes: Vec<String>) {
    let mut text = line + "\n";
    for change in changes {
        text += &change;
        text.push('\n');
    }
    print!("{text}");
}

/// Those a step is about, unless it is time to look at everybody.
fn in_particular(number: usize, names: &[usize]) -> Option<&[usize]> {
    (number % EVERYBODY != 0).then_some(names)
}

fn perform(world: &mut World, number: usize, step: Step, two_sided: bool) -> (String, Vec<String>) {
    match step {
        Step::Nothing(why) => (why, Vec::new()),
        Step::Outside {
            target,
            signal,
            by_pidfd,
        } => {
            let wanted = expected(world, two_sided, None, target, signal);
            let outer = world.agent(target).outer;
            let sent = if by_pidfd {
                crate::send_signal::SendCall::Pidfd.send(outer, signal)
            } else {
                kill(outer, signal)
            };
            let mut changes = world.settle(in_particular(number, &[target]));
            if sent.is_ok() {
                judge(world, target, wanted, &mut changes);
            }
            let how = if by_pidfd { "pidfd" } else { "kill" };
            (
                format!("outside {how} a{target} {signal}: {sent:?}"),
                changes,
            )
        }
        Step::Tell {
            actor,
            command,
            about,
            birth,
            children,
            target,
        } => {
            let (operation, arguments) = (command.operation, command.arguments.clone());
            let line = format!("a{actor} {operation:?} {arguments:?}{about}");
            let wanted = target.and_then(|target| {
                let signal = match operation {
                    Operation::PidfdSignal => arguments[0],
                    _ => *arguments.last()?,
                };
                // The number may be another's.
                let seen = world.seen(world.agent(actor), world.agent(target));
                let named =
                    operation == Operation::PidfdSignal || seen == arguments.first().copied();
                let wanted = expected(world, two_sided, Some(actor), target, signal)?;
                named.then_some(wanted)
            });
            let mut names = vec![actor];
            names.extend(target);
            if let Some(birth) = birth {
                names.push(number);
                world.expect(number, birth.channel, birth.chain, birth.leader);
                world.agent_mut(number).own_user = birth.own_user;
            }
            world.tell(actor, &command);
            drop(command);
            let mut changes = world.settle(in_particular(number, &names));
            let agent = world.agent_mut(actor);
            let done = !agent.busy && agent.answer.first() == Some(&0);
            if let (true, Some(children)) = (done, children) {
                agent.children = children;
            }
            if let (true, Some(target)) = (done, target) {
                judge(world, target, wanted, &mut changes);
            }
            (line, changes)
        }
    }
}
