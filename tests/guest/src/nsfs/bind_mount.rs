//! A namespace's file on a path, and what an open file keeps.

use nix::errno::Errno;
use nix::mount::{mount, umount2, MntFlags, MsFlags};

use crate::clone::{Clone, NEWPID};
use crate::fs_context::own_mounts;
use crate::harness::Test;
use crate::ns_file::{inode_of, text, two_levels, NsFile, NS_GET_PARENT};
use crate::privilege::{await_room_for_pid_namespaces, limit_pid_namespaces};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, eventually, fork, new_ns, pid, unshare, unshare_pid, wait_for_message, End,
};

pub const TESTS: &[Test] = tests![
    a_mount_by_its_line,
    a_mount_is_the_namespace,
    a_mount_keeps_a_dead_namespace,
    a_mount_keeps_a_namespace_without_an_init,
    a_mount_counts_as_a_namespace,
    an_open_file_counts_as_a_namespace,
    a_child_keeps_its_parents,
    the_information_of_an_open_file,
];

const PLACE: &str = "/tmp/namespace";

/// Gives the caller mounts of its own, and a file to mount on.
#[track_caller]
fn prepare() {
    own_mounts();
    std::fs::write(PLACE, "").expect("a file");
}

fn bind(source: &str) -> nix::Result<()> {
    mount(
        Some(source),
        PLACE,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
}

#[track_caller]
fn unmount() {
    check!(umount2(PLACE, MntFlags::MNT_DETACH), Ok(()), "umount");
}

fn a_mount_by_its_line() {
    prepare();
    let init = new_ns(wait_for_message);
    check!(bind(&format!("/proc/{}/ns/pid", init.pid)), Ok(()));
    let inode = inode_of(init.pid, "pid");
    let table = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    let line = table
        .lines()
        .find(|l| l.contains(PLACE))
        .expect("the mount's line");
    let fields: Vec<&str> = line.split(' ').collect();
    check!(fields[3], text(inode), "the root in {line}");
    check!(fields[4], PLACE);
    let (_, rest) = line.split_once(" - ").expect("a separator");
    check!(rest, "nsfs nsfs rw");
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    let line = mounts
        .lines()
        .find(|l| l.contains(PLACE))
        .expect("the mount's line");
    check!(
        line.starts_with(&format!("nsfs {PLACE} nsfs rw")),
        true,
        "{line}"
    );
}

fn a_mount_is_the_namespace() {
    prepare();
    let init = new_ns(wait_for_message);
    check!(bind(&format!("/proc/{}/ns/pid", init.pid)), Ok(()));
    let file = NsFile::open(PLACE).expect("open");
    check!(file.inode(), inode_of(init.pid, "pid"));
    check!(file.stat().st_dev, NsFile::of("self").stat().st_dev);
    check!(file.enter(libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn a_mount_keeps_a_dead_namespace() {
    prepare();
    let init = new_ns(wait_for_message);
    check!(bind(&format!("/proc/{}/ns/pid", init.pid)), Ok(()));
    let inode = inode_of(init.pid, "pid");
    init.end();
    for _ in 0..3 {
        let file = NsFile::open(PLACE).expect("open");
        check!(file.inode(), inode);
        check!(file.enter(0), Ok(()));
        check!(attempt_fork(), Err(Errno::ENOMEM));
        check!(NsFile::of("self").enter(0), Ok(()));
    }
    unmount();
}

fn a_mount_keeps_a_namespace_without_an_init() {
    prepare();
    let maker = fork(|channel| {
        unshare_pid();
        check!(bind("/proc/self/ns/pid_for_children"), Ok(()));
        channel.send(0);
    });
    maker.receive();
    check!(maker.wait(), End::Exit(0));
    check!(NsFile::open(PLACE).expect("open").enter(0), Ok(()));
    let init = fork(|channel| {
        channel.send(pid());
        channel.receive_or_end();
    });
    check!(init.receive(), 1);
    check!(Clone::new(0).attempt_inside(), Ok(2));
    unmount();
    check!(Clone::new(0).attempt_inside(), Ok(3));
}

fn a_mount_counts_as_a_namespace() {
    prepare();
    limit_pid_namespaces(&Proc::at("/proc"), 1);
    check!(unshare(libc::CLONE_NEWNS), Ok(()));
    let init = new_ns(wait_for_message);
    check!(bind(&format!("/proc/{}/ns/pid", init.pid)), Ok(()));
    init.end();
    for _ in 0..20 {
        check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    unmount();
    eventually("room when the mount has gone", || {
        Clone::new(NEWPID).attempt().ok()
    });
}

fn an_open_file_counts_as_a_namespace() {
    limit_pid_namespaces(&Proc::at("/proc"), 1);
    for _ in 0..3 {
        let init = eventually("room", || Clone::new(NEWPID).start(wait_for_message).ok());
        let file = NsFile::of(init.pid);
        let inode = file.inode();
        init.end();
        for _ in 0..20 {
            check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        check!(file.inode(), inode);
        drop(file);
    }
    eventually("room when the file is closed", || {
        Clone::new(NEWPID).attempt().ok()
    });
}

fn a_child_keeps_its_parents() {
    limit_pid_namespaces(&Proc::at("/proc"), 3);
    let outer = new_ns(|channel| {
        let (_middle, inner) = two_levels();
        channel.send_fd(inner.fd());
        channel.receive_or_end();
    });
    let file = NsFile::from_fd(outer.channel.receive_fd());
    outer.end();
    for _ in 0..20 {
        check!(Clone::new(NEWPID).attempt(), Err(Errno::ENOSPC));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let parent = file.related(NS_GET_PARENT).expect("NS_GET_PARENT");
    drop(file);
    await_room_for_pid_namespaces("room for one when the innermost has gone", 1);
    drop(parent);
    await_room_for_pid_namespaces("room for three", 3);
}

fn the_information_of_an_open_file() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.fd()));
    let text = text.expect("fdinfo");
    let fields: Vec<(&str, &str)> = text.lines().filter_map(|l| l.split_once(":\t")).collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    check!(names, ["pos", "flags", "mnt_id", "ino"]);
    check!(fields[3].1, file.inode().to_string());
}
