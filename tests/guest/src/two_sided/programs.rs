//! What a user meets: programs as process 1, ended from outside.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use crate::harness::Test;
use crate::mode;
use crate::process::{eventually, kill};

use libc::SIGTERM;

pub const TESTS: &[Test] = tests![
    a_sleep_in_mainlines_mode,
    a_sleep,
    a_shell_script,
    a_shell_script_with_a_trap,
    a_shell_script_that_ignores,
    another_signal,
];

/// A program as process 1: unshare's process and that of the program, which has begun to run.
fn start(words: &[&str]) -> (Child, i32) {
    let unshare = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc"])
        .args(words)
        .stderr(Stdio::null())
        .spawn()
        .expect("unshare");
    let path = format!("/proc/{0}/task/{0}/children", unshare.id());
    let number = eventually("process 1 runs", || {
        let children = std::fs::read_to_string(&path).ok()?;
        let number: i32 = children.split_whitespace().next()?.parse().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{number}/comm")).ok()?;
        (name.trim() == words[0]).then_some(number)
    });
    (unshare, number)
}

/// The status with which unshare ends when its program does, as a shell would say it.
fn status(mut unshare: Child) -> i32 {
    let status = unshare.wait().expect("wait");
    status
        .code()
        .or_else(|| status.signal().map(|s| 128 + s))
        .expect("a status")
}

/// Fails if the program was ended by what came before SIGKILL.
#[track_caller]
fn check_killed(unshare: Child) {
    // Some versions of unshare cannot end as a program did that was killed.
    let status = status(unshare);
    check!(
        [1, 128 + libc::SIGKILL].contains(&status),
        true,
        "the status {status}"
    );
}

fn a_sleep_in_mainlines_mode() {
    mode::as_mainline();
    let (unshare, number) = start(&["sleep", "1000"]);
    for signal in [SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        check!(kill(number, signal), Ok(()));
    }
    check!(kill(number, libc::SIGKILL), Ok(()));
    check_killed(unshare);
}

fn a_sleep() {
    mode::two_sided();
    let (unshare, number) = start(&["sleep", "1000"]);
    check!(kill(number, SIGTERM), Ok(()));
    check!(status(unshare), 128 + SIGTERM, "docker stop's first signal");
}

const LOOP: &str = "while :; do sleep 1000 & wait; done";

fn a_shell_script() {
    mode::two_sided();
    let (unshare, number) = start(&["sh", "-c", LOOP]);
    check!(kill(number, SIGTERM), Ok(()));
    check!(status(unshare), 128 + SIGTERM);
}

fn a_shell_script_with_a_trap() {
    mode::two_sided();
    let (unshare, number) = start(&["sh", "-c", &format!("trap 'exit 7' TERM; {LOOP}")]);
    wait_until_caught(number);
    check!(kill(number, SIGTERM), Ok(()));
    check!(status(unshare), 7);
}

fn wait_until_caught(number: i32) {
    eventually("the trap is set", || {
        let caught = crate::proc_fs::Proc::at("/proc").status(&number.to_string(), "SigCgt");
        let caught = u64::from_str_radix(&caught, 16).expect("a number");
        (caught & (1 << (SIGTERM - 1)) != 0).then_some(())
    });
}

fn a_shell_script_that_ignores() {
    mode::two_sided();
    let (unshare, number) = start(&["sh", "-c", &format!("trap '' TERM; {LOOP}")]);
    eventually("the signal is ignored", || {
        let ignored = crate::proc_fs::Proc::at("/proc").status(&number.to_string(), "SigIgn");
        let ignored = u64::from_str_radix(&ignored, 16).expect("a number");
        (ignored & (1 << (SIGTERM - 1)) != 0).then_some(())
    });
    check!(kill(number, SIGTERM), Ok(()));
    check!(kill(number, 0), Ok(()));
    check!(kill(number, libc::SIGKILL), Ok(()));
    check_killed(unshare);
}

fn another_signal() {
    mode::two_sided();
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGUSR1] {
        let (unshare, number) = start(&["sleep", "1000"]);
        check!(kill(number, signal), Ok(()));
        check!(status(unshare), 128 + signal);
    }
}
