//! The life of tasks and namespaces.

use super::{batches, median, usual, Cost, Crowd, Work};
use crate::process::{new_ns, quit, sleep_for_ever, wait_for_message};

const DEPTHS: &[u32] = &[0, 1, 2, 4, 8, 16, 24, 31];
/// There must be room for one namespace more.
const ABOVE: &[u32] = &[0, 8, 30];

pub const WORKS: &[Work] = &[
    Work {
        name: "vfork, exit and wait",
        depths: DEPTHS,
        cost: || usual(|| vfork(0)),
    },
    Work {
        name: "fork, exit and wait",
        depths: DEPTHS,
        cost: || median(batches(12, 100, || drop(Crowd::of(1, || quit(0))))),
    },
    Work {
        name: "a thread, created and joined",
        depths: DEPTHS,
        cost: || {
            median(batches(12, 100, || {
                std::thread::spawn(|| ()).join().expect("a thread")
            }))
        },
    },
    Work {
        name: "a namespace's own part",
        // At none: `scripts/profile` counts it, with what is put off.
        depths: &[],
        cost: namespaces_own_part,
    },
    Work {
        name: "a namespace of 200 falls, for each",
        depths: ABOVE,
        cost: || fall(200),
    },
    Work {
        name: "a namespace of 4000 falls, for each",
        depths: &[0, 8],
        cost: || fall(4000),
    },
    Work {
        name: "200 children are killed and reaped, each",
        depths: ABOVE,
        cost: || reap(200),
    },
    Work {
        name: "4000 children are killed and reaped, each",
        depths: &[0, 8],
        cost: || reap(4000),
    },
    Work {
        name: "a chain of 31 namespaces falls, for each",
        depths: &[1],
        // The outermost is the first of them.
        cost: || fall_of(31, || nest(30)),
    },
    Work {
        name: "a namespace with 500 others in it falls, for each",
        depths: &[1],
        cost: || fall_of(500, || (0..500).for_each(|_| nest(1))),
    },
];

/// A child that shares the memory, exits at once, and is waited for.
pub fn vfork(flags: libc::c_int) {
    let child = started(flags);
    // SAFETY: the status is not asked for.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
}

/// The number of such a child, which has exited.
pub fn started(flags: libc::c_int) -> i32 {
    extern "C" fn exit(_: *mut libc::c_void) -> libc::c_int {
        quit(0)
    }
    #[repr(align(16))]
    struct Stack(#[allow(dead_code)] [u8; 4096]);
    let mut stack = std::mem::MaybeUninit::<Stack>::uninit();
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | flags;
    // SAFETY: the stack is the child's alone, and the caller waits until it has exited.
    unsafe {
        let top = stack.as_mut_ptr().add(1).cast();
        let child = libc::clone(exit, top, flags, std::ptr::null_mut());
        assert!(child > 0, "clone: {}", std::io::Error::last_os_error());
        child
    }
}

/// What a child costs more if it is the init of a namespace. Batches of both kinds take turns: the higher a number, the more
/// it costs mainline.
fn namespaces_own_part() -> Cost {
    let batch = |flags| {
        let costs: Vec<u64> = batches(2, 300, || vfork(flags)).collect();
        costs[1]
    };
    let (inits, others) = (0..31)
        .map(|_| (batch(libc::CLONE_NEWPID), batch(0)))
        .unzip();
    let (inits, others) = (Cost::of(inits), Cost::of(others));
    Cost {
        median: inits.median - others.median,
        spread: inits.spread + others.spread,
    }
}

/// What each member of so many costs when their init is killed and waited for.
fn fall(members: usize) -> Cost {
    fall_of(members, || {
        std::mem::forget(Crowd::of(members, || sleep_for_ever()))
    })
}

/// So many namespaces, each in the one before, whose inits sleep.
fn nest(count: usize) {
    let init = new_ns(|channel| {
        if count > 1 {
            nest(count - 1);
        }
        channel.send(0);
        sleep_for_ever()
    });
    init.receive();
    std::mem::forget(init);
}

/// What each of so many costs when the children of one are killed and waited for.
fn reap(children: usize) -> Cost {
    median((0..4).map(|_| {
        let crowd = Crowd::of(children, || sleep_for_ever());
        let start = std::time::Instant::now();
        drop(crowd);
        start.elapsed().as_nanos() as u64 / children as u64
    }))
}

/// The same, of an init that has made `members` in some way.
fn fall_of(members: usize, make: impl Fn()) -> Cost {
    median((0..4).map(|_| {
        let init = new_ns(|channel| {
            make();
            channel.send(0);
            wait_for_message(channel);
        });
        init.receive();
        let start = std::time::Instant::now();
        init.kill(libc::SIGKILL);
        init.wait();
        start.elapsed().as_nanos() as u64 / members as u64
    }))
}
