//! The mount option `pidns=`: a /proc of another namespace than one's own.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sys::stat::Mode;

use crate::clone::{Clone, NEWPID};
use crate::fs_context::{own_mounts, FsContext};
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::privilege::{drop_capability, limit_pid_namespaces, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{
    eventually, fork, new_ns, pid, sleepers, unshare, unshare_pid, wait_for_message, Child,
};

pub const TESTS: &[Test] = tests![
    by_descriptor,
    by_path,
    by_the_old_call,
    of_the_own,
    of_a_grandchild,
    of_a_namespace_without_an_init,
    of_a_dead_namespace,
    the_last_good_one_counts,
    the_default_is_the_own,
    not_of_a_parent,
    not_of_a_sibling,
    not_of_another_type,
    not_of_what_is_no_namespace,
    not_without_the_capability,
    not_when_it_is_mounted,
    a_context_counts_as_a_namespace,
];

const KEY: &std::ffi::CStr = c"pidns";

#[track_caller]
fn context() -> FsContext {
    FsContext::open(c"proc").expect("fsopen")
}

/// A new mount of the namespace of a file.
#[track_caller]
fn mount_of(file: &NsFile) -> Proc {
    let context = context();
    check!(
        context.set_fd(KEY, file.fd()),
        Ok(()),
        "pidns by a descriptor"
    );
    finish(&context)
}

#[track_caller]
fn finish(context: &FsContext) -> Proc {
    check!(context.create(), Ok(()), "creation of the mount");
    Proc::from_fd(context.mount().expect("fsmount"))
}

/// The init of a namespace with three processes.
fn three() -> Child {
    let init = new_ns(|channel| {
        let _members = sleepers(2);
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    init
}

fn path_of(init: &Child) -> String {
    format!("/proc/{}/ns/pid", init.pid)
}

#[track_caller]
fn check_three(proc: &Proc) {
    check!(proc.pids(), [1, 2, 3]);
    check!(proc.stat("2").ppid, 1);
    check!(
        proc.link("self"),
        Err(Errno::ENOENT),
        "self in a foreign mount"
    );
}

fn by_descriptor() {
    let init = three();
    check_three(&mount_of(&NsFile::of(init.pid)));
    let maker = fork(|channel| {
        unshare_pid();
        let _processes = sleepers(3);
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    let proc = mount_of(&NsFile::for_children_of(maker.pid));
    check!(proc.pids(), [1, 2, 3]);
}

fn by_path() {
    let init = three();
    let context = context();
    check!(context.set_string(KEY, &path_of(&init)), Ok(()));
    check_three(&finish(&context));
}

fn by_the_old_call() {
    let init = three();
    own_mounts();
    std::fs::create_dir_all("/tmp/proc").expect("a directory");
    let place = |options: &str| {
        let (kind, flags) = (Some("proc"), MsFlags::empty());
        mount(kind, "/tmp/proc", kind, flags, Some(options))
    };
    check!(place(&format!("pidns={}", path_of(&init))), Ok(()));
    check_three(&Proc::at("/tmp/proc"));
    check!(umount2("/tmp/proc", MntFlags::MNT_DETACH), Ok(()));
    let both = format!("hidepid=invisible,pidns={},subset=pid", path_of(&init));
    check!(place(&both), Ok(()));
    let proc = Proc::at("/tmp/proc");
    check_three(&proc);
    check!(proc.read("uptime"), Err(Errno::ENOENT), "subset=pid");
    let remount = MsFlags::MS_REMOUNT;
    let again = mount(
        None::<&str>,
        "/tmp/proc",
        None::<&str>,
        remount,
        Some(both.as_str()),
    );
    check!(again, Err(Errno::EBUSY), "a remount with pidns");
    check!(place("pidns=/nothing"), Err(Errno::ENOENT));
    check!(place("pidns=/dev/null"), Err(Errno::EINVAL));
    check!(place("pidns"), Err(Errno::EINVAL));
}

fn of_the_own() {
    let init = new_ns(|channel| {
        let proc = mount_of(&NsFile::of("self"));
        check!(proc.pids(), [1]);
        check!(proc.link("self").as_deref(), Ok("1"));
        channel.send(0);
    });
    init.receive();
}

fn of_a_grandchild() {
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            let _members = sleepers(2);
            channel.send_fd(NsFile::of("self").fd());
            channel.receive_or_end();
        });
        channel.send_fd(inner.channel.receive_fd().as_raw_fd());
        channel.receive_or_end();
    });
    let proc = mount_of(&NsFile::from_fd(outer.channel.receive_fd()));
    check_three(&proc);
    check!(proc.stat("1").ppid, 0);
}

fn of_a_namespace_without_an_init() {
    unshare_pid();
    let proc = mount_of(&NsFile::for_children_of("self"));
    check!(proc.pids(), [0; 0]);
    let init = fork(wait_for_message);
    check!(proc.pids(), [1]);
    init.end();
    check!(proc.pids(), [0; 0]);
}

fn of_a_dead_namespace() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    init.end();
    let proc = mount_of(&file);
    drop(file);
    check!(proc.pids(), [0; 0]);
    check!(proc.read("uptime").is_ok(), true);
}

fn the_last_good_one_counts() {
    let (first, second) = (three(), new_ns(wait_for_message));
    let context = context();
    for init in [&first, &second, &first] {
        check!(context.set_fd(KEY, NsFile::of(init.pid).fd()), Ok(()));
        check!(context.set_string(KEY, &path_of(init)), Ok(()));
    }
    let wrong = NsFile::named("self", "uts");
    check!(context.set_fd(KEY, wrong.fd()), Err(Errno::EINVAL));
    check_three(&finish(&context));
}

fn the_default_is_the_own() {
    let init = three();
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let proc = finish(&context());
    check!(
        proc.pids().contains(&pid()),
        true,
        "the caller in its mount"
    );
}

fn not_of_a_parent() {
    let outer = NsFile::of("self");
    let path = format!("/proc/{}/ns/pid", pid());
    let init = new_ns(|channel| {
        check!(context().set_fd(KEY, outer.fd()), Err(Errno::EINVAL));
        check!(context().set_string(KEY, &path), Err(Errno::EINVAL));
        channel.send(0);
    });
    init.receive();
}

fn not_of_a_sibling() {
    let sibling = three();
    let file = NsFile::of(sibling.pid);
    let init = new_ns(|channel| {
        check!(context().set_fd(KEY, file.fd()), Err(Errno::EINVAL));
        channel.send(0);
    });
    init.receive();
}

fn not_of_another_type() {
    let context = context();
    for name in ["uts", "mnt", "user", "net", "time"] {
        let file = NsFile::named("self", name);
        check!(context.set_fd(KEY, file.fd()), Err(Errno::EINVAL), "{name}");
        let path = format!("/proc/self/ns/{name}");
        check!(context.set_string(KEY, &path), Err(Errno::EINVAL), "{name}");
    }
}

fn not_of_what_is_no_namespace() {
    let context = context();
    check!(context.set_fd(KEY, -1), Err(Errno::EINVAL), "no descriptor");
    check!(
        context.set_fd(KEY, 9999),
        Err(Errno::EBADF),
        "a closed descriptor"
    );
    let null = std::fs::File::open("/dev/null").expect("open");
    check!(context.set_fd(KEY, null.as_raw_fd()), Err(Errno::EINVAL));
    let pidfd = crate::process::pidfd_open(pid()).expect("pidfd_open");
    check!(
        context.set_fd(KEY, pidfd.as_raw_fd()),
        Err(Errno::EINVAL),
        "a pidfd"
    );
    let path = open("/proc/self/ns/pid", OFlag::O_PATH, Mode::empty()).expect("O_PATH");
    check!(
        context.set_fd(KEY, path.as_raw_fd()),
        Err(Errno::EINVAL),
        "O_PATH"
    );
    check!(context.set_string(KEY, "/nothing"), Err(Errno::ENOENT));
    check!(
        context.set_string(KEY, "/proc/self/status"),
        Err(Errno::EINVAL)
    );
    check!(context.set_string(KEY, "/proc/self"), Err(Errno::EINVAL));
    check!(context.set_string(KEY, ""), Err(Errno::EINVAL));
    check!(context.set_flag(KEY), Err(Errno::EINVAL), "no value");
    check!(
        finish(&context).pids().contains(&pid()),
        true,
        "the caller in its mount"
    );
}

fn not_without_the_capability() {
    let init = three();
    let file = NsFile::of(init.pid);
    let ready = context();
    let inner = fork(|channel| {
        check!(unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS), Ok(()));
        unshare_pid();
        let init = fork(|channel| {
            check!(
                context().set_fd(KEY, file.fd()),
                Err(Errno::EPERM),
                "a stranger"
            );
            channel.send(0);
        });
        init.receive();
        channel.send(0);
    });
    inner.receive();
    drop_capability(CAP_SYS_ADMIN);
    check!(ready.set_fd(KEY, file.fd()), Err(Errno::EPERM));
    check!(ready.set_string(KEY, &path_of(&init)), Err(Errno::EPERM));
    check!(
        ready.set_fd(KEY, NsFile::of("self").fd()),
        Err(Errno::EPERM),
        "the own"
    );
}

fn not_when_it_is_mounted() {
    let init = three();
    let file = NsFile::of(init.pid);
    let context = context();
    let proc = finish(&context);
    for context in [&context, &FsContext::pick(proc.fd()).expect("fspick")] {
        check!(context.set_fd(KEY, file.fd()), Err(Errno::EBUSY));
        check!(context.set_string(KEY, &path_of(&init)), Err(Errno::EBUSY));
        check!(context.reconfigure(), Ok(()), "a change of nothing");
    }
    check!(
        proc.pids().contains(&pid()),
        true,
        "the caller in its mount"
    );
}

fn a_context_counts_as_a_namespace() {
    limit_pid_namespaces(&Proc::at("/proc"), 1);
    check!(unshare(libc::CLONE_NEWNS), Ok(()));
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let context = context();
    check!(context.set_fd(KEY, file.fd()), Ok(()));
    init.end();
    drop(file);
    for _ in 0..20 {
        check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    check!(
        context.set_string(KEY, "/proc/self/ns/pid"),
        Err(Errno::EPERM),
        "the outer"
    );
    check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
    drop(context);
    eventually("room when the context has gone", || {
        Clone::new(NEWPID).attempt().ok()
    });
}
