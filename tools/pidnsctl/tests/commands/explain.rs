// SPDX-License-Identifier: GPL-2.0

//! `explain`: what signals would do.

use crate::{
    machine,
    machine::{Machine, Process},
    with_module, ID, WEB,
};

/// Arguments of `explain`, the status, and what its first line ends with; with the module, two-sided.
const EXPLAINED: [(&[&str], i32, &str); 14] = [
    (&["812", "TERM"], 0, "pid 1 of web: it ends"),
    (
        &["812", "QUIT"],
        0,
        "pid 1 of web: it ends, with a core dump",
    ),
    (&["812", "KILL"], 0, "it ends"),
    (&["812", "STOP"], 0, "it stops"),
    (
        &["812", "TSTP"],
        1,
        "nothing, its process group is orphaned",
    ),
    (&["812", "USR1"], 0, "its handler runs"),
    (&["812", "HUP"], 1, "nothing"),
    (&["812", "CHLD"], 1, "nothing"),
    (
        &["812", "INT"],
        3,
        "pending, as it is blocked; when it is taken: it ends",
    ),
    (
        &["812", "KILL", "--from", "813"],
        1,
        "nothing, it is protected as an init",
    ),
    (
        &["812", "TERM", "--from", "900"],
        1,
        "nothing, it is protected as an init",
    ),
    (&["812", "TERM", "--from", "812"], 0, "it ends"),
    (
        &["900", "TERM", "--from", "813"],
        0,
        "pid 1 of namespace 4026532200: it ends",
    ),
    (
        &["813", "TERM", "--from", "900"],
        0,
        "to worker (813): it ends",
    ),
];

fn with_dispositions(machine: &Machine) {
    machine.process(&Process {
        cgroup: &format!("0::/machine.slice/libpod-{ID}.scope/container\n"),
        blocked: 1 << 1,
        ignored: 1,
        caught: 1 << 9,
        ..Process::new(812, 700, "sleep", WEB, "812\t1")
    });
}

#[test]
fn explain_by_the_two_sided_rule() {
    let machine = with_module("explain", 1, 2500);
    with_dispositions(&machine);
    for (arguments, status, end) in EXPLAINED {
        let ran = machine.run(&[&["explain"], arguments].concat());
        let first = ran.out.lines().next().unwrap_or("");
        assert!(
            first.ends_with(end),
            "{arguments:?}: {} {}",
            ran.out,
            ran.err
        );
        assert_eq!(ran.status, status, "{arguments:?}");
    }
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert!(
        ran.out.contains("have 2500 ms to end by themselves"),
        "{}",
        ran.out
    );
}

#[test]
fn explain_by_mainlines_rule() {
    for machine in [
        machine("explain-without"),
        with_module("explain-off", 0, 10000),
        with_module("explain-tell", 2, 10000),
    ] {
        with_dispositions(&machine);
        for (arguments, status) in [
            (&["812", "TERM"][..], 1),
            (&["812", "KILL"], 0),
            (&["812", "KILL", "--from", "813"], 1),
            (&["812", "TERM", "--from", "812"], 1),
            (&["812", "USR1"], 0),
            (&["813", "TERM"], 0),
        ] {
            let ran = machine.run(&[&["explain"], arguments].concat());
            assert_eq!(ran.status, status, "{arguments:?}: {}", ran.out);
        }
        let ran = machine.run(&["explain", "812", "TERM"]);
        assert!(
            ran.out.contains("two-sided:   by that rule it would act"),
            "{}",
            ran.out
        );
    }
}

#[test]
fn explain_by_the_sysctl_where_there_is_no_list() {
    let machine = machine("explain-sysctl");
    machine.file("proc/sys/kernel/pidns_two_sided_init", "1\n");
    assert_eq!(machine.run(&["explain", "812", "TERM"]).status, 0);
    // The module never touches the machine's own.
    assert_eq!(machine.run(&["explain", "1", "TERM"]).status, 1);
    assert_eq!(machine.run(&["explain", "1", "KILL"]).status, 1);
}

#[test]
fn explain_what_is_stopped_or_traced_or_has_ended() {
    let machine = with_module("explain-states", 1, 10000);
    for (state, tracer, signal, status, end) in [
        ('T', 0, "TERM", 3, "when it is taken: it ends"),
        ('T', 0, "CONT", 0, "it continues"),
        ('T', 0, "KILL", 0, "it ends"),
        ('T', 0, "HUP", 3, "when it is taken: it ends"),
        ('T', 0, "CHLD", 1, "nothing"),
        ('t', 700, "TERM", 3, "when it is taken: it ends"),
        ('t', 700, "CONT", 3, "when it is taken: nothing"),
        ('S', 700, "KILL", 0, "it ends"),
        ('Z', 0, "KILL", 1, "nothing, it has ended"),
        ('I', 0, "TERM", 1, "nothing, it is ending"),
        ('I', 0, "KILL", 0, "its members have no more time"),
    ] {
        machine.process(&Process {
            state,
            tracer,
            ..Process::new(812, 700, "sleep", WEB, "812\t1")
        });
        let ran = machine.run(&["explain", "812", signal]);
        let first = ran.out.lines().next().unwrap_or("");
        assert!(first.ends_with(end), "{state} {signal}: {}", ran.out);
        assert_eq!(ran.status, status, "{state} {signal}");
    }
}

/// What one thread blocks another one takes.
#[test]
fn explain_asks_every_thread() {
    let machine = with_module("explain-threads", 1, 10000);
    with_dispositions(&machine);
    assert_eq!(machine.run(&["explain", "812", "INT"]).status, 3);
    let status = std::fs::read_to_string(machine.path("proc/812/task/812/status")).unwrap();
    let other = status.replace("SigBlk:\t0000000000000002", "SigBlk:\t0");
    assert_ne!(status, other);
    machine.file("proc/812/task/820/status", &other);
    assert_eq!(machine.run(&["explain", "812", "INT"]).status, 0);
}
