//! The module goes whatever an init is doing.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::unistd::{setpgid, Pid};

use super::{check_one_sided, check_two_sided, live, new_init, start};
use crate::harness::Test;
use crate::load::{load_now, unload, unload_soon};
use crate::process::{eventually, new_ns, wait_for_core, wait_status, Child, End};

pub const TESTS: &[Test] = tests![900;
    an_unload_with_a_stopped_init,
    an_unload_with_a_frozen_init,
    an_unload_with_a_traced_init,
    an_unload_while_an_init_is_held_by_its_tracer,
    an_unload_while_an_init_shows_a_signal,
    an_unload_in_the_middle_of_a_core_dump,
];

/// Waits for a stop, and returns its signal and the event, if a tracer sees one.
#[track_caller]
fn wait_stop(child: &Child) -> (i32, i32) {
    let (_, status) = wait_status(child.pid, libc::__WALL | libc::WUNTRACED);
    check!(libc::WIFSTOPPED(status), true, "the status {status:#x}");
    (libc::WSTOPSIG(status), status >> 16)
}

fn an_unload_with_a_stopped_init() {
    start();
    for signal in [libc::SIGSTOP, libc::SIGTSTP] {
        for threads in [1, 4] {
            let init = new_ns(|channel| {
                // Its group is not orphaned: the parent is in another one of the session.
                check!(setpgid(Pid::from_raw(0), Pid::from_raw(0)), Ok(()));
                live(channel, threads);
            });
            init.check_alive();
            init.kill(signal);
            check!(wait_stop(&init), (signal, 0));
            check!(unload(), Ok(()));
            init.kill(libc::SIGTERM);
            let nothing = wait_status(init.pid, libc::WNOHANG | libc::WCONTINUED);
            check!(nothing, (0, 0), "events after SIGTERM without the module");
            init.kill(libc::SIGCONT);
            check_one_sided(&init);
            load_now();
            check_two_sided(init);
        }
    }
}

fn an_unload_with_a_frozen_init() {
    start();
    let group = Path::new("/sys/fs/cgroup/takeover");
    if std::fs::create_dir(group).is_err() {
        crate::report::skip("no cgroups");
    }
    let write = |file: &str, text: &str| std::fs::write(group.join(file), text).expect("write");
    for loaded in [false, true] {
        let init = new_init(4);
        write("cgroup.procs", &init.pid.to_string());
        write("cgroup.freeze", "1");
        eventually("all is frozen", || {
            let events = std::fs::read_to_string(group.join("cgroup.events")).expect("events");
            events.contains("frozen 1").then_some(())
        });
        check!(unload(), Ok(()));
        if loaded {
            load_now();
        }
        write("cgroup.freeze", "0");
        init.check_alive();
        if !loaded {
            check_one_sided(&init);
            load_now();
        }
        check_two_sided(init);
    }
    eventually("the group is empty", || std::fs::remove_dir(group).ok());
}

#[track_caller]
fn seize(init: &Child) -> Pid {
    let number = Pid::from_raw(init.pid);
    ptrace::seize(number, Options::empty()).expect("PTRACE_SEIZE");
    number
}

fn an_unload_with_a_traced_init() {
    start();
    let init = new_init(1);
    let number = seize(&init);
    init.check_alive();
    check!(unload(), Ok(()), "unload while a traced init runs");
    // What the tracer lets pass does nothing, as in mainline.
    init.kill(libc::SIGTERM);
    check!(wait_stop(&init), (libc::SIGTERM, 0));
    load_now();
    check!(unload(), Ok(()), "unload while init shows what came before");
    ptrace::cont(number, Signal::SIGTERM).expect("PTRACE_CONT");
    init.check_alive();
    load_now();
    init.kill(libc::SIGTERM);
    check!(wait_stop(&init), (libc::SIGTERM, 0));
    ptrace::cont(number, Signal::SIGTERM).expect("PTRACE_CONT");
    check!(
        init.wait(),
        End::Killed(libc::SIGTERM),
        "with the module again"
    );
}

fn an_unload_while_an_init_is_held_by_its_tracer() {
    start();
    let init = new_init(1);
    let number = seize(&init);
    ptrace::interrupt(number).expect("PTRACE_INTERRUPT");
    check!(wait_stop(&init), (libc::SIGTRAP, libc::PTRACE_EVENT_STOP));
    check!(
        unload(),
        Ok(()),
        "unload while a tracer has interrupted init"
    );
    load_now();
    ptrace::cont(number, None).expect("PTRACE_CONT");
    init.check_alive();
    init.kill(libc::SIGSTOP);
    check!(wait_stop(&init), (libc::SIGSTOP, 0));
    ptrace::cont(number, Signal::SIGSTOP).expect("PTRACE_CONT");
    check!(wait_stop(&init), (libc::SIGSTOP, libc::PTRACE_EVENT_STOP));
    check!(
        unload(),
        Ok(()),
        "unload in a group stop that a tracer sees"
    );
    load_now();
    init.kill(libc::SIGCONT);
    ptrace::detach(number, None).expect("PTRACE_DETACH");
    init.check_alive();
    check_two_sided(init);
}

fn an_unload_while_an_init_shows_a_signal() {
    for passed in [None, Some(Signal::SIGTERM)] {
        start();
        // One thread: another one would not be traced, and could take the signal.
        let init = new_init(1);
        let number = seize(&init);
        init.kill(libc::SIGTERM);
        check!(wait_stop(&init), (libc::SIGTERM, 0));
        check!(
            unload(),
            Err(Errno::EAGAIN),
            "unload while init shows a signal"
        );
        ptrace::cont(number, passed).expect("PTRACE_CONT");
        if passed.is_some() {
            check!(
                init.wait(),
                End::Killed(libc::SIGTERM),
                "what the tracer passed"
            );
            unload_soon();
        } else {
            init.check_alive();
            check!(unload(), Ok(()), "unload when the signal has been shown");
            ptrace::interrupt(number).expect("PTRACE_INTERRUPT");
            check!(wait_stop(&init), (libc::SIGTRAP, libc::PTRACE_EVENT_STOP));
            ptrace::detach(number, None).expect("PTRACE_DETACH");
            check_one_sided(&init);
        }
        load_now();
    }
}

fn an_unload_in_the_middle_of_a_core_dump() {
    use std::os::unix::fs::PermissionsExt;
    const PATTERN: &str = "/proc/sys/kernel/core_pattern";
    const TAKER: &str = "/tmp/takeover/taker";
    start();
    std::fs::create_dir_all("/tmp/takeover").expect("a directory");
    let script = "#!/bin/sh\n: >/tmp/takeover/began\n\
        while [ ! -e /tmp/takeover/go ]; do sleep 0.02; done\nexec cat >/dev/null\n";
    std::fs::write(TAKER, script).expect("a script");
    std::fs::set_permissions(TAKER, PermissionsExt::from_mode(0o755)).expect("chmod");
    let before = std::fs::read_to_string(PATTERN).expect("core_pattern");
    std::fs::write(PATTERN, format!("|{TAKER}")).expect("core_pattern");

    let init = new_init(4);
    let other = new_init(1);
    init.kill(libc::SIGQUIT);
    eventually("a core dump begins", || {
        Path::new("/tmp/takeover/began").exists().then_some(())
    });
    std::fs::write(PATTERN, before).expect("core_pattern");
    check!(unload(), Err(Errno::EAGAIN), "unload during a core dump");
    std::fs::write("/tmp/takeover/go", "").expect("a file");
    check!(
        wait_for_core(init.pid),
        (End::Killed(libc::SIGQUIT), true),
        "the end, and whether there is a core"
    );
    unload_soon();
    check_one_sided(&other);
    load_now();
    check_two_sided(other);
    std::fs::remove_dir_all("/tmp/takeover").expect("rmdir");
}
