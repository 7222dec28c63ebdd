//! Processes do anything, all at once; what must hold whatever they do is checked.
//!
//! Each holds a lock on its number in its namespace, which the kernel gives back when it dies: nobody else may get the
//! number before, and nobody may hold one when the namespace's init is reaped.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::errno::Errno;

use super::{make_caches, shared, Shared};
use crate::clone::{Clone, NEWPID};
use crate::harness::{storm_seconds, Test};
use crate::ns_file::setns;
use crate::proc_fs::Proc;
use crate::process::{
    eventually, fork, kill, new_ns, pid, pidfd_open, ppid, quit, sleep_for_ever, unshare, Child,
};
use crate::random::Random;
use crate::report::note;

pub const TESTS: &[Test] = tests![3000; anything];

const MOST_NAMESPACES: usize = 1000;
/// A process makes no more children at a time, and none when it has so many ancestors.
const MOST_CHILDREN: usize = 4;
const MOST_DEPTH: usize = 5;

/// What all processes share.
struct Board {
    made: AtomicUsize,
    namespaces: [Known; MOST_NAMESPACES],
}

/// What is known of a namespace.
struct Known {
    parent: AtomicUsize,
    /// Somebody above may have sent its init a signal.
    signalled: AtomicBool,
}

impl Shared for Board {}

impl Board {
    /// One more namespace below `parent`; nothing, if there have been many.
    fn add(&self, parent: usize) -> Option<usize> {
        let index = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let known = self.namespaces.get(index)?;
        known.parent.store(parent, Ordering::SeqCst);
        Some(index)
    }

    /// Somebody in a namespace is about to signal whoever it sees: the inits of all below.
    fn signal_below(&self, namespace: usize) {
        let made = self.made.load(Ordering::SeqCst).min(MOST_NAMESPACES - 1);
        for index in 1..=made {
            let mut above = index;
            while above != 0 && above != namespace {
                above = self.namespaces[above].parent.load(Ordering::SeqCst);
            }
            if above == namespace && index != namespace {
                let known = &self.namespaces[index];
                known.signalled.store(true, Ordering::SeqCst);
            }
        }
    }
}

/// Numbers of namespaces, as bytes of a file.
#[derive(Clone, Copy)]
struct Locks<'f>(&'f File);

impl Locks<'_> {
    const EACH: i64 = 1 << 22;

    fn request(namespace: usize, first: i32, length: i64) -> libc::flock {
        // SAFETY: zeroes are a value of it.
        let mut request: libc::flock = unsafe { std::mem::zeroed() };
        request.l_type = libc::F_WRLCK as i16;
        request.l_start = namespace as i64 * Self::EACH + i64::from(first);
        request.l_len = length;
        request
    }

    /// Takes the caller's number until it dies.
    #[track_caller]
    fn take(self, namespace: usize) {
        let request = Self::request(namespace, pid(), 1);
        // SAFETY: the request is live.
        let taken = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETLK, &request) };
        let taken = Errno::result(taken).map(drop);
        check!(taken, Ok(()), "number {} of namespace {namespace}", pid());
    }

    /// Fails if anybody lives in a namespace.
    #[track_caller]
    fn check_empty(self, namespace: usize) {
        let mut request = Self::request(namespace, 0, Self::EACH);
        // SAFETY: the request is live.
        let asked = unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_GETLK, &mut request) };
        check!(asked, 0, "F_GETLK");
        let number = request.l_start - namespace as i64 * Self::EACH;
        let free = i32::from(request.l_type) == libc::F_UNLCK;
        check!(free, true, "{number} outlives namespace {namespace}");
    }
}

extern "C" fn ignore(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// A process that does anything.
struct Walker<'f> {
    board: &'static Board,
    locks: Locks<'f>,
    random: Random,
    namespace: usize,
    depth: usize,
    /// With its namespace, if it is an init.
    children: Vec<(i32, Option<usize>)>,
}

impl Walker<'_> {
    /// The life of a new process.
    fn live(&mut self, is_init: bool) -> ! {
        self.locks.take(self.namespace);
        check!((pid() == 1), is_init, "the number of a new process");
        if is_init {
            check!(ppid(), 0, "the parent of an init");
        }
        // One that is handled, so that it does not end a child.
        crate::signal_state::handle(libc::SIGUSR1, ignore, libc::SA_RESTART);
        loop {
            self.step();
        }
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0..=8 => self.bear(0),
            9..=13 => self.bear(NEWPID),
            14..=15 => self.unshare(),
            16..=19 => self.enter(),
            // An init that signals itself asks for it.
            20..=24 if pid() != 1 => {
                let _ = kill(1, self.signal());
            }
            25..=28 => {
                self.board.signal_below(self.namespace);
                let number = 2 + self.random.below(30) as i32;
                let _ = kill(number, self.signal());
            }
            29 => {
                self.board.signal_below(self.namespace);
                let _ = kill(-1, self.signal());
            }
            30 if self.depth > 0 => quit(self.random.below(100) as i32),
            31..=33 => std::thread::sleep(std::time::Duration::from_millis(1)),
            _ => self.reap(),
        }
    }

    fn signal(&mut self) -> i32 {
        self.random.choose(&[
            libc::SIGTERM,
            libc::SIGKILL,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGCONT,
            libc::SIGSEGV,
            libc::SIGCHLD,
            0,
            40,
        ])
    }

    fn is_full(&self) -> bool {
        self.children.len() >= MOST_CHILDREN || self.depth >= MOST_DEPTH
    }

    fn bear(&mut self, flags: u64) {
        if self.is_full() {
            return self.reap();
        }
        let namespace = match flags {
            0 => Some(self.namespace),
            _ => self.board.add(self.namespace),
        };
        if let Some(namespace) = namespace {
            self.start(flags, namespace, flags != 0);
        }
    }

    /// A child in a namespace, where it is told to be by flags, or by what was done before.
    fn start(&mut self, flags: u64, namespace: usize, is_init: bool) {
        let seed = self.random.below(1000) + pid() as usize % 500;
        let child = Clone::new(flags).start(|_| {
            Walker {
                board: self.board,
                locks: self.locks,
                random: Random::new(seed),
                namespace,
                depth: self.depth + 1,
                children: Vec::new(),
            }
            .live(is_init)
        });
        match child {
            Ok(child) => {
                let init_of = is_init.then_some(namespace);
                self.children.push((child.pid, init_of));
            }
            // A dead namespace, or too many of something.
            Err(Errno::ENOMEM | Errno::ENOSPC | Errno::EAGAIN) => {}
            Err(errno) => panic!("a child with the flags {flags:x}: {errno}"),
        }
    }

    fn unshare(&mut self) {
        if self.is_full() {
            return;
        }
        let Some(namespace) = self.board.add(self.namespace) else {
            return;
        };
        match unshare(libc::CLONE_NEWPID) {
            Ok(()) => self.start(0, namespace, true),
            Err(Errno::ENOSPC) => {}
            Err(errno) => panic!("unshare: {errno}"),
        }
        self.come_back();
    }

    /// Lets a child live in the namespace of another one.
    fn enter(&mut self) {
        let inits = self.children.iter().filter_map(|&(n, of)| Some((n, of?)));
        let inits: Vec<(i32, usize)> = inits.collect();
        if inits.is_empty() || self.is_full() {
            return;
        }
        let (number, namespace) = self.random.choose(&inits);
        // Not reaped, so that it is there.
        let pidfd = pidfd_open(number).expect("pidfd_open of a child");
        match setns(pidfd.as_raw_fd(), libc::CLONE_NEWPID) {
            Ok(()) => self.start(0, namespace, false),
            Err(Errno::ESRCH) => {}
            Err(errno) => panic!("setns: {errno}"),
        }
        self.come_back();
    }

    fn come_back(&self) {
        let own = pidfd_open(pid()).expect("pidfd_open of oneself");
        check!(setns(own.as_raw_fd(), libc::CLONE_NEWPID), Ok(()));
    }

    /// Reaps those that have ended, and checks what inits have left behind.
    fn reap(&mut self) {
        loop {
            let mut status = 0;
            // SAFETY: the status is live.
            let number = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
            if number <= 0 {
                return;
            }
            let killed = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
            // An orphan may be anybody's.
            let Some(place) = self.children.iter().position(|c| c.0 == number) else {
                continue;
            };
            let (_, Some(namespace)) = self.children.swap_remove(place) else {
                continue;
            };
            self.locks.check_empty(namespace);
            let signalled = &self.board.namespaces[namespace].signalled;
            if let (Some(signal), false) = (killed, signalled.load(Ordering::SeqCst)) {
                panic!("the init of namespace {namespace} was ended from inside by {signal}");
            }
        }
    }
}

fn anything() {
    make_caches(MOST_DEPTH + 2);
    let each = storm_seconds(6, 20) / 5;
    let canary = fork(|_| {
        let mut all = nix::sys::signal::SigSet::all();
        all.remove(nix::sys::signal::Signal::SIGKILL);
        check!(all.thread_block(), Ok(()));
        sleep_for_ever()
    });
    for seed in 0..5 {
        let board: &Board = shared();
        let path = format!("/tmp/numbers.{seed}");
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(path);
        let file = file.expect("a file for locks");
        let locks = Locks(&file);
        let world: Child = new_ns(|_| {
            Walker {
                board,
                locks,
                random: Random::new(seed),
                namespace: 0,
                depth: 0,
                children: Vec::new(),
            }
            .live(true)
        });
        std::thread::sleep(each);
        // On a busy machine that may be little.
        eventually("some namespaces", || {
            (board.made.load(Ordering::SeqCst) > 3).then_some(())
        });
        world.end();
        locks.check_empty(0);
        for namespace in 1..=board.made.load(Ordering::SeqCst) {
            locks.check_empty(namespace);
        }
        let made = board.made.load(Ordering::SeqCst);
        note(&format!("seed {seed}: {made} namespaces"));
    }
    let pending = Proc::at("/proc").status(&canary.pid.to_string(), "ShdPnd");
    check!(
        u64::from_str_radix(&pending, 16),
        Ok(0),
        "signals to an outsider"
    );
    canary.end();
}
