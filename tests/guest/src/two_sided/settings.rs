//! The sysctls that are numbers: what they may be, and who may change them.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::harness::{kernel, scale, Test};
use crate::load::{load_now, load_with, make_sure, unload_soon};
use crate::mode;
use crate::ns_file::NsFile;
use crate::privilege::{become_nobody, become_user_with_namespace, drop_capability, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{echo, fork, new_ns, sleep_for_ever, wait_for_message, Child, End};
use crate::report::skip;
use crate::send_signal::SEND_CALLS;
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    the_values,
    who_may_write,
    a_namespace_has_its_parents,
    a_namespace_has_its_own,
    what_is_said_from_outside,
    what_was_said_is_taken_back,
    a_write_without_a_number,
    who_has_opened_it_counts,
    the_rule_of_each_namespace,
    the_grace_of_each_namespace,
    a_member_does_not_prolong_the_grace,
    nothing_is_left_in_memory,
];
/// Of those that load the module anew.
pub const LOADS: &[Test] = tests![300;
    without_parameters,
    a_parameter_out_of_range,
    a_namespaces_own_stay,
    a_file_of_an_earlier_load,
];

/// A setting: its name without `pidns_`, the value that the module begins with, and the highest.
const SETTINGS: [(&str, u32, u32); 4] = [
    ("two_sided_init", 1, 2),
    ("grace_ms", 10_000, 3_600_000),
    ("terminal", 1, 1),
    ("reap_orphans", 0, 1),
];

fn path(name: &str) -> String {
    format!("sys/kernel/pidns_{name}")
}

#[track_caller]
fn value(name: &str) -> i32 {
    let text = Proc::at("/proc").read(&path(name)).expect(name);
    text.trim().parse().expect("a number")
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
    // Its own user's, but not of the namespace.
    let stranger = new_ns(|_| {
        become_user_with_namespace();
        check_read_only("by root of another user namespace");
    });
    check!(stranger.wait(), End::Exit(0));
}

/// Sets one in the caller's namespace.
#[track_caller]
fn set(name: &str, value: u32) {
    let written = Proc::at("/proc").write(&path(name), &value.to_string());
    check!(written, Ok(()), "{name}={value}");
}

fn a_namespace_has_its_parents() {
    mode::two_sided();
    mode::set_grace(10_000);
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            while channel.receive_or_end().is_some() {
                channel.send_all(&SETTINGS.map(|(name, ..)| value(name)));
            }
        });
        while channel.receive_or_end().is_some() {
            inner.send(0);
            channel.send_all(&inner.receive_all());
        }
    });
    let values = || {
        outer.send(0);
        outer.receive_all()
    };
    check!(values(), [1, 10_000, 1, 0]);
    let changed = [
        ("two_sided_init", 0),
        ("grace_ms", 77),
        ("terminal", 0),
        ("reap_orphans", 1),
    ];
    for (name, value) in changed {
        set(name, value);
    }
    check!(values(), [0, 77, 0, 1], "after a change");
    outer.end();
}

/// Whoever is root of a namespace's user namespace sets it; all others go on as before.
fn a_namespace_has_its_own() {
    mode::two_sided();
    mode::set_grace(10_000);
    let owner = fork(|_| {
        become_user_with_namespace();
        let init = new_ns(|channel| {
            for (name, _, most) in SETTINGS {
                for value in [0, most, 1] {
                    set(name, value);
                    check_value(name, value, "as an init has set it");
                }
                let inner = new_ns(|_| {
                    check_value(name, 1, "in a namespace below");
                    set(name, 0);
                    check_value(name, 0, "as it has set it");
                });
                check!(inner.wait(), End::Exit(0));
                check_value(name, 1, "when the one below has set it");
            }
            channel.send(0);
            wait_for_message(channel);
        });
        init.receive();
        check_read_only("by the owner, from the initial namespace");
    });
    check!(owner.wait(), End::Exit(0));
    for (name, usual, _) in SETTINGS {
        check_value(name, usual, "in the initial namespace");
    }
}

/// As by `nsenter`.
fn what_is_said_from_outside() {
    mode::two_sided();
    let init = new_ns(echo);
    let entered = fork(|_| {
        check!(NsFile::of(init.pid).enter(0), Ok(()));
        let member = fork(|_| set("two_sided_init", 0));
        check!(member.wait(), End::Exit(0));
    });
    check!(entered.wait(), End::Exit(0));
    init.kill(libc::SIGTERM);
    init.check_alive();
    check_value("two_sided_init", 1, "out here");
    init.end();
}

/// A namespace has its parent's again.
fn what_was_said_is_taken_back() {
    mode::two_sided();
    mode::set_grace(10_000);
    let init = new_ns(|_| {
        for (name, usual, most) in SETTINGS {
            set(name, most);
            check_value(name, most, "as it was said");
            check!(
                Proc::at("/proc").write(&path(name), "-1"),
                Ok(()),
                "{name}=-1"
            );
            check_value(name, usual, "when nothing is said any more");
            check!(
                Proc::at("/proc").write(&path(name), "-2"),
                Err(Errno::EINVAL),
                "{name}=-2"
            );
        }
    });
    check!(init.wait(), End::Exit(0));
}

/// A program that runs as root may have been given it as its standard output.
fn who_has_opened_it_counts() {
    mode::two_sided();
    mode::set_grace(10_000);
    for (name, usual, _) in SETTINGS {
        let nobody = fork(|channel| {
            become_nobody();
            let file = Proc::at("/proc").open(&path(name), OFlag::O_WRONLY);
            channel.send_fd(file.expect("open by nobody").as_raw_fd());
        });
        let file = nobody.channel.receive_fd();
        check!(nobody.wait(), End::Exit(0));
        check!(
            nix::unistd::write(&file, b"0\t/var\n"),
            Err(Errno::EPERM),
            "{name}"
        );
        check_value(name, usual, "after root wrote to what nobody had opened");
    }
}

/// An init that has set the rule of its namespace.
fn with_rule(rule: u32) -> Child {
    let init = new_ns(|channel| {
        signal_state::reset();
        set("two_sided_init", rule);
        channel.send(0);
        echo(channel);
    });
    init.receive();
    init
}

fn the_rule_of_each_namespace() {
    mode::two_sided();
    for here in [1, 0, 2] {
        mode::set(here);
        let (mainlines, told, two_sided) = (with_rule(0), with_rule(2), with_rule(1));
        for call in SEND_CALLS {
            for init in [&mainlines, &told] {
                check!(call.send(init.pid, libc::SIGTERM), Ok(()));
                init.check_alive();
            }
        }
        two_sided.kill(libc::SIGTERM);
        check!(two_sided.wait(), End::Killed(libc::SIGTERM), "{here} here");
        mainlines.end();
        told.end();
    }
}

fn the_grace_of_each_namespace() {
    mode::two_sided();
    mode::set_grace(600_000);
    let init = new_ns(|channel| {
        signal_state::reset();
        fork(|_| {
            signal_state::ignore(libc::SIGTERM);
            sleep_for_ever();
        });
        set("grace_ms", 0);
        channel.send(0);
        sleep_for_ever();
    });
    init.receive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

/// The fall has begun with less; it may make it shorter.
fn a_member_does_not_prolong_the_grace() {
    mode::two_sided();
    mode::set_grace(500);
    let init = new_ns(|channel| {
        signal_state::reset();
        let ready = fork(|ready| {
            signal_capture::capture(&[libc::SIGTERM]);
            ready.send(0);
            signal_capture::next();
            set("grace_ms", 600_000);
            sleep_for_ever();
        });
        ready.receive();
        channel.send(0);
        sleep_for_ever();
    });
    init.receive();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Killed(libc::SIGTERM));
}

/// The next namespace may have the memory of one that said something.
fn nothing_is_left_in_memory() {
    mode::two_sided();
    mode::set_grace(10_000);
    for _ in 0..scale(200, 50) {
        let init = new_ns(|_| {
            for (name, usual, _) in SETTINGS {
                check_value(name, usual, "at first");
                set(name, 0);
            }
        });
        check!(init.wait(), End::Exit(0));
    }
}

/// It is done, as the kernel sees it, and says nothing: what holds is the parent's still.
fn a_write_without_a_number() {
    mode::two_sided();
    let init = new_ns(|channel| {
        for (name, ..) in SETTINGS {
            let mut options = std::fs::File::options();
            let file = options.write(true).open(format!("/proc/{}", path(name)));
            let file = file.expect(name);
            for text in ["-1", "\n", ""] {
                let written = nix::unistd::write(&file, text.as_bytes());
                check!(written, Ok(text.len()), "{text:?} to {name}");
            }
        }
        channel.send(0);
        channel.receive();
        for (name, ..) in SETTINGS {
            check_value(name, 0, "as in the namespace above");
        }
    });
    init.receive();
    for (name, ..) in SETTINGS {
        set(name, 0);
    }
    init.send(0);
    check!(init.wait(), End::Exit(0));
    for (name, usual, _) in SETTINGS {
        set(name, usual);
    }
}

/// It is of nothing any more, wherever the next load lies.
/// What the module reads of such a file before the kernel refuses it, only a sanitizer sees.
fn a_file_of_an_earlier_load() {
    make_sure();
    let mut files = Vec::new();
    for _ in 0..scale(5, 2) {
        for (name, ..) in SETTINGS {
            let mut options = std::fs::File::options();
            let file = options.read(true).write(true);
            files.push(file.open(format!("/proc/{}", path(name))).expect(name));
        }
        unload_soon();
        load_now();
        for file in &files {
            let mut byte = [0];
            check!(
                nix::unistd::read(file, &mut byte),
                Err(Errno::ENOENT),
                "read"
            );
            check!(nix::unistd::write(file, b"1"), Err(Errno::ENOENT), "write");
        }
    }
}

/// Takeover mode: those that live while the module is away.
fn a_namespaces_own_stay() {
    make_sure();
    if !kernel().starts_with("takeover") {
        skip("here a namespace keeps the module");
    }
    let (mainlines, usual) = (with_rule(0), new_ns(echo));
    unload_soon();
    load_now();
    mainlines.kill(libc::SIGTERM);
    mainlines.check_alive();
    usual.kill(libc::SIGTERM);
    check!(usual.wait(), End::Killed(libc::SIGTERM));
    mainlines.end();
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
    for parameters in [
        c"two_sided_init=3",
        c"grace_ms=3600001",
        c"terminal=2",
        c"reap_orphans=2",
    ] {
        check!(load_with(parameters), Err(Errno::EINVAL), "{parameters:?}");
        let there = std::path::Path::new("/sys/module/pidns").exists();
        check!(there, false, "the module after {parameters:?}");
    }
    load_now();
}
