// SPDX-License-Identifier: GPL-2.0

//! `explain`: what signals would do.

use crate::{
    machine,
    machine::{Machine, Process},
    with_module, ID, INITIAL, WEB,
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

/// What somebody takes by `sigwait` or from a `signalfd`, as inits of engines do, is his.
#[test]
fn explain_who_takes_it_by_himself() {
    const INT: u64 = 1 << 1;
    const TERM: u64 = 1 << 14;
    for (two_sided_init, machine) in [
        (1, with_module("explain-waits", 1, 10000)),
        (0, with_module("explain-waits-off", 0, 10000)),
    ] {
        with_dispositions(&machine);
        machine.waits(812, 812, INT | TERM);
        let ran = machine.run(&["explain", "812", "TERM"]);
        assert_eq!(ran.status, 0, "{}", ran.out);
        assert!(
            ran.out.contains("it goes on from its sigwait"),
            "{}",
            ran.out
        );
        assert!(
            ran.out.contains("thread 812 waits for SIGTERM (sigwait)"),
            "{}",
            ran.out
        );
        assert!(ran.out.contains("if it exits, the others"), "{}", ran.out);
        assert!(!ran.out.contains("all of its namespace get"), "{}", ran.out);
        assert!(!ran.out.contains("by that rule"), "{}", ran.out);
        // It waits for that no less, but blocks it.
        assert_eq!(machine.run(&["explain", "812", "INT"]).status, 3);
        // Nobody waits for it.
        let killed = machine.run(&["explain", "812", "KILL"]);
        assert!(killed.out.contains("it ends"), "{}", killed.out);
        let quit = machine.run(&["explain", "812", "QUIT"]);
        assert_eq!(quit.status, 1 - two_sided_init, "{}", quit.out);
    }
    let machine = with_module("explain-signalfd", 1, 10000);
    with_dispositions(&machine);
    machine.file(
        "proc/812/fdinfo/3",
        "pos:\t0\nflags:\t02\nsigmask:\t0000000000000002\n",
    );
    let ran = machine.run(&["explain", "812", "INT"]);
    assert_eq!(ran.status, 3);
    assert!(
        ran.out.contains("until it reads it from its signalfd"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("(file 3)"), "{}", ran.out);
    // It is not blocked: the file does not get it.
    machine.file("proc/812/fdinfo/4", "sigmask:\t0000000000004000\n");
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert!(
        ran.out.lines().next().unwrap().ends_with("it ends"),
        "{}",
        ran.out
    );
    // Its first thread takes what another one waits for.
    machine.file(
        "proc/812/task/820/status",
        &std::fs::read_to_string(machine.path("proc/812/status")).unwrap(),
    );
    machine.waits(812, 820, TERM);
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert!(
        ran.out.lines().next().unwrap().ends_with("it ends"),
        "{}",
        ran.out
    );
    // It has ended, and those that live wait or block.
    let text = std::fs::read_to_string(machine.path("proc/812/task/812/status")).unwrap();
    let (ended, blocks) = (
        text.replace("State:\tS", "State:\tZ"),
        text.replace("SigBlk:\t0000000000000002", "SigBlk:\t0000000000004000"),
    );
    machine.file("proc/812/task/812/status", &ended);
    machine.file("proc/812/task/815/status", &text);
    machine.file("proc/812/task/815/syscall", "running\n");
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert!(
        ran.out.contains("thread 820 waits for SIGTERM (sigwait)"),
        "{}",
        ran.out
    );
    machine.file("proc/812/task/820/status", &blocks);
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert!(!ran.out.contains("sigwait"), "{}", ran.out);
    machine.file("proc/812/task/812/status", &text);
    machine.remove("proc/812/task/820/syscall");
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert!(
        ran.out
            .contains("whether a thread waits for SIGTERM (sigwait): ask as root"),
        "{}",
        ran.out
    );
}

/// What mainline does to an init whose first thread blocks what another one does not.
#[test]
fn explain_what_mainline_forgets() {
    for (two_sided_init, from, status) in [(0, "813", 0), (1, "813", 1), (2, "1000", 0)] {
        let machine = with_module("explain-forgets", two_sided_init, 10000);
        with_dispositions(&machine);
        let text = std::fs::read_to_string(machine.path("proc/812/status")).unwrap();
        let other = text.replace("SigBlk:\t0000000000000002", "SigBlk:\t0");
        machine.file("proc/812/task/820/status", &other);
        machine.file("proc/812/task/820/syscall", "running\n");
        let ran = machine.run(&["explain", "812", "INT", "--from", from]);
        assert_eq!(ran.status, status, "{}", ran.out);
    }
}

#[test]
fn explain_what_does_not_run() {
    let machine = with_module("explain-sleeps", 1, 10000);
    let process = |state| {
        machine.process(&Process {
            state,
            caught: 1 << 9,
            cgroup: "0::/web\n",
            ..Process::new(812, 700, "sleep", WEB, "812\t1")
        });
    };
    let first = |signal| {
        let ran = machine.run(&["explain", "812", signal]);
        (ran.status, ran.out.lines().next().unwrap_or("").to_owned())
    };
    process('D');
    for signal in ["KILL", "TERM", "USR1"] {
        let (status, line) = first(signal);
        assert_eq!(status, 3, "{line}");
        assert!(line.contains("takes no signal (state D)"), "{line}");
    }
    process('S');
    machine.file("sys/fs/cgroup/web/cgroup.events", "populated 1\nfrozen 1\n");
    assert_eq!(first("TERM").0, 0);
    let (status, line) = first("USR1");
    assert_eq!(status, 3, "{line}");
    assert!(line.contains("its cgroup is frozen"), "{line}");
}

/// By a container's name, and with what helps.
#[test]
fn explain_what_to_do() {
    let off = with_module("explain-advice", 0, 10000);
    let on = with_module("explain-advice-on", 1, 10000);
    let process = |machine: &Machine, name, state, caught, ignored| {
        machine.process(&Process {
            state,
            caught,
            ignored,
            cgroup: &format!("0::/machine.slice/libpod-{ID}.scope/container\n"),
            ..Process::new(812, 700, name, WEB, "812\t1")
        });
    };
    const TERM: u64 = 1 << 14;
    for (machine, name, state, caught, ignored, advice) in [
        (
            &off,
            "sleep",
            'S',
            0,
            0,
            "a handler in the program, or a tini",
        ),
        (&off, "sh", 'S', 0, 0, "exec the program"),
        (
            &off,
            "start.sh",
            'S',
            TERM,
            0,
            "when the command in front has ended",
        ),
        (&off, "server", 'S', TERM, 0, "a longer --stop-timeout"),
        (
            &on,
            "server",
            'S',
            0,
            TERM,
            "another signal (--stop-signal)",
        ),
        (&on, "server", 'T', 0, 0, "kill -CONT 812"),
    ] {
        process(machine, name, state, caught, ignored);
        let ran = machine.run(&["explain", "web", "TERM"]);
        let line = ran.out.lines().find(|it| it.starts_with("  to do:"));
        let line = line.unwrap_or_else(|| panic!("{name} {state}: {}{}", ran.out, ran.err));
        assert!(line.contains(advice), "{name} {state}: {line}");
    }
    process(&on, "sleep", 'S', 0, 0);
    for (from, signal) in [("1000", "TERM"), ("1000", "KILL"), ("813", "TERM")] {
        let ran = on.run(&["explain", "web", signal, "--from", from]);
        assert!(!ran.out.contains("to do"), "{from} {signal}: {}", ran.out);
    }
    on.waits(812, 812, TERM);
    let ran = on.run(&["explain", "web", "TERM"]);
    assert!(ran.out.contains("explain 813 SIGTERM"), "{}", ran.out);
    let ran = on.run(&["explain", "nobody", "TERM"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err.contains("no process, namespace or container"),
        "{}",
        ran.err
    );
}

/// The first version of cgroups shows a frozen process in state D.
#[test]
fn explain_a_container_that_is_paused() {
    let machine = with_module("explain-paused", 1, 10000);
    machine.process(&Process {
        state: 'D',
        cgroup: "3:freezer:/web\n0::/\n",
        ..Process::new(812, 700, "sleep", WEB, "812\t1")
    });
    machine.file("sys/fs/cgroup/freezer/web/freezer.state", "FROZEN\n");
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert_eq!(ran.status, 3, "{}", ran.out);
    assert!(ran.out.contains("its cgroup is frozen"), "{}", ran.out);
    assert!(ran.out.contains("unpause it"), "{}", ran.out);
}

#[test]
fn explain_to_whom_it_may_not_be_told() {
    let machine = with_module("explain-hidden", 0, 10000);
    // Not listed, as for somebody who is not its admin.
    let list = format!("ns parent owner level init two_sided_init\n{INITIAL} - 4026531837 0 1 1\n");
    machine.file("proc/pidns", &list);
    machine.remove("proc/812/ns/pid");
    let ran = machine.run(&["explain", "812", "TERM"]);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("ask as root"), "{}", ran.err);
    machine.remove("proc/1/ns/pid");
    let ran = machine.run(&["explain", "1", "TERM"]);
    assert!(ran.out.contains("the machine's own pid 1"), "{}", ran.out);
}

#[test]
fn explain_a_thread_by_its_process() {
    let machine = with_module("explain-thread", 1, 10000);
    let text = std::fs::read_to_string(machine.path("proc/812/status")).unwrap();
    let thread = text
        .replace("Pid:\t812", "Pid:\t820")
        .replace("812\t1", "820\t5");
    machine.file("proc/820/status", &thread);
    for arguments in [
        ["820", "TERM", "--from", "1000"],
        ["812", "TERM", "--from", "820"],
    ] {
        let ran = machine.run(&[&["explain"], &arguments[..]].concat());
        assert_eq!(ran.status, 0, "{}", ran.out);
        assert!(
            ran.out.contains("to sleep (812), pid 1 of web: it ends"),
            "{}",
            ran.out
        );
    }
    assert!(machine
        .run(&["explain", "812", "TERM", "--from", "820"])
        .out
        .contains("itself"));
}

#[test]
fn explain_says_who_stands_where() {
    let machine = with_module("explain-where", 1, 10000);
    machine.process(&Process::new(990, 700, "other", 4026532300, "990\t1"));
    let list = std::fs::read_to_string(machine.path("proc/pidns")).unwrap();
    machine.file(
        "proc/pidns",
        &format!("{list}4026532300 {INITIAL} 4026531837 1 990 1 0 0 1 1 1 0\n"),
    );
    let ran = machine.run(&["explain", "812", "TERM", "--from", "990"]);
    assert!(ran.out.contains("beside it"), "{}", ran.out);
    let ran = machine.run(&["explain", "812", "INT"]);
    assert!(!ran.out.contains("terminal:"), "{}", ran.out);
    for (foreground, end) in [(812, "(pidns_terminal=0)"), (813, "in the background")] {
        machine.process(&Process {
            tty: (34816, foreground),
            ..Process::new(812, 700, "sleep", WEB, "812\t1")
        });
        let ran = machine.run(&["explain", "812", "INT"]);
        assert!(
            ran.out.contains("a Ctrl-C that is typed there is"),
            "{}",
            ran.out
        );
        assert!(ran.out.trim_end().ends_with(end), "{}", ran.out);
    }
}
