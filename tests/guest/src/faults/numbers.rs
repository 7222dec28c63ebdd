//! Every node of a number table that a fork wants fails at first, at each of its levels.

use super::start;
use crate::channel::Channel;
use crate::clone::Clone;
use crate::harness::Test;
use crate::numbers::own_numbers;
use crate::proc_fs::Proc;
use crate::process::{new_ns, End};

pub const TESTS: &[Test] = tests![600; each_level_wants_another_leaf];

const LEVELS: usize = 6;
const ROUNDS: i32 = 10;

/// Whether an allocation of a node that may not sleep fails. One that may goes on: so a fork gets its memory from what it
/// has reserved, for one level at a time.
fn fail_nodes(fail: bool) {
    let probability = if fail { "100" } else { "0" };
    set("debug/failslab/probability", probability);
}

fn set(name: &str, value: &str) {
    std::fs::write(format!("/sys/kernel/{name}"), value).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// The last number of a leaf was given last, in the caller's namespace.
fn fill_leaf(round: i32) {
    let last = (64 * round + 63).to_string();
    let proc = Proc::at("/proc");
    proc.write("sys/kernel/ns_last_pid", &last)
        .expect("ns_last_pid");
}

/// An init with so many levels below it, which says when all are there. In each round all fill their leaves, and the
/// innermost forks.
fn level(below: usize, channel: &Channel) {
    if below == 0 {
        channel.send(0);
        while let Some(round) = channel.receive_or_end() {
            fill_leaf(round[0]);
            fail_nodes(true);
            let child = Clone::new(0).start(|channel| channel.send_all(&own_numbers()));
            fail_nodes(false);
            let child = child.unwrap_or_else(|e| panic!("a fork without spare nodes: {e}"));
            channel.send_all(&child.receive_all());
            check!(child.wait(), End::Exit(0));
        }
        return;
    }
    let inner = new_ns(|channel| level(below - 1, channel));
    channel.send(inner.receive());
    while let Some(round) = channel.receive_or_end() {
        fill_leaf(round[0]);
        inner.send(round[0]);
        channel.send_all(&inner.receive_all());
    }
}

fn each_level_wants_another_leaf() {
    start();
    set("slab/radix_tree_node/failslab", "1");
    for (setting, value) in [
        ("cache-filter", "1"),
        ("ignore-gfp-wait", "Y"),
        ("times", "-1"),
        ("interval", "1"),
    ] {
        set(&format!("debug/failslab/{setting}"), value);
    }
    let outermost = new_ns(|channel| level(LEVELS - 1, channel));
    outermost.receive();
    for round in 1..=ROUNDS {
        outermost.send(round);
        check!(
            outermost.receive_all(),
            vec![64 * round + 64; LEVELS],
            "the numbers in round {round}"
        );
    }
    set("debug/failslab/cache-filter", "0");
    set("debug/failslab/ignore-gfp-wait", "N");
    set("slab/radix_tree_node/failslab", "0");
}
