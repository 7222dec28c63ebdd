//! The module comes and goes: on kernels that have no pid namespaces of their own.

pub mod cycles;
pub mod holders;
pub mod leftovers;
pub mod user_memory;

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::harness::{kernel, scale};
use crate::proc_fs::Proc;
use crate::process::{attempt_fork, eventually, fork, has_ended, Child, End};
use crate::starved::Starved;

const MODULE: &str = "/lib/pidns/pidns.ko";

/// Skips the test where there is nothing to load; makes sure that the module is there otherwise.
pub fn start() {
    if !kernel().starts_with("supply") {
        crate::report::skip("this kernel has pid namespaces of its own");
    }
    make_sure();
}

/// Makes sure that the module is loaded.
pub fn make_sure() {
    if !std::path::Path::new(MODULE).exists() {
        crate::report::skip("there is no /lib/pidns/pidns.ko");
    }
    match load() {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(e) => panic!("load of the module: {e}"),
    }
}

pub fn load() -> nix::Result<()> {
    load_with(c"grace_ms=100")
}

pub fn load_with(parameters: &std::ffi::CStr) -> nix::Result<()> {
    let file = std::fs::File::open(MODULE)
        .map_err(|e| Errno::from_raw(e.raw_os_error().expect("an error of the system")))?;
    let (fd, parameters) = (file.as_raw_fd(), parameters.as_ptr());
    // SAFETY: the string is live.
    Errno::result(unsafe { libc::syscall(libc::SYS_finit_module, fd, parameters, 0) }).map(drop)
}

pub fn unload() -> nix::Result<()> {
    // SAFETY: the string is live.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_delete_module, c"pidns".as_ptr(), libc::O_NONBLOCK)
    })
    .map(drop)
}

/// Unloads the module as soon as the last namespace has gone.
#[track_caller]
pub fn unload_soon() {
    eventually("the module can be unloaded", || match unload() {
        Err(Errno::EAGAIN) => None,
        other => {
            check!(other, Ok(()), "unload");
            Some(())
        }
    });
}

#[track_caller]
pub fn load_now() {
    check!(load(), Ok(()), "load");
}

/// Fails unless the module stays for as long as something is held, and goes when it is let go.
#[track_caller]
pub fn check_held(let_go: impl FnOnce()) {
    // For longer than a namespace needs to go that nothing holds.
    for _ in 0..scale(12, 60) {
        check!(
            unload(),
            Err(Errno::EAGAIN),
            "unload while something is held"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let_go();
    unload_soon();
    load_now();
}

/// How many functions of the kernel are hooked.
#[track_caller]
pub fn hooked() -> usize {
    let trace = Proc::try_mount(c"tracefs").unwrap_or_else(|_| crate::report::skip("no tracefs"));
    let functions = trace.read("enabled_functions");
    functions.expect("enabled_functions").lines().count()
}

/// Children of the caller that fork for as long as they live, one for each processor.
pub fn storm() -> Vec<Child> {
    let processors = std::thread::available_parallelism().map_or(2, |n| n.get());
    (0..processors)
        .map(|_| {
            fork(|_| loop {
                for _ in 0..4 {
                    attempt_fork().expect("fork in a storm");
                }
                // Emulated processors that take turns must come to rest: one that is busy makes
                // each of the others wait for its turn to end, and loading patches code a hundred
                // times, each time with the consent of all.
                std::thread::sleep(std::time::Duration::from_millis(20));
            })
        })
        .collect()
}

/// Fails unless a load beside a starved task, for which Tasks RCU waits, is refused in time and leaves nothing. The module
/// is not there before, and is afterwards.
#[track_caller]
pub fn check_load_beside_starved() {
    let hooked_before = hooked();
    let starved = Starved::new();
    let loader = fork(|_| check!(load(), Err(Errno::EBUSY), "load beside a starved task"));
    let (pidfd, start) = (loader.pidfd(), Instant::now());
    // It waits for 20 seconds by itself.
    while !has_ended(&pidfd) && start.elapsed().as_secs() < scale(40, 80) {
        let listed = std::fs::read_dir("/proc/sys/kernel").map(Iterator::count);
        check!(listed.is_ok(), true, "a listing while a load waits");
        std::thread::sleep(Duration::from_millis(100));
    }
    let in_time = has_ended(&pidfd);
    starved.end();
    check!(in_time, true, "a load beside a starved task ends in time");
    check!(loader.wait(), End::Exit(0));
    check!(
        hooked(),
        hooked_before,
        "functions hooked after a load that was refused"
    );
    load_now();
}
