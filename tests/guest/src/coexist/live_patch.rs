//! A live patch: of a function that the module hooks, and of another one.

use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::errno::Errno;

use super::kernel_log::KernelLog;
use super::{check_nothing_diverted, diverted, is_supply, start, work};
use crate::harness::Test;
use crate::load::{load_now, load_with, unload_soon};
use crate::process::eventually;
use crate::takeover::{check_two_sided, new_init};

pub const TESTS: &[Test] = tests![120;
    a_hooked_function_that_is_live_patched_refuses_the_load,
    a_hooked_function_is_not_live_patched,
    another_function_is_live_patched,
];

/// Of tests/livepatch.
const FILE: &str = "/lib/pidns/coexist_livepatch.ko";
const STATE: &str = "/sys/kernel/livepatch/coexist_livepatch";
/// One that would become a jump, and one that would be redirected.
const HOOKED: [&str; 2] = ["disable_pid_allocation", "proc_sys_read"];
const OTHER: &str = "cmdline_proc_show";

/// A live patch of a function, until this is dropped.
struct LivePatch(());

impl LivePatch {
    fn try_apply(function: &str) -> nix::Result<LivePatch> {
        let file = std::fs::File::open(FILE).expect("open of the live patch");
        let parameters = CString::new(format!("function={function}")).expect("text");
        let (fd, parameters) = (file.as_raw_fd(), parameters.as_ptr());
        // SAFETY: the string is live.
        Errno::result(unsafe { libc::syscall(libc::SYS_finit_module, fd, parameters, 0) })?;
        eventually("the live patch is complete", || {
            (state("transition")? == "0").then_some(())
        });
        Ok(LivePatch(()))
    }

    #[track_caller]
    fn apply(function: &str) -> LivePatch {
        LivePatch::try_apply(function).unwrap_or_else(|e| panic!("live patch of {function}: {e}"))
    }
}

impl Drop for LivePatch {
    fn drop(&mut self) {
        remove();
    }
}

fn state(file: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("{STATE}/{file}"));
    text.ok().map(|t| t.trim().to_string())
}

/// Also what a test that failed has left.
pub fn remove() {
    if state("enabled").as_deref() == Some("1") {
        std::fs::write(format!("{STATE}/enabled"), "0").expect("the end of a live patch");
    }
    if Path::new("/sys/module/coexist_livepatch").exists() {
        eventually("the live patch has gone", || {
            let name = c"coexist_livepatch".as_ptr();
            // SAFETY: the string is live.
            let gone = unsafe { libc::syscall(libc::SYS_delete_module, name, libc::O_NONBLOCK) };
            (gone == 0).then_some(())
        });
    }
}

fn start_with_live_patches() {
    if !Path::new("/sys/kernel/livepatch").exists() {
        crate::report::skip("this kernel has no live patching (CONFIG_LIVEPATCH)");
    }
    if !Path::new(FILE).exists() {
        crate::report::skip("there is no /lib/pidns/coexist_livepatch.ko");
    }
    start();
}

/// Fails the test unless a load is refused with one line, which says why.
#[track_caller]
fn check_refused(parameters: &std::ffi::CStr, reason: &str) {
    let mut log = KernelLog::from_now();
    let before = diverted();
    check!(load_with(parameters), Err(Errno::EBUSY), "load");
    let said = log.of_the_module();
    check!(said.len(), 1, "lines of {said:?}");
    check!(
        said[0].contains(reason),
        true,
        "{:?} has {reason:?}",
        said[0]
    );
    check!(diverted(), before, "functions that are hooked");
}

fn a_hooked_function_that_is_live_patched_refuses_the_load() {
    start_with_live_patches();
    for function in HOOKED {
        let live_patch = LivePatch::apply(function);
        check!(diverted(), [function]);
        for parameters in [c"", c"direct=0"] {
            check_refused(parameters, function);
        }
        drop(live_patch);
        check_nothing_diverted();
        load_now();
        work(true);
        unload_soon();
        work(false);
    }
    load_now();
}

fn a_hooked_function_is_not_live_patched() {
    start_with_live_patches();
    for parameters in [c"", c"direct=0"] {
        check!(load_with(parameters), Ok(()));
        let hooked = diverted();
        for function in HOOKED {
            let refused = LivePatch::try_apply(function).map(drop);
            check!(refused, Err(Errno::EBUSY), "a live patch of {function}");
        }
        check!(diverted(), hooked);
        work(true);
        unload_soon();
        work(false);
    }
    drop(LivePatch::apply(HOOKED[0]));
    load_now();
    work(true);
}

fn another_function_is_live_patched() {
    start_with_live_patches();
    let is_patched = || {
        let line = std::fs::read_to_string("/proc/cmdline").expect("/proc/cmdline");
        line.trim() == "live-patched"
    };
    for module_first in [true, false] {
        let init_from_before = (!is_supply()).then(|| new_init(1));
        if module_first {
            load_now();
        }
        let live_patch = LivePatch::apply(OTHER);
        if !module_first {
            load_now();
        }
        for live_patch in [Some(live_patch), None] {
            check!(is_patched(), live_patch.is_some());
            work(true);
        }
        check!(is_patched(), false);
        if let Some(init) = init_from_before {
            check_two_sided(init);
        }
        let live_patch = LivePatch::apply(OTHER);
        unload_soon();
        work(false);
        check!(is_patched(), true);
        drop(live_patch);
        check_nothing_diverted();
    }
    load_now();
}
