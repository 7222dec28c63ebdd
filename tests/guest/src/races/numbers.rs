//! Numbers that are taken at the same moment, by the kernel's choice and by the caller's.

use std::sync::atomic::{AtomicU8, Ordering};

use nix::errno::Errno;

use super::shared;
use crate::clone::Clone;
use crate::harness::{sample, Test};
use crate::proc_fs::Proc;
use crate::process::{new_ns, pid, quit, wait_for, End};
use crate::random::Random;
use crate::stress::in_parallel;

pub const TESTS: &[Test] = tests![300; nobody_gets_a_number_twice];

const PID_MAX: usize = 400;
/// Where a namespace begins anew when its numbers are used up.
const RESERVED: usize = 300;

fn nobody_gets_a_number_twice() {
    const TAKEN: i32 = 9;
    let proc = Proc::at("/proc");
    // Who has a number, for all processes.
    let owners: &[AtomicU8; PID_MAX] = shared();
    let init = new_ns(|_| {
        proc.write("sys/kernel/pid_max", &PID_MAX.to_string())
            .expect("pid_max");
        in_parallel(|worker| {
            let mut random = Random::new(worker);
            for _ in 0..sample(300, 120, 50) {
                let mut call = Clone::new(0);
                // Half of the workers choose.
                if worker % 2 == 1 {
                    let wanted = RESERVED + random.below(PID_MAX - RESERVED);
                    call = call.set_tid(&[wanted as i32]);
                }
                let child = call.start(|_| {
                    let owner = &owners[pid() as usize];
                    if owner.swap(1, Ordering::SeqCst) != 0 {
                        quit(TAKEN);
                    }
                    std::thread::yield_now();
                    owner.store(0, Ordering::SeqCst);
                });
                match child {
                    Ok(child) => check!(wait_for(child.pid), End::Exit(0), "{}", child.pid),
                    Err(errno) => check!((worker % 2, errno), (1, Errno::EEXIST)),
                }
            }
        });
    });
    check!(init.wait(), End::Exit(0), "init");
}
