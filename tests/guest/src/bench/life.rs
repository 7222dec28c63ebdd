//! The life of tasks and namespaces.

use super::{batches, median, usual, Crowd, Work};
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
        depths: ABOVE,
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
];

/// A child that shares the memory, exits at once, and is waited for.
fn vfork(flags: libc::c_int) {
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
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

/// What a child costs more if it is the init of a namespace. The namespace goes later, by a worker and two grace periods: so
/// the median of long batches, in which as many go as come.
fn namespaces_own_part() -> u64 {
    // The dead count until their memory is free.
    std::fs::write("/proc/sys/user/max_pid_namespaces", "1000000").expect("the limit");
    let usual = |flags| median(batches(32, 300, || vfork(flags)));
    usual(libc::CLONE_NEWPID) - usual(0)
}

/// What each member of so many costs when their init is killed and waited for.
fn fall(members: usize) -> u64 {
    median((0..4).map(|_| {
        let init = new_ns(|channel| {
            std::mem::forget(Crowd::of(members, || sleep_for_ever()));
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
