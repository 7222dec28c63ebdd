//! What system calls cost, in nanoseconds of the guest's clock. Under `scripts/vm --icount` one of them
//! is one instruction; `scripts/bench` compares kernels with it.

mod life;
mod lookup;
mod signals;

use std::process::Command;
use std::time::Instant;

const BATCHES: u32 = 41;
const BATCH: u32 = 200;

/// Prints a line for each work: its name, a tab, and the nanoseconds that one takes.
pub fn run() {
    for (name, work) in signals::WORKS {
        work(name);
    }
    for work in life::WORKS.iter().chain(lookup::WORKS) {
        for &depth in work.depths {
            execute(work.name, &depth.to_string(), depth);
        }
    }
}

/// Work that is measured at several depths, each time in a program that was executed there: so what it inherits is the same
/// at each.
struct Work {
    name: &'static str,
    /// The levels of the namespaces in which it is done.
    depths: &'static [u32],
    /// What one piece takes.
    cost: fn() -> u64,
}

/// Says that the program has been executed to do a work: its name, at which depth, and how far below that is.
pub const WITHIN: &str = "--bench-within";

/// Does the work if it is to be done here, else goes on in a namespace below.
pub fn within(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().expect("NAME DEPTH LEFT");
    let (name, depth) = (next(), next());
    let left: u32 = next().parse().expect("a number");
    if left > 0 {
        crate::process::unshare_pid();
        return execute(&name, &depth, left - 1);
    }
    let mut works = life::WORKS.iter().chain(lookup::WORKS);
    let work = works.find(|work| work.name == name);
    let cost = (work
        .unwrap_or_else(|| panic!("no work is called {name}"))
        .cost)();
    println!("{name}\t{depth}\t{cost}");
}

fn execute(name: &str, depth: &str, left: u32) {
    let status = Command::new("/proc/self/exe")
        .args([WITHIN, name, depth, &left.to_string()])
        .status()
        .expect("this program");
    assert!(status.success(), "{name} at depth {depth}: {status}");
}

/// What a piece of `work` takes, in most batches.
fn usual(work: impl Fn()) -> u64 {
    median(batches(BATCHES, BATCH, work))
}

/// What a piece takes, in each of some batches of so many.
fn batches(batches: u32, batch: u32, work: impl Fn()) -> impl Iterator<Item = u64> {
    (0..batches).map(move |_| {
        let start = Instant::now();
        for _ in 0..batch {
            work();
        }
        start.elapsed().as_nanos() as u64 / u64::from(batch)
    })
}

/// Without the first, which fills caches.
fn median(costs: impl Iterator<Item = u64>) -> u64 {
    let mut costs: Vec<u64> = costs.skip(1).collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

/// Prints how long one `work` takes.
fn measure(name: &str, work: impl Fn()) {
    println!("{name}\t0\t{}", usual(work));
}
