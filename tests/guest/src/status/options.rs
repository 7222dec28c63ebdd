//! The options of /proc that hide something, in a mount of a namespace.

use nix::errno::Errno;

use crate::fs_context::FsContext;
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::privilege::{become_nobody, NOBODY};
use crate::proc_fs::Proc;
use crate::process::{echo, fork, new_ns, pid, Child};

pub const TESTS: &[Test] = tests![
    nothing_is_hidden,
    hidden_contents,
    hidden_processes,
    hidden_from_those_who_may_not_trace,
    a_group_that_sees_everything,
    hidden_processes_in_a_mount_made_outside,
    processes_only,
    wrong_options,
];

#[track_caller]
fn mount_with(options: &[(&std::ffi::CStr, &str)]) -> Proc {
    let context = FsContext::open(c"proc").expect("fsopen");
    for (key, value) in options {
        check!(context.set_string(key, value), Ok(()), "{key:?}={value}");
    }
    check!(context.create(), Ok(()), "creation with {options:?}");
    Proc::from_fd(context.mount().expect("fsmount"))
}

/// Two users' processes with numbers 2 and 3 (root's) and 4 (nobody's); `see` is what 4 does.
#[track_caller]
fn inside(options: &[(&std::ffi::CStr, &str)], see: impl Fn(&Proc)) {
    let init = new_ns(|channel| {
        let proc = mount_with(options);
        let _others: [Child; 2] = [fork(echo), fork(echo)];
        check!(proc.pids(), [1, 2, 3], "what root sees with {options:?}");
        let nobody = fork(|channel| {
            check!(pid(), 4);
            become_nobody();
            see(&proc);
            channel.send(0);
        });
        nobody.receive();
        channel.send(0);
    });
    init.receive();
}

fn nothing_is_hidden() {
    for value in ["0", "off"] {
        inside(&[(c"hidepid", value)], |proc| {
            check!(proc.pids(), [1, 2, 3, 4]);
            check!(proc.stat("1").pid, 1);
        });
    }
}

fn hidden_contents() {
    for value in ["1", "noaccess"] {
        inside(&[(c"hidepid", value)], |proc| {
            check!(proc.pids(), [1, 2, 3, 4]);
            check!(proc.read("1/stat"), Err(Errno::EPERM), "hidepid={value}");
            check!(proc.link("1/ns/pid"), Err(Errno::EPERM), "hidepid={value}");
            check!(proc.link("self").as_deref(), Ok("4"));
            check!(proc.stat("self").ppid, 1);
        });
    }
}

fn hidden_processes() {
    for value in ["2", "invisible"] {
        inside(&[(c"hidepid", value)], |proc| {
            check!(proc.pids(), [4], "hidepid={value}");
            check!(proc.read("1/stat"), Err(Errno::ENOENT), "hidepid={value}");
            check!(proc.link("1/ns/pid"), Err(Errno::ENOENT), "hidepid={value}");
            check!(proc.stat("4").pid, 4);
        });
    }
}

fn hidden_from_those_who_may_not_trace() {
    for value in ["4", "ptraceable"] {
        inside(&[(c"hidepid", value)], |proc| {
            check!(proc.pids(), [4], "hidepid={value}");
            check!(proc.read("1/stat"), Err(Errno::EPERM), "hidepid={value}");
        });
    }
}

fn a_group_that_sees_everything() {
    let group = NOBODY.to_string();
    inside(&[(c"hidepid", "invisible"), (c"gid", &group)], |proc| {
        check!(proc.pids(), [1, 2, 3, 4]);
        check!(proc.stat("1").pid, 1);
    });
}

fn hidden_processes_in_a_mount_made_outside() {
    let init = new_ns(|channel| {
        let nobody = fork(|channel| {
            become_nobody();
            channel.send(0);
            channel.receive_or_end();
        });
        nobody.receive();
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let path = format!("/proc/{}/ns/pid", init.pid);
    let proc = mount_with(&[(c"pidns", &path), (c"hidepid", "invisible")]);
    check!(proc.pids(), [1, 2], "what root sees");
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let member = fork(|channel| {
        become_nobody();
        nix::sys::prctl::set_dumpable(true).expect("PR_SET_DUMPABLE");
        check!(proc.pids().contains(&1), false, "root's process");
        check!(proc.pids().contains(&3), true, "the own process");
        channel.send(0);
    });
    member.receive();
}

fn processes_only() {
    inside(&[(c"subset", "pid")], |proc| {
        check!(proc.pids(), [1, 2, 3, 4]);
        check!(proc.link("self").as_deref(), Ok("4"));
        check!(proc.link("thread-self").as_deref(), Ok("4/task/4"));
        for name in ["uptime", "sys/kernel/pid_max", "loadavg", "mounts"] {
            check!(proc.read(name), Err(Errno::ENOENT), "{name}");
        }
        check!(proc.link("self/ns/pid").is_ok(), true);
        check!(proc.status("4", "NSpid"), "4");
    });
}

fn wrong_options() {
    let init = new_ns(|channel| {
        let context = FsContext::open(c"proc").expect("fsopen");
        for (key, value) in [
            (c"hidepid", "3"),
            (c"hidepid", "5"),
            (c"hidepid", "nothing"),
            (c"subset", "uptime"),
            (c"gid", "x"),
            (c"nothing", "1"),
        ] {
            check!(
                context.set_string(key, value),
                Err(Errno::EINVAL),
                "{key:?}={value}"
            );
        }
        check!(context.create(), Ok(()));
        let proc = Proc::from_fd(context.mount().expect("fsmount"));
        check!(proc.pids(), [1]);
        let again = FsContext::pick(proc.fd()).expect("fspick");
        check!(again.set_string(c"subset", "pid"), Ok(()));
        check!(
            again.reconfigure(),
            Err(Errno::EINVAL),
            "subset=pid for a mount that has all"
        );
        channel.send(0);
    });
    init.receive();
}
