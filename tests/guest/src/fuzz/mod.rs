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

/// `--fuzz SEED STEPS [--processor N] [--skip N,N-N,...] [--closely]`
pub fn run(mut arguments: impl Iterator<Item = String>) {
    let mut number = |what: &str| -> u64 {
        let word = arguments.next();
        let word = word.unwrap_or_else(|| panic!("--fuzz wants {what}"));
        word.parse()
            .unwrap_or_else(|_| panic!("{what} is a number"))
    };
    let (seed, steps) = (number("a seed"), number("steps"));
    let mut way = director::Way {
        processor: 0,
        skipped: Vec::new(),
        closely: false,
    };
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--closely" => way.closely = true,
            "--skip" => {
                let list = arguments.next().unwrap_or_default();
                let ranges = list.split(',').filter(|part| !part.is_empty());
                way.skipped.extend(ranges.map(|part| {
                    let (first, last) = part.split_once('-').unwrap_or((part, part));
                    let number = |text: &str| text.parse().expect("a number");
                    number(first)..=number(last)
                }));
            }
            "--processor" => {
                let word = arguments.next().expect("--processor wants a number");
                way.processor = word.parse().expect("a number");
            }
            other => panic!("--fuzz has no option {other}"),
        }
    }
    director::direct(seed, steps as usize, &way);
}
