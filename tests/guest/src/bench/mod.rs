//! What system calls cost, in nanoseconds of the guest's clock. Under `scripts/vm --icount` one of them
//! is one instruction; `scripts/bench` compares kernels with it.

mod growth;
mod life;
mod lookup;
mod signals;

use std::process::Command;
use std::time::Instant;

use crate::load;
use crate::process::{kill, unshare_pid, wait_for};

const BATCHES: u32 = 41;
const BATCH: u32 = 200;

/// Prints a line for each work: its name, the level at which it is done, the nanoseconds that one takes, and their spread. With `signals`,
/// for those alone; with `load`, for a load and an unload of the module; with the name of a work that is done at several levels,
/// for that alone.
pub fn run(mut arguments: impl Iterator<Item = String>) {
    let what = arguments.next().unwrap_or_default();
    if what == "load" {
        return load_and_unload();
    }
    let alone = works().find(|work| work.name == what);
    if alone.is_none() {
        for (name, work) in signals::WORKS {
            work(name);
        }
        if what == "signals" {
            return;
        }
        growth::prepare();
    }
    let is_wanted = |work: &&Work| alone.is_none_or(|alone| alone.name == work.name);
    for work in works().filter(is_wanted) {
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
    cost: fn() -> Cost,
}

/// The guest's time goes on while it waits for grace periods.
fn load_and_unload() {
    let time = |work: fn() -> nix::Result<()>| {
        let start = Instant::now();
        work().expect("the module");
        start.elapsed().as_nanos() as u64
    };
    let (loads, unloads) = (0..11)
        .map(|_| (time(load::load), time(load::unload)))
        .unzip();
    Cost::of(loads).print("load", "0");
    Cost::of(unloads).print("unload", "0");
}

fn works() -> impl Iterator<Item = &'static Work> {
    [life::WORKS, lookup::WORKS, growth::WORKS]
        .into_iter()
        .flatten()
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
    let work = works().find(|work| work.name == name);
    let cost = (work
        .unwrap_or_else(|| panic!("no work is called {name}"))
        .cost)();
    cost.print(&name, &depth);
}

fn execute(name: &str, depth: &str, left: u32) {
    let status = Command::new("/proc/self/exe")
        .args([WITHIN, name, depth, &left.to_string()])
        .status()
        .expect("this program");
    assert!(status.success(), "{name} at depth {depth}: {status}");
}

/// Says that the program does a work for `scripts/profile`: its name, and at which depth. The regions that are counted have so many
/// pieces.
pub const PROFILE: &str = "--bench-profile";

pub fn profile(arguments: impl Iterator<Item = String>) {
    let arguments: Vec<String> = arguments.collect();
    let [name, depth] = &arguments[..] else {
        panic!("{PROFILE} NAME DEPTH");
    };
    let left = depth.parse().expect("a number");
    if !works().any(|work| work.name == name) {
        eprintln!("no work is called {name}: docs/PERFORMANCE.md has their names");
        std::process::exit(2);
    }
    growth::prepare();
    std::env::set_var(PROFILED, "1");
    execute(name, depth, left);
}

/// Set in the environment of what is profiled.
const PROFILED: &str = "PIDNS_PROFILED";

/// Begins a region that is counted, or ends one: nobody else makes this call. Whether regions are counted. What was put off, by
/// grace periods and workers, is done before: it is part of what made it.
fn mark() -> bool {
    let is_profiled = std::env::var_os(PROFILED).is_some();
    if is_profiled {
        std::thread::sleep(std::time::Duration::from_millis(500));
        // SAFETY: the call takes no pointers.
        unsafe { libc::sched_get_priority_min(libc::SCHED_OTHER) };
    }
    is_profiled
}

/// What a piece of `work` takes, in most batches.
fn usual(work: impl Fn()) -> Cost {
    median(batches(BATCHES, BATCH, work))
}

/// What a piece takes, in each of some batches of so many. All but the first are a region that may be counted.
fn batches(batches: u32, batch: u32, work: impl Fn()) -> impl Iterator<Item = u64> {
    let costs = move |index| {
        if index == 1 {
            mark();
        }
        let start = Instant::now();
        for _ in 0..batch {
            work();
        }
        let cost = start.elapsed().as_nanos() as u64 / u64::from(batch);
        if index == batches - 1 && mark() {
            println!("region\t{}", (batches - 1) * batch);
        }
        cost
    };
    (0..batches).map(costs)
}

/// What a piece takes: the median of some batches, and half of what lies between their quartiles.
struct Cost {
    median: u64,
    spread: u64,
}

impl Cost {
    fn of(mut costs: Vec<u64>) -> Cost {
        costs.sort_unstable();
        let at = |quarters| costs[(costs.len() - 1) * quarters / 4];
        Cost {
            median: costs[costs.len() / 2],
            spread: (at(3) - at(1)) / 2,
        }
    }

    fn print(&self, name: &str, depth: &str) {
        println!("{name}\t{depth}\t{}\t{}", self.median, self.spread);
    }
}

/// Without the first, which fills caches.
fn median(costs: impl Iterator<Item = u64>) -> Cost {
    Cost::of(costs.skip(1).collect())
}

/// Prints how long one `work` takes.
fn measure(name: &str, work: impl Fn()) {
    usual(work).print(name, "0");
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
