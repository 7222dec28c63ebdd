//! Allocations fail while the module comes and goes: it is there as a whole, or not at all.

use std::path::Path;

use super::{plain, some, start, Outcome, Tally};
use crate::harness::Test;
use crate::load::{hooked, load, load_now, make_sure, unload, unload_soon};

pub const TESTS: &[Test] = tests![14_000;
    a_load,
    an_unload,
];

fn attempt(nth: usize, f: &dyn Fn() -> nix::Result<()>) -> Outcome {
    plain("the module", 0, &|()| f()).attempt(nth)
}

fn count(f: &dyn Fn() -> nix::Result<()>) -> usize {
    plain("the module", 0, &|()| f()).count()
}

fn check_not_there(words: &str) {
    check!(
        Path::new("/sys/module/pidns").exists(),
        false,
        "the module, {words}"
    );
    check!(hooked(), 0, "hooked functions, {words}");
}

fn a_load() {
    start();
    make_sure();
    let hooks = hooked();
    unload_soon();
    let all = count(&load);
    unload_soon();
    let mut tally = Tally::default();
    for nth in some(all) {
        let outcome = attempt(nth, &load);
        tally.count(outcome.result);
        if outcome.result == 0 {
            check!(hooked(), hooks, "hooked functions where a load did without");
        } else {
            check_not_there(&format!("after the allocation {nth} of a load failed"));
            load_now();
        }
        unload_soon();
        check_not_there("after an unload");
    }
    tally.tell("a load", all);
    load_now();
}

/// It cannot fail: what leads into the module's text is taken away, however often that has to be tried.
fn an_unload() {
    start();
    make_sure();
    let all = count(&unload);
    load_now();
    let mut tally = Tally::default();
    for nth in some(all) {
        let outcome = attempt(nth, &unload);
        tally.count(outcome.result);
        check!(
            outcome.result,
            0,
            "an unload where the allocation {nth} failed"
        );
        check_not_there(&format!(
            "after an unload where the allocation {nth} failed"
        ));
        load_now();
    }
    tally.tell("an unload", all);
}
