//! When there are no more descriptors, what would open a process or a namespace gives an error and
//! keeps nothing.

use nix::errno::Errno;
use nix::sys::resource::{getrlimit, setrlimit, Resource};

use crate::clone::{Clone, NEWPID};
use crate::fs_context::{own_mounts, FsContext};
use crate::harness::Test;
use crate::ns_file::{two_levels, NsFile, NS_GET_PARENT, NS_GET_USERNS};
use crate::privilege::{await_room_for_pid_namespaces, limit_pid_namespaces};
use crate::proc_fs::Proc;
use crate::process::{fork, pidfd_open};

use super::namespaces::{get, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE, PIDFD_GET_PID_NAMESPACE};

pub const TESTS: &[Test] = tests![too_many_files_of_a_process, too_many_files_of_the_machine,];

/// Tries everything that opens a process or a namespace while descriptors are scarce.
#[track_caller]
fn check_scarce(error: Errno, make_scarce: impl Fn(bool)) {
    const MOST: u32 = 20;
    limit_pid_namespaces(&Proc::at("/proc"), MOST);
    own_mounts();
    let (init, inner) = two_levels();
    let pidfd = init.pidfd();
    let link = format!("/proc/{}/ns/pid", init.pid);
    let mut place = 0i32;
    let with_pidfd =
        Clone::new(libc::CLONE_PIDFD as u64).with(|a| a.pidfd = (&raw mut place) as u64);
    let init_with_pidfd = with_pidfd.clone().with(|a| a.flags |= NEWPID);
    for _ in 0..3 {
        make_scarce(true);
        let seen = [
            pidfd_open(init.pid).err(),
            with_pidfd.attempt().err(),
            init_with_pidfd.attempt().err(),
            NsFile::open(&link).err(),
            inner.related(NS_GET_PARENT).err(),
            inner.related(NS_GET_USERNS).err(),
            get(&pidfd, PIDFD_GET_PID_NAMESPACE, 0).err(),
            get(&pidfd, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE, 0).err(),
            FsContext::open(c"proc").err(),
        ];
        make_scarce(false);
        check!(seen, [Some(error); 9]);
    }
    check!(inner.related(NS_GET_PARENT).is_ok(), true, "afterwards");
    drop((inner, pidfd));
    init.end();
    await_room_for_pid_namespaces("nothing is kept", MOST as usize);
}

fn too_many_files_of_a_process() {
    let (_, highest) = getrlimit(Resource::RLIMIT_NOFILE).expect("RLIMIT_NOFILE");
    check_scarce(Errno::EMFILE, |scarce| {
        let limit = if scarce { 0 } else { highest };
        setrlimit(Resource::RLIMIT_NOFILE, limit, highest).expect("RLIMIT_NOFILE");
    });
}

/// The machine's limit does not hold for its root; the caller is one only in its user namespace.
fn too_many_files_of_the_machine() {
    let root = fork(|channel| {
        let proc = Proc::at("/proc");
        let most = proc.read("sys/fs/file-max").expect("file-max");
        while let Some(words) = channel.receive_or_end() {
            let limit = if words == [1] { "0" } else { most.trim() };
            check!(proc.write("sys/fs/file-max", limit), Ok(()));
            channel.send(0);
        }
        check!(proc.write("sys/fs/file-max", most.trim()), Ok(()));
    });
    check_scarce(Errno::ENFILE, |scarce| {
        root.send(i32::from(scarce));
        root.receive();
    });
}
