//! What one step does.

use super::choice::Choice;
use super::command::{Command, Operation};
use super::maker::{Maker, Target};
use super::world::World;
use crate::channel::Channel;

/// More tasks than this are not made.
const MOST_TASKS: usize = 16;
/// If there are fewer than these, more are made.
const FEW_TASKS: usize = 7;

/// An agent that a step makes, if it succeeds.
pub struct Birth {
    pub channel: Channel,
    pub chain: Vec<usize>,
    pub leader: Option<usize>,
    pub own_user: bool,
}

pub enum Step {
    /// Nothing can be done, for this reason.
    Nothing(String),
    /// The director sends a signal from the initial namespace.
    Outside {
        target: usize,
        signal: i32,
        by_pidfd: bool,
    },
    Tell {
        actor: usize,
        command: Command,
        /// What the numbers and the descriptor mean.
        about: String,
        birth: Option<Birth>,
        /// Where the actor's children will live, if it answers 0.
        children: Option<Vec<usize>>,
        /// The one to whom a signal is sent.
        target: Option<usize>,
    },
}

const WEIGHTS: &[(usize, Operation)] = &[
    (14, Operation::Fork),
    (3, Operation::Thread),
    (2, Operation::Vfork),
    (3, Operation::Execute),
    (4, Operation::Exit),
    (2, Operation::ExitThread),
    (3, Operation::Unshare),
    (5, Operation::Setns),
    (2, Operation::Subreaper),
    (2, Operation::DeathSignal),
    (2, Operation::Setsid),
    (4, Operation::Setpgid),
    (1, Operation::DropUser),
    (1, Operation::MapUser),
    (9, Operation::Kill),
    (3, Operation::Tgkill),
    (3, Operation::Queue),
    (2, Operation::QueueToThread),
    (4, Operation::PidfdSignal),
    (5, Operation::Mask),
    (7, Operation::Disposition),
    (4, Operation::TakeSignal),
    (7, Operation::Waitid),
    (4, Operation::Wait4),
    (8, Operation::Ptrace),
    (2, Operation::PidfdOpen),
    (3, Operation::PidfdAsk),
    (3, Operation::NamespaceAsk),
    (2, Operation::View),
    (1, Operation::Link),
    (4, Operation::Lookup),
    (3, Operation::Sysctl),
    (2, Operation::Owner),
    (4, Operation::Post),
    (3, Operation::Collect),
    (1, Operation::Reboot),
];

pub const SIGNALS: &[(usize, i32)] = &[
    (3, libc::SIGKILL),
    (3, libc::SIGSTOP),
    (4, libc::SIGCONT),
    (3, libc::SIGTERM),
    (4, libc::SIGUSR1),
    (2, libc::SIGUSR2),
    (2, libc::SIGINT),
    (2, libc::SIGHUP),
    (2, libc::SIGCHLD),
    (2, libc::SIGTSTP),
    (1, libc::SIGQUIT),
    (1, libc::SIGSEGV),
    (2, 36),
    (1, 40),
    (1, 0),
];

const STRANGE: &[i32] = &[0, 1, 2, 3, 4, 5, 7, 9, 99, 301, 5000, i32::MAX, -2, -5, -99];

/// Chooses among what is possible now.
pub fn plan(world: &mut World, c: &mut Choice) -> Step {
    if c.one_in(14) {
        return outside(world, c);
    }
    let mut operation = c.weighted(WEIGHTS);
    let Some(mut actor) = c.name(&world.idle()) else {
        return outside(world, c);
    };
    if world.now.0.len() < FEW_TASKS && c.one_in(2) {
        operation = Operation::Fork;
    }
    let is_birth = |o| matches!(o, Operation::Fork | Operation::Thread | Operation::Vfork);
    if is_birth(operation) && world.now.0.len() >= MOST_TASKS {
        operation = c.of(&[Operation::Exit, Operation::Waitid, Operation::Waitid]);
    }
    // Of the world's namespace this would end all.
    if operation == Operation::Reboot && world.agent(actor).chain.len() < 2 {
        operation = Operation::Lookup;
    }
    // What would end the world, or make all its users powerless.
    if actor == 0
        && matches!(
            operation,
            Operation::Exit | Operation::ExitThread | Operation::DropUser | Operation::Thread
        )
    {
        operation = Operation::Lookup;
    }
    let anybody = world.names(|a| !a.gone);
    let anybody = if c.one_in(6) {
        world.names(|_| true)
    } else {
        anybody
    };
    let target = c.name(&anybody).unwrap_or(0);
    if matches!(operation, Operation::Waitid | Operation::Wait4) && !c.one_in(5) {
        let task = world.now.0.get(&world.agent(target).numbers[0]);
        let parent = task.map_or(0, |t| t.parent);
        let parents = world.names(|a| a.numbers[0] == parent);
        if let Some(parent) = parents.first().filter(|p| world.idle().contains(p)) {
            actor = *parent;
        }
    }
    let mut other = Target {
        name: target,
        number: number_of(world, c, actor, target),
    };
    if operation == Operation::Ptrace {
        let number = world.agent(target).numbers[0];
        let tracer = world.now.0.get(&number).map_or(0, |t| t.tracer);
        let tracer = world.names(|a| tracer != 0 && a.numbers[0] == tracer);
        if let (Some(tracer), false) = (tracer.first(), c.one_in(8)) {
            if world.idle().contains(tracer) {
                actor = *tracer;
                other.number = number_of(world, c, actor, target);
            }
        }
    }
    Maker {
        world,
        c,
        actor,
        other,
    }
    .make(operation)
}

fn outside(world: &World, c: &mut Choice) -> Step {
    let living = world.names(|a| a.name != 0 && !a.gone);
    let signal = c.weighted(SIGNALS);
    let signal = if world.idle().is_empty() {
        c.of(&[libc::SIGCONT, libc::SIGCONT, libc::SIGKILL])
    } else {
        signal
    };
    match c.name(&living) {
        Some(target) => Step::Outside {
            target,
            signal,
            by_pidfd: c.one_in(2),
        },
        None if world.idle().is_empty() => Step::Outside {
            target: 0,
            signal: libc::SIGCONT,
            by_pidfd: false,
        },
        None => Step::Nothing("nobody to signal".to_string()),
    }
}

/// One agent's number as another sees it; sometimes, or if it sees none, another number.
pub fn number_of(world: &World, c: &mut Choice, actor: usize, target: usize) -> i32 {
    let strange = c.of(STRANGE);
    if c.one_in(10) {
        return strange;
    }
    let (by, of) = (world.agent(actor), world.agent(target));
    world.seen(by, of).unwrap_or(strange)
}
