//! A task that is ready to run, and does not come to run: it waits for a processor that others have.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::sched::{sched_setaffinity, CpuSet};
use nix::unistd::{sysconf, Pid, SysconfVar};

use crate::process::{eventually, fork, Child};
use crate::races::shared;

pub struct Starved {
    task: Child,
    busy: Vec<Child>,
}

impl Starved {
    #[track_caller]
    pub fn new() -> Self {
        let rounds: &AtomicI32 = shared();
        let task = fork(|channel| {
            on_the_last_processor();
            let priority = libc::sched_param { sched_priority: 0 };
            let idle = libc::SCHED_IDLE;
            // SAFETY: the structure is live.
            let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, idle, &priority) };
            check!(set, 0, "SCHED_IDLE");
            channel.send(0);
            loop {
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        task.receive();
        let busy = || {
            fork(|_| {
                on_the_last_processor();
                // SAFETY: it touches no memory.
                check!(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) }, 0);
                loop {
                    std::hint::spin_loop();
                }
            })
        };
        let busy = (0..4).map(|_| busy()).collect();
        eventually("a task that does not come to run", || {
            let before = rounds.load(Ordering::Relaxed);
            std::thread::sleep(std::time::Duration::from_millis(500));
            (rounds.load(Ordering::Relaxed) == before).then_some(())
        });
        Self { task, busy }
    }

    /// Ends it, and those for which it waits: it has to come to run to end.
    #[track_caller]
    pub fn end(self) {
        self.busy.into_iter().for_each(Child::end);
        self.task.end();
    }
}

fn on_the_last_processor() {
    let last = sysconf(SysconfVar::_NPROCESSORS_ONLN);
    let last = last.expect("sysconf").expect("processors") as usize - 1;
    let mut processors = CpuSet::new();
    processors.set(last).expect("a processor");
    sched_setaffinity(Pid::this(), &processors).expect("sched_setaffinity");
}
