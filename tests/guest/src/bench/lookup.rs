//! Finding tasks by their numbers.

use super::{median, usual, Cost, Crowd, Work};
use crate::proc_fs::Proc;
use crate::process::{kill, pid, pidfd_open, sleep_for_ever};

const DEPTHS: &[u32] = &[0, 1, 8];

pub const WORKS: &[Work] = &[
    Work {
        name: "getpid",
        depths: DEPTHS,
        cost: || {
            usual(|| {
                std::hint::black_box(pid());
            })
        },
    },
    Work {
        name: "kill of oneself with signal 0",
        depths: DEPTHS,
        cost: || usual(|| kill(pid(), 0).expect("kill")),
    },
    Work {
        name: "pidfd_open and close",
        depths: DEPTHS,
        cost: || usual(|| drop(pidfd_open(pid()).expect("pidfd_open"))),
    },
    Work {
        name: "readdir of /proc with 10 tasks more, each",
        depths: DEPTHS,
        cost: || list(10),
    },
    Work {
        name: "readdir of /proc with 250 tasks more, each",
        depths: DEPTHS,
        cost: || list(250),
    },
    Work {
        name: "readdir of /proc with 4000 tasks more, each",
        depths: DEPTHS,
        cost: || list(4000),
    },
    Work {
        name: "read of /proc/PID/stat with 10 tasks more",
        depths: DEPTHS,
        cost: || stat(10),
    },
    Work {
        name: "read of /proc/PID/stat with 4000 tasks more",
        depths: DEPTHS,
        cost: || stat(4000),
    },
];

fn stat(tasks: usize) -> Cost {
    let proc = Proc::mount();
    let _crowd = Crowd::of(tasks, || sleep_for_ever());
    let path = format!("{}/stat", pid());
    usual(|| drop(proc.read(&path).expect("stat")))
}

/// What each task costs when the numbers in a `/proc` of one's own are listed.
fn list(tasks: usize) -> Cost {
    let proc = Proc::mount();
    let _crowd = Crowd::of(tasks, || sleep_for_ever());
    let count = proc.pids().len();
    assert!(count > tasks, "{count} tasks");
    let once = || {
        let start = std::time::Instant::now();
        proc.pids();
        start.elapsed().as_nanos() as u64 / count as u64
    };
    median((0..16).map(|_| once()))
}
