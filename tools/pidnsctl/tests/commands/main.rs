// SPDX-License-Identifier: GPL-2.0

//! The commands, run on the files of a machine that is made up.

mod explain;
mod machine;

use machine::{Machine, Process};

const INITIAL: u64 = 4026531836;
const WEB: u64 = 4026532190;
const DEEP: u64 = 4026532200;
const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A container, with a namespace below it.
fn machine(name: &str) -> Machine {
    let machine = Machine::new(name);
    machine.process(&Process::new(1, 0, "systemd", INITIAL, "1"));
    machine.process(&Process::new(700, 1, "conmon", INITIAL, "700"));
    machine.process(&Process {
        cgroup: &format!("0::/machine.slice/libpod-{ID}.scope/container\n"),
        ..Process::new(812, 700, "sleep", WEB, "812\t1")
    });
    machine.process(&Process::new(813, 812, "worker", WEB, "813\t2"));
    machine.process(&Process::new(900, 813, "inner", DEEP, "900\t3\t1"));
    machine.process(&Process::new(1000, 700, "asker", INITIAL, "1000"));
    machine.link("proc/self", "1000");
    let containers = format!("[{{\"id\":\"{ID}\",\"names\":[\"web\"]}}]");
    machine.file(
        "var/lib/containers/storage/overlay-containers/containers.json",
        &containers,
    );
    machine
}

/// The same with the module; the switches are those of the container.
fn with_module(name: &str, two_sided_init: u8, grace_ms: u32) -> Machine {
    let machine = machine(name);
    let list = format!(
        "ns parent owner level init numbers dropped acted two_sided_init grace_ms terminal reap_orphans\n\
         {INITIAL} - 4026531837 0 1 105 0 0 1 10000 1 0\n\
         {WEB} {INITIAL} 4026531837 1 812 3 2 5 {two_sided_init} {grace_ms} 0 1\n\
         {DEEP} {WEB} 4026531837 2 900 1 0 0 1 10000 1 0\n"
    );
    machine.file("proc/pidns", &list);
    machine
}

#[test]
fn list_shows_a_tree() {
    let ran = with_module("list", 2, 2500).run(&["list"]);
    let wanted = "\
NAMESPACE      INIT NAME    CONTAINER TASKS DROPPED ACTED TWO-SIDED GRACE TERMINAL ORPHANS
4026531836        1 systemd -             6       0     0 yes       10 s  yes      left
└─4026532190    812 sleep   web           3       2     5 tell      2.5 s no       reaped
  └─4026532200  900 inner   -             1       0     0 yes       10 s  yes      left
";
    assert_eq!(ran.out, wanted);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[test]
fn list_works_without_the_module_and_says_so() {
    let ran = machine("list-without").run(&["list"]);
    let wanted = "\
NAMESPACE      INIT NAME    CONTAINER TASKS
4026531836        1 systemd -             6
└─4026532190    812 sleep   web           3
  └─4026532200  900 inner   -             1
";
    assert_eq!(ran.out, wanted);
    assert!(ran.err.contains("pidns is not loaded"), "{}", ran.err);
}

#[test]
fn list_prints_json() {
    let ran = with_module("list-json", 1, 0).run(&["list", "--json"]);
    let seen: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(seen["pidns"], true);
    let web = &seen["namespaces"][1];
    for (name, value) in [
        ("ns", WEB),
        ("parent", INITIAL),
        ("init", 812),
        ("tasks", 3),
        ("acted", 5),
        ("grace_ms", 0),
    ] {
        assert_eq!(web[name], value, "{name}");
    }
    assert_eq!(web["container"], "web");
}

#[test]
fn whoever_does_not_tell_its_namespace_is_counted_as_such() {
    let machine = machine("list-hidden");
    machine.remove("proc/813/ns/pid");
    let ran = machine.run(&["list"]);
    assert!(ran.err.contains("1 of them: ask as root"), "{}", ran.err);
}

#[test]
fn a_list_that_is_none_is_an_error_of_one_line() {
    let machine = machine("list-bad");
    machine.file("proc/pidns", "ns init\n1\n");
    let ran = machine.run(&["list"]);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "pidnsctl: /proc/pidns: 2 columns, but 1 words: 1\n"
    );
}

#[test]
fn holders_of_a_container() {
    let machine = machine("holders-container");
    for said in ["web", &ID[..12]] {
        let ran = machine.run(&["holders", said]);
        let (out, err) = (ran.out, ran.err);
        assert!(
            out.starts_with("its init sleep (812) lives: pidnsctl explain 812 TERM\n"),
            "{out}{err}"
        );
    }
    // A second one in it, as of an engine in a container.
    machine.process(&Process {
        cgroup: &format!("0::/machine.slice/libpod-{ID}.scope/container/x\n"),
        ..Process::new(900, 813, "inner", DEEP, "900\t3\t1")
    });
    let ran = machine.run(&["holders", "web"]);
    assert!(
        ran.err.contains("several namespaces are of 'web'"),
        "{}",
        ran.err
    );
}

#[test]
fn holders_are_found() {
    let machine = machine("holders");
    machine.process(&Process {
        state: 'Z',
        ..Process::new(812, 700, "sleep", WEB, "812\t1")
    });
    machine.process(&Process {
        state: 'D',
        ..Process::new(813, 812, "worker", WEB, "813\t2")
    });
    machine.link("proc/700/ns/pid_for_children", &format!("pid:[{WEB}]"));
    machine.link("proc/700/fd/5", &format!("pid:[{WEB}]"));
    machine.link("proc/700/fd/6", &format!("pid:[{DEEP}]"));
    machine.link("proc/1/ns/mnt", "mnt:[1]");
    machine.link(
        "proc/1/root/container/proc/1/ns/pid",
        &format!("pid:[{WEB}]"),
    );
    machine.file(
        "proc/1/mountinfo",
        &format!(
            "21 1 0:21 / /proc rw - proc proc rw\n\
             30 1 0:4 pid:[{WEB}] /run/ns/web rw - nsfs nsfs rw\n\
             31 1 0:55 / /container/proc rw - proc proc rw\n"
        ),
    );
    let ran = machine.run(&["holders", &WEB.to_string()]);
    let wanted = "\
its init sleep (812) has ended, and conmon (700) has not waited for it: end process 700, or have it wait
member worker (813) sleeps and takes no signal (state D)
other processes that have numbers in it: 1
namespace 4026532200 is below it (4026532200)
conmon (700) has chosen it for its children (setns, unshare)
conmon (700) has it open, as file 5
it is mounted at /run/ns/web, as systemd (1) sees it: umount that
a procfs of it is mounted at /container/proc, as systemd (1) sees it
";
    assert_eq!(ran.out, wanted);
    assert_eq!(ran.status, 0);
    assert_eq!(machine.run(&["holders", "813"]).out, wanted);
    assert_eq!(
        machine.run(&["holders", &format!("pid:[{WEB}]")]).out,
        wanted
    );
    let ran = machine.run(&["holders", "4026539999"]);
    assert_eq!(
        (ran.status, ran.out.as_str()),
        (1, "nothing that can be seen keeps namespace 4026539999\n")
    );
}

#[test]
fn an_init_that_waits_and_a_zombie_from_outside() {
    let machine = machine("holders-zap");
    machine.process(&Process {
        flags: 0x40_0104,
        ..Process::new(812, 700, "sleep", WEB, "812\t1")
    });
    assert_eq!(machine.run(&["explain", "812", "KILL"]).status, 1);
    machine.process(&Process {
        state: 'Z',
        ..Process::new(813, 700, "exec", WEB, "813\t2")
    });
    let ran = machine.run(&["holders", "812"]);
    assert!(ran
        .out
        .contains("its init sleep (812) has ended, and waits until all members are gone\n"));
    assert!(ran
        .out
        .contains("member exec (813) has ended, and conmon (700) has not waited for it"));
    machine.process(&Process {
        state: 'I',
        ..Process::new(812, 700, "sleep", WEB, "812\t1")
    });
    let ran = machine.run(&["holders", "812"]);
    assert!(ran.out.contains("kill -KILL 812 ends that"), "{}", ran.out);
}

/// The first thread of a process may end before the others.
#[test]
fn a_process_lives_while_a_thread_does() {
    let machine = machine("threads");
    machine.process(&Process {
        state: 'Z',
        ..Process::new(812, 700, "java", WEB, "812\t1")
    });
    machine.process(&Process::new(814, 700, "java", WEB, "814\t3"));
    for file in ["status", "stat"] {
        let text = std::fs::read_to_string(machine.path(&format!("proc/814/task/814/{file}")));
        machine.file(&format!("proc/812/task/814/{file}"), &text.unwrap());
    }
    std::fs::remove_dir_all(machine.path("proc/814")).unwrap();
    let ran = machine.run(&["holders", "812"]);
    assert!(ran.out.contains("its init java (812) lives"), "{}", ran.out);
    assert_eq!(machine.run(&["explain", "812", "KILL"]).status, 0);
}

#[test]
fn metrics_go_into_a_file() {
    let machine = with_module("metrics", 1, 10000);
    let file = machine.path("pidns.prom");
    let ran = machine.run(&["metrics", "--output", file.to_str().unwrap()]);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    let text = std::fs::read_to_string(&file).unwrap();
    let line = format!(
        "pidns_signals_acted_total{{ns=\"{WEB}\",level=\"1\",init=\"sleep\",container=\"web\"}} 5"
    );
    assert!(text.lines().any(|it| it == line), "{text}");
    assert_eq!(machine.run(&["metrics"]).out, text);
}

#[test]
fn a_machine_that_can_have_it() {
    let machine = Machine::new("check");
    machine.file("proc/sys/kernel/osrelease", "7.3.4\n");
    let options = [
        "X86_64",
        "PID_NS",
        "MODULES",
        "RUST",
        "SYSCTL",
        "POSIX_TIMERS",
        "KPROBES",
        "KALLSYMS",
        "KALLSYMS_ALL",
        "TASKS_RCU",
    ];
    let more = ["DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "MODULE_UNLOAD"];
    let config: String = options
        .iter()
        .chain(&more)
        .map(|it| format!("CONFIG_{it}=y\n"))
        .collect();
    machine.file("boot/config-7.3.4", &config);
    machine.file("lib/modules/7.3.4/updates/pidns.ko", "");
    machine.file(
        "sys/kernel/tracing/enabled_functions",
        "send_signal_locked (1) R   D   tramp: 0x0\n",
    );
    let ran = machine.run(&["check"]);
    assert_eq!(ran.status, 0, "{}", ran.out);
    assert!(
        ran.out
            .contains("a BPF program is attached to send_signal_locked"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.ends_with("this kernel can have pidns\n"),
        "{}",
        ran.out
    );
    machine.file("proc/sys/kernel/modules_disabled", "1\n");
    assert_eq!(machine.run(&["check"]).status, 1);
    let ran = machine.run(&["check", "--kernel", "7.4.0"]);
    assert!(
        ran.out
            .contains("nothing here says how 7.4.0 is configured: say --config FILE"),
        "{}",
        ran.out
    );
    let file = machine.path("boot/config-7.3.4");
    let file = file.to_str().unwrap();
    assert_eq!(
        machine
            .run(&["check", "--config", file, "--kernel", "7.2.1"])
            .status,
        0
    );
    assert_eq!(
        machine
            .run(&["check", "--config", file, "--kernel", "6.12.1"])
            .status,
        1
    );
}

#[test]
fn errors_are_one_line_and_status_2() {
    let machine = machine("errors");
    for (arguments, error) in [
        (&[][..], "no command: say pidnsctl --help"),
        (
            &["fly"],
            "unrecognized subcommand 'fly': say pidnsctl --help",
        ),
        (
            &["explain", "812"],
            "the following required arguments were not provided: <SIGNAL>: say pidnsctl --help",
        ),
        (
            &["explain", "812", "FOO"],
            "'FOO' is no signal: say a name or a number, as SIGTERM or 15",
        ),
        (&["explain", "5", "TERM"], "no process 5"),
        (
            &["holders", "x"],
            "no process, namespace or container 'x': pidnsctl list shows them",
        ),
        (&["holders", "5"], "no process 5"),
        (
            &["trace", "--container", "db"],
            "no container 'db': pidnsctl list shows them",
        ),
        (&["trace", "--pid", "5"], "no process 5"),
    ] {
        let ran = machine.run(arguments);
        assert_eq!(ran.status, 2, "{arguments:?}");
        assert_eq!(ran.err, format!("pidnsctl: {error}\n"), "{arguments:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn shells_can_complete() {
    let machine = Machine::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        let ran = machine.run(&["completions", shell]);
        assert!(ran.out.contains("holders") && ran.status == 0, "{shell}");
    }
}
