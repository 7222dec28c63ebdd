//! What system calls cost, in nanoseconds of the guest's clock. Under `scripts/vm --icount` one of them
//! is one instruction; `scripts/bench` compares kernels with it.

mod life;
mod lookup;
mod signals;

use std::process::Command;
use std::time::Instant;

use crate::process::{kill, unshare_pid, wait_for};

const BATCHES: u32 = 41;
const BATCH: u32 = 200;

/// Prints a line for each work: its name, the level at which it is done, and the nanoseconds that one takes. With `signals`,
/// for those alone.
pub fn run(mut arguments: impl Iterator<Item = String>) {
    for (name, work) in signals::WORKS {
        work(name);
    }
    if arguments.next().is_some_and(|what| what == "signals") {
        return;
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
        unshare_pid();
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

/// Children with nothing else of the caller's; on drop they are killed and waited for.
struct Crowd(Vec<i32>);

impl Crowd {
    /// So many, of which each does this.
    fn of(count: usize, body: fn() -> !) -> Crowd {
        let born = |_| {
            // SAFETY: the caller has one thread, or the child makes a system call and nothing else.
            match unsafe { libc::fork() } {
                -1 => panic!("fork: {}", std::io::Error::last_os_error()),
                0 => body(),
                pid => pid,
            }
        };
        Crowd((0..count).map(born).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for &pid in &self.0 {
            kill(pid, libc::SIGKILL).expect("kill");
        }
        for &pid in &self.0 {
            wait_for(pid);
        }
    }
}
