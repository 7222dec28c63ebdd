//! Runs tests one by one, each in a process of its own, and says in KTAP how they ended.

use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};

use crate::mode;
use crate::process::{kill, pid, pidfd_open, quit, tid};
use crate::report::{self, Message};

/// One test case.
pub struct Test {
    pub name: &'static str,
    pub run: fn(),
    /// How long it may take, in seconds of the guest, on a kernel without debugging.
    pub seconds: u64,
}

/// The test cases of one topic; a topic may be told in several files.
pub struct Group {
    pub name: &'static str,
    pub parts: &'static [&'static [Test]],
}

/// Lists test cases by the names of their functions.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => { $crate::tests!(60; $($name),*) };
    ($seconds:expr; $($name:ident),* $(,)?) => {
        &[$($crate::harness::Test { name: stringify!($name), run: $name, seconds: $seconds }),*]
    };
}

enum Outcome {
    Passed,
    Skipped(String),
    Failed(Vec<String>),
}

static KERNEL: OnceLock<String> = OnceLock::new();

/// Says which kernel this is: `native`, `takeover` (the same with the module) or `supply`; the
/// last two also with `-debug`.
pub fn set_kernel(name: String) {
    KERNEL.set(name).expect("the kernel is named once");
}

pub fn kernel() -> &'static str {
    KERNEL.get().map_or("native", String::as_str)
}

/// Whether the kernel is older than a version; what mainline changed there, tests must know.
pub fn is_before(version: (u32, u32)) -> bool {
    let uname = nix::sys::utsname::uname().expect("uname");
    let release = uname.release().to_str().expect("a release in ASCII");
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|n| n.parse().ok());
    let release = (
        numbers.next().expect("a number"),
        numbers.next().expect("another"),
    );
    release < version
}

/// Chooses between an amount for a fast kernel and one for a debug kernel.
pub fn scale<T>(full: T, debug: T) -> T {
    if kernel().ends_with("-debug") {
        debug
    } else {
        full
    }
}

/// How often: as the environment's `variable` says, else `usual`.
pub fn times(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number"))
    })
}

/// Whether all is wanted of which usually a sample is played: `PIDNS_FULL` is set.
pub fn is_full() -> bool {
    std::env::var_os("PIDNS_FULL").is_some()
}

/// Chooses between the `full` amount, if that is wanted, what is usual, and one for a debug kernel.
pub fn sample<T>(full: T, usual: T, debug: T) -> T {
    scale(if is_full() { full } else { usual }, debug)
}

/// How long a storm lasts: as many seconds as `PIDNS_STORM` says, else as is usual on a fast or a debug kernel.
pub fn storm_seconds(usual: usize, debug: usize) -> Duration {
    Duration::from_secs(times("PIDNS_STORM", scale(usual, debug)) as u64)
}

/// Runs the tests of `groups` that `wanted` names; true if none failed.
pub fn run(groups: &[Group], wanted: &dyn Fn(&str, &str) -> bool) -> bool {
    nix::sys::prctl::set_child_subreaper(true).expect("PR_SET_CHILD_SUBREAPER");
    mode::restore();
    let mut chosen: Vec<(&str, Vec<&Test>)> = Vec::new();
    for group in groups {
        let tests: Vec<&Test> = group
            .parts
            .iter()
            .copied()
            .flatten()
            .filter(|t| wanted(group.name, t.name))
            .collect();
        if !tests.is_empty() {
            chosen.push((group.name, tests));
        }
    }
    println!("KTAP version 1\n1..{}", chosen.len());
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (index, (name, tests)) in chosen.iter().enumerate() {
        println!(
            "    KTAP version 1\n    # Subtest: {name}\n    1..{}",
            tests.len()
        );
        let (failed_before, passed_before) = (failed, passed);
        for (index, test) in tests.iter().enumerate() {
            let line = format!("{} {}", index + 1, test.name);
            let start = Instant::now();
            let outcome = run_one(test);
            println!("    # took {:.2} seconds", start.elapsed().as_secs_f64());
            match outcome {
                Outcome::Passed => {
                    passed += 1;
                    println!("    ok {line}");
                }
                Outcome::Skipped(reason) => {
                    skipped += 1;
                    println!("    ok {line} # SKIP {reason}");
                }
                Outcome::Failed(reasons) => {
                    failed += 1;
                    reasons
                        .iter()
                        .for_each(|r| println!("    # {}", r.replace('\n', " ")));
                    println!("    not ok {line}");
                }
            }
        }
        let verdict = if failed == failed_before {
            "ok"
        } else {
            "not ok"
        };
        let skip = if failed == failed_before && passed == passed_before {
            " # SKIP every test"
        } else {
            ""
        };
        println!("{verdict} {} {name}{skip}", index + 1);
    }
    println!("# {passed} passed, {failed} failed, {skipped} skipped");
    failed == 0
}

/// Runs one test in a session of its own and leaves no process of it behind.
fn run_one(test: &Test) -> Outcome {
    let (read_end, write_end) =
        nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).expect("pipe");
    // SAFETY: this process has one thread.
    let child = match unsafe { libc::fork() } {
        -1 => return Outcome::Failed(vec![format!("fork of the test: {}", Errno::last())]),
        0 => be_the_test(test, write_end),
        child => child,
    };
    drop(write_end);
    let pidfd = pidfd_open(child).expect("pidfd_open of the test");
    let limit = Duration::from_secs(test.seconds * scale(1, 3));
    let mut report = std::fs::File::from(read_end);
    let mut bytes = Vec::new();
    let in_time = wait_for_end(&pidfd, &mut report, &mut bytes, limit);
    let status = if in_time {
        waitpid(nix::unistd::Pid::from_raw(child), None)
    } else {
        Err(Errno::ETIME)
    };
    let living = if in_time { String::new() } else { living() };
    let left = kill_the_rest();
    mode::restore();
    read_all(&mut report, &mut bytes);

    let (mut failures, mut skipped) = (Vec::new(), None);
    for message in report::parse(&bytes) {
        match message {
            // What fails after a skip may fail because a process of the test has ended with that.
            Message::Failure(text) if skipped.is_none() => failures.push(text),
            Message::Failure(_) => {}
            Message::Skip(reason) if failures.is_empty() => skipped = Some(reason),
            Message::Skip(_) => {}
            Message::Note(text) => println!("    # {text}"),
        }
    }
    match status {
        Ok(WaitStatus::Exited(_, 0)) => {}
        Ok(_) if !failures.is_empty() || skipped.is_some() => {}
        Ok(other) => failures.push(format!("expected the test to exit with 0, saw {other:?}")),
        Err(_) => failures.push(format!("no end within {} seconds{living}", limit.as_secs())),
    }
    if !left {
        println!("Bail out! processes of {} cannot be killed", test.name);
        quit(1);
    }
    match skipped {
        _ if !failures.is_empty() => Outcome::Failed(failures),
        Some(reason) => Outcome::Skipped(reason),
        None => Outcome::Passed,
    }
}

/// Those that a test has not ended, some of them: what each is and where in the kernel it waits.
fn living() -> String {
    const MOST: usize = 16;
    let of = |pid: &str| {
        let read =
            |name| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let (state, wait) = (read("stat"), read("wchan"));
        let (name, rest) = state.rsplit_once(')')?;
        // A kernel thread has no memory of its own.
        let number: u32 = pid.parse().ok()?;
        (!read("maps").is_empty() && number != std::process::id()).then(|| {
            format!(
                "; {name}) {} {wait}",
                rest.trim_start().get(..1).unwrap_or("")
            )
        })
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|it| of(it.file_name().to_str()?))
        .take(MOST)
        .collect()
}

fn be_the_test(test: &Test, write_end: OwnedFd) -> ! {
    // SAFETY: the number is ours by agreement; the copy survives `execve`.
    unsafe { libc::dup2(write_end.as_raw_fd(), report::FD) };
    drop(write_end);
    report::install_panic_hook();
    nix::unistd::setsid().expect("setsid");
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).expect("PR_SET_PDEATHSIG");
    (test.run)();
    quit(0)
}

/// Waits for the end of the test, reading reports meanwhile; false if time ran out.
fn wait_for_end(
    pidfd: &OwnedFd,
    report: &mut std::fs::File,
    bytes: &mut Vec<u8>,
    limit: Duration,
) -> bool {
    let start = Instant::now();
    loop {
        let Some(rest) = limit.checked_sub(start.elapsed()) else {
            return false;
        };
        let mut polls = [pidfd.as_raw_fd(), report.as_raw_fd()].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: the array is live and its length is right.
        unsafe { libc::poll(polls.as_mut_ptr(), 2, rest.as_millis() as i32 + 1) };
        read_all(report, bytes);
        if polls[0].revents != 0 {
            return true;
        }
    }
}

fn read_all(report: &mut std::fs::File, bytes: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = report.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..n]);
    }
}

/// Kills what a test has left: orphans come to us, the subreaper, so every round reaches one
/// generation more. False if something does not die.
fn kill_the_rest() -> bool {
    let path = format!("/proc/{}/task/{}/children", pid(), tid());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(scale(30, 120)) {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => return true,
            Ok(WaitStatus::StillAlive) => {}
            _ => continue,
        }
        let children = std::fs::read_to_string(&path).unwrap_or_default();
        for child in children.split_whitespace() {
            let _ = kill(child.parse().expect("a number"), libc::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// A descriptor of this program, for tests that execute it again.
pub fn this_program() -> OwnedFd {
    // SAFETY: the path is a valid string; the descriptor is new and ours.
    unsafe {
        let fd = libc::open(c"/proc/self/exe".as_ptr(), libc::O_PATH);
        check!(fd >= 0, true, "open of /proc/self/exe");
        OwnedFd::from_raw_fd(fd)
    }
}
