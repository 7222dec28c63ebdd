//! What work costs beside many others, and the memory that they take.

use std::fs::{read_to_string, write, File};

use nix::fcntl::OFlag;

use super::life::{started, vfork};
use super::{median, usual, Cost, Crowd, Work};
use crate::proc_fs::Proc;
use crate::process::{sleep_for_ever, wait_for};

const LEVEL: &[u32] = &[1];

pub const WORKS: &[Work] = &[
    Work {
        name: "vfork, exit and wait beside 10 tasks",
        depths: LEVEL,
        cost: || beside_tasks(10),
    },
    Work {
        name: "vfork, exit and wait beside 1000 tasks",
        depths: LEVEL,
        cost: || beside_tasks(1_000),
    },
    Work {
        name: "vfork, exit and wait beside 30000 tasks",
        depths: LEVEL,
        cost: || beside_tasks(30_000),
    },
    Work {
        name: "a namespace's life beside 10 others",
        depths: LEVEL,
        cost: || beside_namespaces(10),
    },
    Work {
        name: "a namespace's life beside 1000 others",
        depths: LEVEL,
        cost: || beside_namespaces(1_000),
    },
    Work {
        name: "a namespace's life beside 10000 others",
        depths: LEVEL,
        cost: || beside_namespaces(10_000),
    },
    Work {
        name: "a namespace's life beside 100000 others",
        depths: LEVEL,
        cost: || beside_namespaces(100_000),
    },
    Work {
        name: "bytes of slabs for a task",
        depths: &[0, 1, 8, 31],
        cost: || {
            const TASKS: usize = 2_000;
            bytes_for(TASKS, || Crowd::of(TASKS, || sleep_for_ever()))
        },
    },
    Work {
        name: "bytes of slabs for a namespace that a file keeps",
        depths: &[0, 1, 8, 30],
        cost: || {
            const NAMESPACES: usize = 2_000;
            bytes_for(NAMESPACES, || namespaces(NAMESPACES))
        },
    },
];

/// Lifts what would bound the works.
pub fn prepare() {
    for (name, most) in [
        ("kernel/pid_max", "4194304"),
        ("kernel/threads-max", "1000000"),
        ("user/max_pid_namespaces", "1000000"),
    ] {
        write(format!("/proc/sys/{name}"), most).expect(name);
    }
}

fn beside_tasks(count: usize) -> Cost {
    let _crowd = Crowd::of(count, || sleep_for_ever());
    usual(|| vfork(0))
}

fn beside_namespaces(count: usize) -> Cost {
    let _namespaces = namespaces(count);
    // Their number makes a copy of the table of files dear.
    usual(|| vfork(libc::CLONE_NEWPID | libc::CLONE_FILES))
}

/// So many namespaces without tasks.
fn namespaces(count: usize) -> Vec<File> {
    let most = libc::rlimit {
        rlim_cur: 1_000_000,
        rlim_max: 1_000_000,
    };
    // SAFETY: the structure is live.
    unsafe { check!(libc::setrlimit(libc::RLIMIT_NOFILE, &most), 0) };
    let proc = Proc::mount();
    let kept = |_| {
        let init = started(libc::CLONE_NEWPID | libc::CLONE_FILES);
        // It is dead, and not yet waited for.
        let file = proc.open(&format!("{init}/ns/pid"), OFlag::O_RDONLY);
        wait_for(init);
        file.expect("its namespace")
    };
    (0..count).map(kept).collect()
}

/// How many bytes the kernel's slab caches have in use for each of so many.
fn bytes_for<T>(count: usize, make: impl Fn() -> T) -> Cost {
    let one = |_| {
        let before = bytes();
        let made = make();
        let bytes = bytes().saturating_sub(before);
        drop(made);
        bytes / count as u64
    };
    median((0..4).map(one))
}

/// All that is in use, when what has ended is gone: some grace periods later.
fn bytes() -> u64 {
    std::thread::sleep(std::time::Duration::from_secs(5));
    let text = read_to_string("/proc/slabinfo").expect("slabinfo");
    let caches = text.lines().skip(2).map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let active: u64 = words.next().and_then(|w| w.parse().ok()).expect("a count");
        let size: u64 = words.nth(1).and_then(|w| w.parse().ok()).expect("a size");
        active * size
    });
    caches.sum()
}
