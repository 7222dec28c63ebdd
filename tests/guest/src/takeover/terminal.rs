//! Terminals that are older than the load.

use super::start;
use crate::harness::Test;
use crate::load::{load_now, unload_soon};
use crate::mode;
use crate::process::End;
use crate::two_sided::terminal::terminal;
use crate::two_sided::typed::{check_nothing, type_at, watched, CTRL_C};

pub const TESTS: &[Test] = tests![300;
    a_master_from_before_the_load_is_not_outside,
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
