//! The sysctls that are numbers: what they may be, and who may change them.

use nix::errno::Errno;

use crate::harness::Test;
use crate::load::{load_now, load_with, make_sure, unload_soon};
use crate::mode;
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{fork, new_ns, End};

pub const TESTS: &[Test] = tests![the_values, who_may_write];
/// Of those that load the module anew.
pub const LOADS: &[Test] = tests![300; without_parameters, a_parameter_out_of_range];

/// A setting: its name without `pidns_`, the value that the module begins with, and the highest.
const SETTINGS: [(&str, u32, u32); 3] = [
    ("two_sided_init", 1, 1),
    ("grace_ms", 10_000, 3_600_000),
    ("terminal", 1, 1),
];

fn path(name: &str) -> String {
    format!("sys/kernel/pidns_{name}")
}

#[track_caller]
fn check_value(name: &str, value: u32, words: &str) {
    let read = Proc::at("/proc").read(&path(name));
    check!(read, Ok(format!("{value}\n")), "{name} {words}");
}

fn the_values() {
    mode::two_sided();
    for (name, usual, most) in SETTINGS {
        let set = |text: &str| Proc::at("/proc").write(&path(name), text);
        for value in [0, 1, most, usual] {
            check!(set(&value.to_string()), Ok(()), "{name}={value}");
            check_value(name, value, "afterwards");
        }
        for wrong in [&(most + 1).to_string(), "-1", "x", "99999999999"] {
            check!(set(wrong), Err(Errno::EINVAL), "{name}={wrong}");
            check_value(name, usual, "after what is no value");
        }
    }
}

#[track_caller]
fn check_read_only(words: &str) {
    for (name, usual, _) in SETTINGS {
        check_value(name, usual, words);
        let written = Proc::at("/proc").write(&path(name), "0");
        let refused = matches!(written, Err(Errno::EPERM | Errno::EACCES));
        check!(refused, true, "{name} {words}: {written:?}");
    }
}

fn who_may_write() {
    mode::two_sided();
    mode::set_grace(10_000);
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

fn without_parameters() {
    make_sure();
    unload_soon();
    check!(load_with(c""), Ok(()));
    for (name, usual, _) in SETTINGS {
        check_value(name, usual, "after a load");
    }
}

/// Nothing is hooked, and the next load is as ever.
fn a_parameter_out_of_range() {
    make_sure();
    unload_soon();
    for parameters in [c"two_sided_init=2", c"grace_ms=3600001", c"terminal=2"] {
        check!(load_with(parameters), Err(Errno::EINVAL), "{parameters:?}");
        let there = std::path::Path::new("/sys/module/pidns").exists();
        check!(there, false, "the module after {parameters:?}");
    }
    load_now();
}
