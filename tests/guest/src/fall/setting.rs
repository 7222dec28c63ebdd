//! `kernel.pidns_grace_ms`.

use nix::errno::Errno;

use crate::harness::Test;
use crate::mode;
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{fork, new_ns, End};

pub const TESTS: &[Test] = tests![the_values, who_may_write];

const NAME: &str = "sys/kernel/pidns_grace_ms";

fn set(text: &str) -> nix::Result<()> {
    Proc::at("/proc").write(NAME, text)
}

fn the_values() {
    mode::two_sided();
    check!(
        Proc::at("/proc").read(NAME),
        Ok(String::from("10000\n")),
        "at first"
    );
    for text in ["0", "1", "3600000", "10000"] {
        check!(set(text), Ok(()), "{text:?}");
        let read = Proc::at("/proc").read(NAME);
        check!(read, Ok(format!("{text}\n")), "after {text:?}");
    }
    for wrong in ["-1", "3600001", "x", "99999999999"] {
        check!(set(wrong), Err(Errno::EINVAL), "{wrong:?}");
        let read = Proc::at("/proc").read(NAME);
        check!(read, Ok(String::from("10000\n")), "after {wrong:?}");
    }
}

#[track_caller]
fn check_read_only(words: &str) {
    let proc = Proc::at("/proc");
    check!(proc.read(NAME), Ok(String::from("10000\n")), "read {words}");
    let written = proc.write(NAME, "1");
    check!(
        matches!(written, Err(Errno::EPERM | Errno::EACCES)),
        true,
        "write {words}: {written:?}"
    );
}

fn who_may_write() {
    mode::two_sided();
    let nobody = fork(|_| {
        become_nobody();
        check_read_only("by nobody");
    });
    check!(nobody.wait(), End::Exit(0));
    let weak_root = fork(|_| {
        drop_capability(CAP_SYS_ADMIN);
        check_read_only("by root without CAP_SYS_ADMIN");
    });
    check!(weak_root.wait(), End::Exit(0));
    let init = new_ns(|_| check_read_only("by an init"));
    check!(init.wait(), End::Exit(0));
}
