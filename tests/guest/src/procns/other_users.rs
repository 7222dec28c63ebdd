//! Other users' processes: their links are seen, and not followed.

use nix::errno::Errno;
use nix::sys::stat::{lstat, stat};

use crate::harness::Test;
use crate::ns_file::{inode_of, link, NsFile};
use crate::privilege::{become_nobody, keep_only, NOBODY};
use crate::process::{fork, new_ns, pid, wait_for_message};

pub const TESTS: &[Test] = tests![
    another_users_links,
    another_users_directory,
    the_own_links,
    a_process_that_may_not_be_dumped,
    the_capability_to_trace,
    another_users_namespace_in_my_own,
];

const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_SYS_PTRACE: u32 = 19;

/// Fails unless the links of a process are there, but cannot be followed.
#[track_caller]
fn check_closed(process: i32) {
    for name in ["pid", "pid_for_children"] {
        let path = format!("/proc/{process}/ns/{name}");
        check!(lstat(path.as_str()).is_ok(), true, "lstat of {path}");
        check!(
            link(process, name),
            Err(Errno::EACCES),
            "readlink of {path}"
        );
        check!(
            stat(path.as_str()).err(),
            Some(Errno::EACCES),
            "stat of {path}"
        );
        check!(
            NsFile::open(&path).err(),
            Some(Errno::EACCES),
            "open of {path}"
        );
    }
}

fn another_users_links() {
    let init = new_ns(wait_for_message);
    become_nobody();
    check_closed(init.pid);
    check_closed(1);
    let path = format!("/proc/{}/ns/pid_for", init.pid);
    check!(
        lstat(path.as_str()).err(),
        Some(Errno::ENOENT),
        "a wrong name"
    );
}

fn another_users_directory() {
    let init = new_ns(wait_for_message);
    let path = format!("/proc/{}/ns", init.pid);
    let mode = stat(path.as_str()).expect("stat").st_mode;
    check!(mode, libc::S_IFDIR | 0o511, "the mode of {path}");
    become_nobody();
    let read = std::fs::read_dir(&path).map(drop);
    check!(read.map_err(|e| e.raw_os_error()), Err(Some(libc::EACCES)));
}

fn the_own_links() {
    become_nobody();
    let own = inode_of("self", "pid");
    nix::sys::prctl::set_dumpable(true).expect("PR_SET_DUMPABLE");
    let child = fork(wait_for_message);
    check!(inode_of(child.pid, "pid"), own);
    let seen = lstat(format!("/proc/{}/ns/pid", child.pid).as_str()).expect("lstat");
    check!(
        (seen.st_uid, seen.st_gid),
        (NOBODY, NOBODY),
        "the owner of the link"
    );
}

fn a_process_that_may_not_be_dumped() {
    become_nobody();
    nix::sys::prctl::set_dumpable(true).expect("PR_SET_DUMPABLE");
    let child = fork(|channel| {
        nix::sys::prctl::set_dumpable(false).expect("PR_SET_DUMPABLE");
        channel.send(0);
        channel.receive_or_end();
    });
    child.receive();
    check_closed(child.pid);
    // Itself may, whatever it is.
    nix::sys::prctl::set_dumpable(false).expect("PR_SET_DUMPABLE");
    check!(link("self", "pid"), link(pid(), "pid"));
    check!(link("self", "pid").is_ok(), true);
}

fn the_capability_to_trace() {
    let other = fork(|channel| {
        become_nobody();
        channel.send(0);
        channel.receive_or_end();
    });
    other.receive();
    let child = fork(|channel| {
        keep_only(&[CAP_SYS_PTRACE]);
        check!(link(other.pid, "pid").is_ok(), true, "with the capability");
        channel.send(0);
    });
    child.receive();
    keep_only(&[CAP_DAC_OVERRIDE]);
    check_closed(other.pid);
}

fn another_users_namespace_in_my_own() {
    let init = new_ns(wait_for_message);
    become_nobody();
    nix::sys::prctl::set_dumpable(true).expect("PR_SET_DUMPABLE");
    check!(NsFile::of("self").inode(), inode_of(pid(), "pid"));
    check_closed(init.pid);
}
