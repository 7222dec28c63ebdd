//! Two things at the same moment, again and again, at distances that look random.

pub mod anything;
pub mod births;
pub mod dying;
pub mod exec;
pub mod numbers;

use std::time::Duration;

use crate::channel::Channel;
use crate::process::{new_ns, sleep_for_ever, Child, End};
use crate::random::Random;

/// Lets the other side have a head start of up to so many microseconds.
fn nap(random: &mut Random, most: usize) {
    std::thread::sleep(Duration::from_micros(random.below(most) as u64));
}

/// What zeroes are a value of, and all processes may change at once.
pub trait Shared: Sync + 'static {}

impl Shared for std::sync::atomic::AtomicI32 {}
impl<const N: usize> Shared for [std::sync::atomic::AtomicU8; N] {}

/// Something that the caller and its children share; zeroes, at first.
pub fn shared<T: Shared>() -> &'static T {
    // SAFETY: a new mapping, which stays for ever, and zeroes are a value of the type.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), size_of::<T>(), access, flags, -1, 0);
        check!(page == libc::MAP_FAILED, false, "mmap");
        &*page.cast::<T>()
    }
}

/// Makes namespaces of so many levels, so that the kernel has its slab caches for them: it says so in its log when a task
/// is killed that makes one.
#[track_caller]
fn make_caches(levels: usize) {
    if levels > 0 {
        let init = new_ns(|_| make_caches(levels - 1));
        check!(init.wait(), End::Exit(0), "an init of {levels} levels");
    }
}

/// A channel that ends when the last process is gone that was forked since.
struct Family {
    mine: Channel,
    theirs: Channel,
}

impl Family {
    fn new() -> Family {
        let (mine, theirs) = Channel::pair();
        Family { mine, theirs }
    }

    /// Kills `init`; fails if anybody is left of those who were forked since, when it can be reaped.
    #[track_caller]
    fn end_with(self, init: Child) {
        init.end();
        self.check_gone();
    }

    /// Fails if anybody is left.
    #[track_caller]
    fn check_gone(self) {
        drop(self.theirs);
        self.mine.receive_end();
    }
}

/// An init's body: says that all are there, and waits for its end.
fn wait_for_the_end(channel: &Channel) {
    channel.send(0);
    sleep_for_ever();
}
