//! Locks that hold the number of their owner, as its own namespace gives it.

use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;

use crate::clone::Clone;
use crate::harness::Test;
use crate::process::{fork, new_ns, pid, End};

pub const TESTS: &[Test] = tests![
    an_owner_that_inherits_priority,
    an_owner_that_is_out_of_view,
    an_owner_that_dies,
    numbers_that_clone_writes,
];

const LOCK_PI: i32 = 6;
const UNLOCK_PI: i32 = 7;
const TRYLOCK_PI: i32 = 8;
const OWNER: u32 = 0x3fff_ffff;
const OWNER_DIED: u32 = 0x4000_0000;

/// A word that the caller shares with its children.
fn word() -> &'static AtomicU32 {
    // SAFETY: the mapping is new and stays for ever; all bytes zero is a valid word.
    unsafe {
        let null = std::ptr::null_mut();
        let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let place = libc::mmap(null, 4096, access, kind, -1, 0);
        check!(place == libc::MAP_FAILED, false, "mmap");
        &*place.cast::<AtomicU32>()
    }
}

fn futex(word: &AtomicU32, operation: i32) -> nix::Result<()> {
    crate::channel::retry(|| {
        // SAFETY: the word is live; no time is given.
        let done = unsafe {
            let place = word.as_ptr();
            libc::syscall(
                libc::SYS_futex,
                place,
                operation,
                0,
                std::ptr::null::<u8>(),
                0,
                0,
            )
        };
        Errno::result(done).map(drop)
    })
}

fn an_owner_that_inherits_priority() {
    let init = new_ns(|channel| {
        let word = word();
        let member = fork(|channel| {
            check!(futex(word, LOCK_PI), Ok(()));
            channel.send(word.load(Ordering::SeqCst) as i32);
            channel.receive();
            check!(futex(word, UNLOCK_PI), Ok(()));
            channel.receive_or_end();
        });
        check!(member.receive(), 2, "the word with its owner's number");
        check!(futex(word, TRYLOCK_PI), Err(Errno::EAGAIN));
        let other = fork(|channel| {
            check!(futex(word, LOCK_PI), Ok(()));
            check!(word.load(Ordering::SeqCst) & OWNER, 3);
            channel.send(0);
        });
        member.send(0);
        other.receive();
        channel.send(0);
    });
    init.receive();
}

fn an_owner_that_is_out_of_view() {
    let word = word();
    word.store(pid() as u32, Ordering::SeqCst);
    let init = new_ns(|channel| {
        check!(
            futex(word, LOCK_PI),
            Err(Errno::ESRCH),
            "an owner of the outside"
        );
        word.store(1, Ordering::SeqCst);
        check!(
            futex(word, LOCK_PI),
            Err(Errno::EDEADLK),
            "the caller itself"
        );
        channel.send(0);
    });
    init.receive();
}

fn an_owner_that_dies() {
    /// The list of locks that the kernel looks at when a thread dies.
    #[repr(C)]
    struct List {
        next: *const List,
        offset: i64,
        pending: *const List,
    }
    let init = new_ns(|channel| {
        for held in [true, false] {
            let word = word();
            let member = fork(|_| {
                let number = if held { pid() } else { 1 };
                word.store(number as u32, Ordering::SeqCst);
                let mut list = List {
                    next: std::ptr::null(),
                    offset: 0,
                    pending: std::ptr::null(),
                };
                list.next = &raw const list;
                list.pending = &raw const list;
                list.offset = word.as_ptr() as i64 - &raw const list as i64;
                // SAFETY: the list lives until the process ends.
                let set = unsafe {
                    let size = size_of::<List>();
                    libc::syscall(libc::SYS_set_robust_list, &list, size)
                };
                check!(set, 0, "set_robust_list");
                crate::process::quit(0);
            });
            check!(member.wait(), End::Exit(0));
            let died = word.load(Ordering::SeqCst) & OWNER_DIED != 0;
            check!(died, held, "the mark of a dead owner");
        }
        channel.send(0);
    });
    init.receive();
}

fn numbers_that_clone_writes() {
    let init = new_ns(|channel| {
        let (parents, childs) = (word(), word());
        let flags = libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_SETTID;
        let both = |flags: i32| {
            Clone::new(flags as u64)
                .with(|a| {
                    a.parent_tid = parents.as_ptr() as u64;
                    a.child_tid = childs.as_ptr() as u64;
                })
                .start(|channel| {
                    channel.send(childs.load(Ordering::SeqCst) as i32);
                })
                .expect("clone3")
        };
        let member = both(flags);
        check!(member.receive(), 2, "the number that the child is told");
        check!(parents.load(Ordering::SeqCst), 2);
        let inner = both(flags | libc::CLONE_NEWPID);
        check!(inner.receive(), 1, "the number that a new init is told");
        check!(parents.load(Ordering::SeqCst), inner.pid as u32);
        channel.send(0);
    });
    init.receive();
}
