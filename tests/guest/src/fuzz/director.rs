//! Goes through the steps, and prints what comes of each.

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

/// Every so many steps all tasks are looked for, and not only those that are known.
const EVERYBODY: usize = 8;

pub fn direct(seed: u64, steps: usize, processor: usize, skipped: &[usize]) {
    prepare(processor);
    let two_sided = mode::is_there() && mode::get() == 1;
    let mut world = begin(0);
    let (mut end, mut stuck) = (LIFE, 0);
    for number in (1..=steps).filter(|n| !skipped.contains(n)) {
        stuck = if world.idle().is_empty() {
            stuck + 1
        } else {
            0
        };
        if number > end || stuck > MOST_STUCK || world.agent(0).gone {
            world.end();
            world = begin(number);
            (end, stuck) = (number.next_multiple_of(LIFE), 0);
        }
        let step = plan(&mut world, &mut Choice::new(seed, number));
        let (line, changes) = perform(&mut world, number, step, two_sided);
        print(format!("{number} {line}"), changes);
    }
    world.end();
    println!("end");
}

fn begin(number: usize) -> World {
    let mut world = World::new();
    print(format!("{number} begin"), world.settle(true));
    world
}

fn print(line: String, changes: Vec<String>) {
    let mut text = line + "\n";
    for change in changes {
        text += &change;
        text.push('\n');
    }
    print!("{text}");
}

fn perform(world: &mut World, number: usize, step: Step, two_sided: bool) -> (String, Vec<String>) {
    match step {
        Step::Nothing(why) => (why, Vec::new()),
        Step::Outside {
            target,
            signal,
            by_pidfd,
        } => {
            let to = world.agent(target);
            let wanted = expected(world, two_sided, None, to, signal);
            let outer = to.outer;
            let sent = if by_pidfd {
                crate::send_signal::SendCall::Pidfd.send(outer, signal)
            } else {
                kill(outer, signal)
            };
            let mut changes = world.settle(number % EVERYBODY == 0);
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
                let to = world.agent(target);
                let signal = match operation {
                    Operation::PidfdSignal => arguments[0],
                    _ => *arguments.last()?,
                };
                // The number may be another's.
                let named = operation == Operation::PidfdSignal
                    || world.seen(world.agent(actor), to) == arguments.first().copied();
                let wanted = expected(world, two_sided, Some(actor), to, signal)?;
                named.then_some(wanted)
            });
            if let Some(birth) = birth {
                world.expect(number, birth.channel, birth.chain, birth.leader);
                world.agent_mut(number).own_user = birth.own_user;
            }
            world.tell(actor, &command);
            drop(command);
            let mut changes = world.settle(operation.may_bear() || number % EVERYBODY == 0);
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
