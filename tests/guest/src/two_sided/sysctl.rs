//! The sysctl that chooses the verdict.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use nix::errno::Errno;

use super::subject::Subject;
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::privilege::{
    become_mapped_root, become_nobody, drop_capability, keep_only, CAP_SYS_ADMIN,
};
use crate::proc_fs::Proc;
use crate::process::{fork, new_ns, unshare_pid, Child, End};

pub const TESTS: &[Test] = tests![
    there_only_with_the_module,
    the_values,
    the_modes,
    who_may_write,
    from_another_user_namespace,
    a_descriptor_that_is_passed_on,
    a_child_for_whom_the_next_is_another,
    it_acts_at_once,
];

const NAME: &str = "sys/kernel/pidns_two_sided_init";

fn set(text: &str) -> nix::Result<()> {
    Proc::at("/proc").write(NAME, text)
}

fn there_only_with_the_module() {
    let expected = crate::harness::kernel() != "native";
    check!(mode::is_there(), expected, "the sysctl's file");
}

fn the_values() {
    mode::two_sided();
    for text in ["0", "1", "0\n", "1\n", " 1", "2", "0"] {
        check!(set(text), Ok(()), "{text:?}");
        check!(mode::get().to_string(), text.trim(), "after {text:?}");
    }
    for wrong in ["3", "-1", "10", "x", "99999999999", "1x"] {
        check!(set(wrong), Err(Errno::EINVAL), "{wrong:?}");
        check!(mode::get(), 0, "after {wrong:?}");
    }
    mode::two_sided();
    check!(mode::get(), 1);
}

/// Where the owner of a namespace decides, and not root, the mode lets everybody try.
fn the_modes() {
    mode::two_sided();
    for (name, expected) in [
        (NAME, 0o666),
        ("sys/kernel/pidns_grace_ms", 0o666),
        ("sys/kernel/pidns_terminal", 0o666),
        ("sys/kernel/pidns_reap_orphans", 0o666),
        ("sys/kernel/ns_last_pid", 0o666),
        ("pidns", 0o444),
    ] {
        let file = std::fs::metadata(format!("/proc/{name}")).expect(name);
        check!(file.permissions().mode() & 0o7777, expected, "{name}");
    }
}

/// Fails unless the caller can read the value and not change it, whatever it writes.
#[track_caller]
fn check_read_only(proc: &Proc, words: &str) {
    check!(proc.read(NAME), Ok(String::from("1\n")), "read {words}");
    for text in ["0", "1"] {
        let written = proc.write(NAME, text);
        check!(
            matches!(written, Err(Errno::EPERM | Errno::EACCES)),
            true,
            "write of {text} {words}: {written:?}"
        );
    }
}

fn who_may_write() {
    mode::two_sided();
    let nobody = fork(|_| {
        become_nobody();
        check_read_only(&Proc::at("/proc"), "by nobody");
    });
    check!(nobody.wait(), End::Exit(0));
    let weak_root = fork(|_| {
        drop_capability(CAP_SYS_ADMIN);
        check_read_only(&Proc::at("/proc"), "by root without CAP_SYS_ADMIN");
    });
    check!(weak_root.wait(), End::Exit(0));
    let admin = fork(|_| {
        keep_only(&[CAP_SYS_ADMIN]);
        check!(set("0"), Ok(()), "root with CAP_SYS_ADMIN alone");
    });
    check!(admin.wait(), End::Exit(0));
    check!(mode::get(), 0);
}

fn from_another_user_namespace() {
    mode::two_sided();
    let outsider = Clone::new(libc::CLONE_NEWUSER as u64).start(|_| {
        let proc = Proc::at("/proc");
        become_mapped_root(&proc);
        check_read_only(&proc, "by root of another user namespace");
    });
    check!(outsider.expect("clone3").wait(), End::Exit(0));
    check!(mode::get(), 1);
}

/// It is the one who writes that counts, not the one who opened.
fn a_descriptor_that_is_passed_on() {
    mode::two_sided();
    let file = std::fs::File::options()
        .write(true)
        .open(mode::PATH)
        .expect(mode::PATH);
    let init = new_ns(|_| {
        check!(nix::unistd::write(&file, b"0"), Ok(1), "an init's write");
        check!(mode::get(), 0, "in its namespace");
    });
    check!(init.wait(), End::Exit(0));
    check!(mode::get(), 1);
}

/// One whose children live elsewhere lives here itself.
fn a_child_for_whom_the_next_is_another() {
    mode::two_sided();
    let maker = fork(|_| {
        unshare_pid();
        check!(set("0"), Ok(()), "one whose children live elsewhere");
    });
    check!(maker.wait(), End::Exit(0));
    let mut text = String::new();
    let mut file = std::fs::File::open(mode::PATH).expect(mode::PATH);
    file.read_to_string(&mut text).expect("read");
    check!(text, "0\n");
}

fn it_acts_at_once() {
    mode::two_sided();
    let subjects: Vec<Subject> = (0..3).map(|_| Subject::new()).collect();
    let nested: Child = new_ns(|channel| {
        let subject = Clone::new(NEWPID)
            .start(crate::process::echo)
            .expect("clone3");
        while channel.receive_or_end().is_some() {
            subject.kill(libc::SIGTERM);
            channel.send(0);
            subject.check_alive();
            channel.send(0);
        }
    });
    for _ in 0..5 {
        set("0").expect("a switch");
        for subject in &subjects {
            subject.outside(libc::SIGTERM);
            subject.check_alive("in mainline's mode");
        }
        nested.send(0);
        nested.receive();
        nested.receive();
        set("1").expect("a switch");
        for subject in &subjects {
            subject.inside(libc::SIGTERM);
            subject.check_alive("in the other mode, after a signal from inside");
        }
    }
    for subject in &subjects {
        subject.outside(libc::SIGTERM);
        subject.check_ends(libc::SIGTERM, "in the other mode");
    }
}
