//! Terminals that are older than the load.

use super::start;
use crate::harness::Test;
use crate::load::{hooked, load_now, unload_soon};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::End;
use crate::two_sided::terminal::terminal;
use crate::two_sided::typed::{check_nothing, type_at, watched, CTRL_C};

pub const TESTS: &[Test] = tests![300;
    a_master_from_before_the_load_is_not_outside,
    ftrace_cannot_be_switched_off,
];

/// Nobody knows who has written to it while the module was away.
fn a_master_from_before_the_load_is_not_outside() {
    start();
    let of_another_load = terminal();
    unload_soon();
    let of_none = terminal();
    load_now();
    mode::set_grace(0);
    for (master, slave) in [of_another_load, of_none] {
        let (init, report) = watched(&slave, |_| ());
        check_nothing(&master, &init, &report);
        init.end();
    }
    let (master, slave) = terminal();
    let (init, _report) = watched(&slave, |_| ());
    type_at(&master, CTRL_C);
    check!(
        init.wait(),
        End::Killed(libc::SIGINT),
        "at a terminal of this load"
    );
}

/// Half of the hooks would be worse than none.
fn ftrace_cannot_be_switched_off() {
    start();
    let (proc, before) = (Proc::at("/proc"), hooked());
    check!(proc.write("sys/kernel/ftrace_enabled", "0").is_err(), true);
    check!(
        proc.read("sys/kernel/ftrace_enabled")
            .expect("ftrace_enabled")
            .trim(),
        "1"
    );
    check!(hooked(), before, "hooked functions");
}
