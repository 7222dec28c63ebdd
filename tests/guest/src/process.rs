//! Processes: how a test makes them, talks to them and sees them end.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::wait::{waitid, waitpid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::{setpgid, Pid};

use crate::channel::{retry, Channel};
use crate::clone::{Clone, NEWPID};

/// What a process runs; as a plain function, so that several may.
pub type Body = fn(&Channel);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Killed(i32),
}

/// A child, and the channel to it.
pub struct Child {
    /// Its number as the process that made it sees it.
    pub pid: i32,
    pub channel: Channel,
}

impl Child {
    #[track_caller]
    pub fn wait(&self) -> End {
        wait_for(self.pid)
    }

    #[track_caller]
    pub fn kill(&self, signal: i32) {
        check!(
            kill(self.pid, signal),
            Ok(()),
            "kill({}, {signal})",
            self.pid
        );
    }

    #[track_caller]
    pub fn send(&self, number: i32) {
        self.channel.send(number);
    }

    #[track_caller]
    pub fn receive(&self) -> i32 {
        self.channel.receive()
    }

    #[track_caller]
    pub fn receive_all(&self) -> Vec<i32> {
        self.channel.receive_all()
    }

    /// Fails the test unless the child, living through [`echo`], still answers.
    #[track_caller]
    pub fn check_alive(&self) {
        self.send(5);
        check!(
            self.receive(),
            5,
            "the answer of a child that should be alive"
        );
    }

    /// Kills the child from here and waits for it.
    #[track_caller]
    pub fn end(self) {
        self.kill(libc::SIGKILL);
        check!(self.wait(), End::Killed(libc::SIGKILL));
    }

    #[track_caller]
    pub fn pidfd(&self) -> OwnedFd {
        pidfd_open(self.pid).expect("pidfd_open")
    }
}

/// A child in the caller's namespace for children, which runs `body`.
#[track_caller]
pub fn fork(body: impl FnOnce(&Channel)) -> Child {
    Clone::new(0)
        .start(body)
        .unwrap_or_else(|e| panic!("fork: {e}"))
}

/// The init of a new pid namespace.
#[track_caller]
pub fn new_ns(body: impl FnOnce(&Channel)) -> Child {
    Clone::new(NEWPID)
        .start(body)
        .unwrap_or_else(|e| panic!("clone3(CLONE_NEWPID): {e}"))
}

/// A child's body: answer every message with itself until the other side is gone.
pub fn echo(channel: &Channel) {
    while let Some(words) = channel.receive_or_end() {
        channel.send_all(&words);
    }
}

/// A child's body: wait for one message, or until the other side is gone.
pub fn wait_for_message(channel: &Channel) {
    channel.receive_or_end();
}

/// Children that only wait.
pub fn sleepers(count: usize) -> Vec<Child> {
    (0..count).map(|_| fork(|_| sleep_for_ever())).collect()
}

/// Lets the caller's next children live in a new pid namespace.
#[track_caller]
pub fn unshare_pid() {
    check!(unshare(libc::CLONE_NEWPID), Ok(()), "unshare(CLONE_NEWPID)");
}

pub fn unshare(flags: i32) -> nix::Result<()> {
    // SAFETY: the call takes no pointers.
    Errno::result(unsafe { libc::unshare(flags) }).map(drop)
}

/// Forks a child that exits at once, and returns its number in the caller's namespace.
pub fn attempt_fork() -> nix::Result<i32> {
    Clone::new(0).attempt()
}

/// Ends this process without running anything of the parent's.
pub fn quit(code: i32) -> ! {
    // SAFETY: `_exit` does not return.
    unsafe { libc::_exit(code) }
}

/// Ends only the calling thread.
pub fn quit_thread(code: i32) -> ! {
    // SAFETY: the thread ends here; nothing of its stack is used by others.
    unsafe { libc::syscall(libc::SYS_exit, code) };
    unreachable!()
}

/// Ends the caller, unless it has a handler for SIGSEGV.
pub fn touch_null() {
    // SAFETY: none; the fault is the test.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
}

/// Waits for ever.
pub fn sleep_for_ever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

pub fn pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

pub fn ppid() -> i32 {
    nix::unistd::getppid().as_raw()
}

pub fn tid() -> i32 {
    nix::unistd::gettid().as_raw()
}

pub fn kill(pid: i32, signal: i32) -> nix::Result<()> {
    // SAFETY: the call takes no pointers.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Waits for the child `pid` to end.
#[track_caller]
pub fn wait_for(pid: i32) -> End {
    end_of(wait_status(pid, libc::__WALL).1)
}

/// Waits for the end of the child `pid`; also whether it dumped core.
#[track_caller]
pub fn wait_for_core(pid: i32) -> (End, bool) {
    let status = wait_status(pid, libc::__WALL).1;
    (end_of(status), libc::WCOREDUMP(status))
}

/// Waits for an event that `flags` asks for: of whom, and the kernel's own word for it. Nix knows no
/// real-time signals.
#[track_caller]
pub fn wait_status(pid: i32, flags: i32) -> (i32, i32) {
    let mut status = 0;
    // SAFETY: the pointer is to a live number.
    match retry(|| Errno::result(unsafe { libc::waitpid(pid, &mut status, flags) })) {
        Ok(pid) => (pid, status),
        Err(e) => panic!("waitpid({pid}): {e}"),
    }
}

#[track_caller]
fn end_of(status: i32) -> End {
    if libc::WIFEXITED(status) {
        End::Exit(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        End::Killed(libc::WTERMSIG(status))
    } else {
        panic!("expected an end, saw the status {status:#x}")
    }
}

/// Waits for any child to end.
#[track_caller]
pub fn wait_any() -> (i32, End) {
    let (pid, status) = wait_status(-1, libc::__WALL);
    (pid, end_of(status))
}

/// Waits for the next event of `pid` that `flags` asks for.
#[track_caller]
pub fn wait_event(pid: i32, flags: WaitPidFlag) -> WaitStatus {
    match retry(|| waitpid(Pid::from_raw(pid), Some(flags))) {
        Ok(status) => status,
        Err(e) => panic!("waitpid({pid}): {e}"),
    }
}

/// Waits until a child is dead, and leaves it as a zombie.
#[track_caller]
pub fn wait_for_zombie(pid: i32) {
    let dead = waitid(
        Id::Pid(Pid::from_raw(pid)),
        WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT,
    );
    check!(
        dead.is_ok(),
        true,
        "waitid({pid}) that leaves a zombie: {dead:?}"
    );
}

/// The number of the error of a call that was refused; 0 if it was not.
pub fn errno_of<T>(result: nix::Result<T>) -> i32 {
    result.map_or_else(|e| e as i32, |_| 0)
}

/// The error of a wait that finds no child, or `Ok` if there is one.
pub fn wait_nobody() -> nix::Result<()> {
    retry(|| waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG))).map(drop)
}

pub fn pidfd_open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes no pointers, and gives a descriptor of our own.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// Waits until the process behind a pidfd has ended.
#[track_caller]
pub fn wait_pidfd(pidfd: &OwnedFd) {
    check!(poll_pidfd(pidfd, -1), Ok(1), "poll of a pidfd");
}

/// Whether it has.
#[track_caller]
pub fn has_ended(pidfd: &OwnedFd) -> bool {
    poll_pidfd(pidfd, 0).expect("poll of a pidfd") == 1
}

fn poll_pidfd(pidfd: &OwnedFd, timeout: i32) -> nix::Result<i32> {
    let mut poll = libc::pollfd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the pointer is to one live pollfd.
    retry(|| Errno::result(unsafe { libc::poll(&mut poll, 1, timeout) }))
}

/// Waits until a child has stopped for this signal.
#[track_caller]
pub fn check_stops(child: &Child, signal: i32, words: &str) {
    let (_, status) = wait_status(child.pid, libc::WUNTRACED);
    check!(
        libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == signal,
        true,
        "the status {status:#x} after signal {signal} that stops {words}"
    );
}

/// Waits until a child that was stopped has continued.
#[track_caller]
pub fn check_continues(child: &Child, words: &str) {
    let (_, status) = wait_status(child.pid, libc::WCONTINUED);
    let continued = libc::WIFCONTINUED(status);
    check!(continued, true, "the status {status:#x} of {words}");
}

/// Starts threads that run a body each; returns their numbers when all have started.
pub fn start_threads(
    count: usize,
    body: impl Fn(usize) + Send + std::clone::Clone + 'static,
) -> Vec<i32> {
    let (tell, told) = std::sync::mpsc::channel();
    (0..count)
        .map(|index| {
            let (tell, body) = (tell.clone(), body.clone());
            std::thread::spawn(move || {
                tell.send(tid()).expect("a message");
                body(index);
            });
            told.recv().expect("a number")
        })
        .collect()
}

/// Starts a thread that only sleeps; returns its number when it runs.
pub fn sleeping_thread() -> i32 {
    start_threads(1, |_| sleep_for_ever())[0]
}

/// Puts the caller into a process group of its own. Its parent is in the same session, so that the
/// group is not orphaned.
pub fn lead_group() {
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).expect("setpgid");
}

/// Makes the calling process adopt the orphans below it.
pub fn become_subreaper() {
    nix::sys::prctl::set_child_subreaper(true).expect("PR_SET_CHILD_SUBREAPER");
}

/// Tries again, for some seconds, what the kernel finishes in the background: soon at first.
#[track_caller]
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    let mut pause = 1;
    while start.elapsed().as_secs() < crate::harness::scale(10, 40) {
        if let Some(value) = attempt() {
            return value;
        }
        std::thread::sleep(std::time::Duration::from_millis(pause));
        pause = (2 * pause).min(20);
    }
    panic!("{what}: not in time");
}
