//! A differential fuzzer: a tree of agents, in a namespace of its own, does what a seed chooses, one step at a
//! time, and all that is defined of the results is printed. What two kernels print must be equal.
//!
//! All agents run on one processor, in the order in which they are woken (SCHED_FIFO), and the director only when
//! none of them can; so one step ends before the next begins, and always in the same way.

mod agent;
mod birth;
mod calls;
mod choice;
mod command;
mod credentials;
mod director;
mod judge;
mod maker;
mod rule;
mod snapshot;
mod step;
mod world;

pub use agent::{main as agent_main, ARGUMENT as AGENT};

/// `--fuzz SEED STEPS [--processor N] [--skip N,N,...]`
pub fn run(mut arguments: impl Iterator<Item = String>) {
    let mut number = |what: &str| -> u64 {
        let word = arguments.next();
        let word = word.unwrap_or_else(|| panic!("--fuzz wants {what}"));
        word.parse()
            .unwrap_or_else(|_| panic!("{what} is a number"))
    };
    let (seed, steps) = (number("a seed"), number("steps"));
    let mut skipped = Vec::new();
    let mut processor = 0;
    while let Some(option) = arguments.next() {
        let list = arguments.next().unwrap_or_default();
        let mut numbers = list
            .split(',')
            .filter(|n| !n.is_empty())
            .map(|n| n.parse::<usize>().expect("a number"));
        match option.as_str() {
            "--skip" => skipped.extend(numbers),
            "--processor" => processor = numbers.next().expect("--processor wants a number"),
            other => panic!("--fuzz has no option {other}"),
        }
    }
    director::direct(seed, steps as usize, processor, &skipped);
}
