//! Every allocation on a path fails in turn: the right error, nothing left behind, and the next try succeeds.
//!
//! On kernels with fault injection, which are those with debugging. What is left behind, the guest's scan for leaks and the
//! unload at the end of the group `load` would show.

pub mod load;
pub mod namespaces;
pub mod numbers;
pub mod signals;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::process::{errno_of, End};
use crate::report::{note, skip};

/// The kernel's counter: which of the allocations of a thread's next system calls fails.
const COUNTER: &str = "/proc/thread-self/fail-nth";

/// Skips the test where allocations cannot be made to fail; lets them all otherwise, in silence.
pub fn start() {
    if !std::path::Path::new(COUNTER).exists() {
        skip("this kernel has no fault injection");
    }
    for (setting, value) in [
        ("failslab/ignore-gfp-wait", "N"),
        ("failslab/verbose", "0"),
        ("fail_page_alloc/ignore-gfp-wait", "N"),
        ("fail_page_alloc/min-order", "0"),
        ("fail_page_alloc/verbose", "0"),
    ] {
        let path = format!("/sys/kernel/debug/{setting}");
        std::fs::write(&path, value).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}

/// The counter of the calling thread.
struct Counter(File);

impl Counter {
    fn open() -> Counter {
        let file = File::options().read(true).write(true).open(COUNTER);
        Counter(file.expect("open of fail-nth"))
    }

    /// The `nth` allocation from now on fails; none if that is 0.
    fn set(&self, nth: usize) {
        let text = nth.to_string();
        let written = self.0.write_at(text.as_bytes(), 0);
        assert_eq!(written.expect("a write of fail-nth"), text.len());
    }

    /// How many allocations there are still to come before the one that fails.
    fn left(&self) -> usize {
        let mut text = [0; 16];
        let length = self.0.read_at(&mut text, 0).expect("a read of fail-nth");
        let text = std::str::from_utf8(&text[..length]).expect("a number");
        text.trim_end_matches(['\n', '\0'])
            .parse()
            .expect("a number")
    }
}

/// What an attempt has given.
struct Outcome {
    result: i32,
    /// Whether an allocation has failed in it.
    failed: bool,
    /// How many allocations it was short of the one that was to fail.
    left: usize,
}

/// A path whose allocations fail, in a process of its own for each attempt.
pub struct Path<'a, T> {
    pub name: &'a str,
    /// What that process is made with, by `clone3`.
    pub flags: u64,
    /// What goes before, where nothing fails.
    pub before: &'a dyn Fn() -> T,
    /// The path itself.
    pub path: &'a dyn Fn(&T) -> nix::Result<()>,
    /// What comes after, where nothing fails either; it is told what the path has given.
    pub after: &'a dyn Fn(T, i32),
}

impl<T> Path<'_, T> {
    /// Makes one attempt, in which the `nth` allocation fails.
    #[track_caller]
    fn attempt(&self, nth: usize) -> Outcome {
        let child = Clone::new(self.flags).start(|channel| {
            let counter = Counter::open();
            let prepared = (self.before)();
            counter.set(nth);
            let result = errno_of((self.path)(&prepared));
            let left = counter.left();
            counter.set(0);
            (self.after)(prepared, result);
            channel.send_all(&[result, left as i32]);
        });
        let child = child.unwrap_or_else(|e| panic!("clone3: {e}"));
        let answer = child.receive_all();
        check!(
            child.wait(),
            End::Exit(0),
            "a process whose allocation failed"
        );
        let [result, left] = answer[..] else {
            panic!("expected two numbers: {answer:?}");
        };
        Outcome {
            result,
            failed: nth != 0 && left == 0,
            left: left as usize,
        }
    }

    /// How many allocations it makes.
    #[track_caller]
    fn count(&self) -> usize {
        const MANY: usize = 1_000_000;
        let outcome = self.attempt(MANY);
        check!(outcome.result, 0, "{}, as ever", self.name);
        MANY - outcome.left
    }

    /// Has each of [`some`] allocations fail in turn. What fails gives one of the errors `allowed`, and another try
    /// succeeds.
    #[track_caller]
    pub fn fail_each(&self, allowed: &[Errno]) {
        let name = self.name;
        let all = self.count();
        let mut tally = Tally::default();
        for nth in some(all) {
            let outcome = self.attempt(nth);
            // There may be fewer than when they were counted.
            if !outcome.failed {
                check!(outcome.result, 0, "{name}, where nothing fails");
                continue;
            }
            tally.count(outcome.result);
            let error = Errno::from_raw(outcome.result);
            check!(
                outcome.result == 0 || allowed.contains(&error),
                true,
                "{name}: {error:?} where the allocation {nth} of {all} failed"
            );
        }
        check!(
            self.attempt(0).result,
            0,
            "{name}, after some of its allocations failed"
        );
        tally.tell(name, all);
    }
}

/// The numbers of the allocations that fail, of `all`: a few, evenly; with `PIDNS_FULL=1` each.
fn some(all: usize) -> impl Iterator<Item = usize> {
    const FEW: usize = 8;
    let is_full = crate::harness::is_full();
    let step = if is_full { 1 } else { all.div_ceil(FEW) };
    (1..=all).step_by(step.max(1))
}

/// Has each allocation of `f` fail in turn.
#[track_caller]
pub fn each(name: &str, allowed: &[Errno], f: impl Fn() -> nix::Result<()>) {
    plain(name, 0, &|()| f()).fail_each(allowed);
}

/// The same, in the init of a namespace.
#[track_caller]
pub fn each_inside(name: &str, allowed: &[Errno], f: impl Fn() -> nix::Result<()>) {
    plain(name, NEWPID, &|()| f()).fail_each(allowed);
}

/// A path with nothing before or after it.
pub fn plain<'a>(
    name: &'a str,
    flags: u64,
    path: &'a dyn Fn(&()) -> nix::Result<()>,
) -> Path<'a, ()> {
    Path {
        name,
        flags,
        before: &|| (),
        path,
        after: &|(), _| (),
    }
}

/// What the points of a path have given.
#[derive(Default)]
pub struct Tally {
    points: usize,
    errors: BTreeMap<i32, usize>,
}

impl Tally {
    fn count(&mut self, result: i32) {
        self.points += 1;
        *self.errors.entry(result).or_default() += 1;
    }

    #[track_caller]
    fn tell(&self, path: &str, all: usize) {
        check!(
            self.points > 0,
            true,
            "{path}: {all} allocations, of which none failed"
        );
        let words = self.errors.iter().map(|(&error, count)| match error {
            0 => format!("{count} done without"),
            _ => format!("{count} {:?}", Errno::from_raw(error)),
        });
        let words: Vec<String> = words.collect();
        note(&format!(
            "{path}: {all} allocations, {} failed: {}",
            self.points,
            words.join(", ")
        ));
    }
}
