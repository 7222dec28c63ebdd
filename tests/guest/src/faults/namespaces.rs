//! Allocations fail while namespaces are made, entered, filled and shown.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::{each, each_inside, start, Path};
use crate::clone::{Clone, NEWPID};
use crate::fs_context::{own_mounts, FsContext};
use crate::harness::Test;
use crate::ns_file::{setns, NsFile};
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, new_ns, pidfd_open, sleep_for_ever, unshare, wait_for_message, Child,
};

// `fs/proc/namespaces.c: proc_ns_instantiate` says `ENOENT` where it has no inode.
use Errno::{EAGAIN, ENOENT, ENOMEM};

pub const TESTS: &[Test] = tests![600;
    a_namespace_is_made,
    a_fork_far_down,
    a_fork_with_chosen_numbers,
    a_namespace_is_entered,
    a_mount,
    files_of_namespaces,
    what_a_procfs_shows,
    the_first_look_at_pid_max,
    whoever_keeps_a_namespace,
];

const LEVELS: i32 = 6;

/// A member of a namespace so many levels down, which waits.
fn deep(levels: i32) -> Child {
    fn below(levels: i32, channel: &crate::channel::Channel) {
        if levels > 1 {
            let init = new_ns(|inner| below(levels - 1, inner));
            channel.send_fd(init.channel.receive_fd().as_raw_fd());
            channel.receive_or_end();
        } else {
            channel.send_fd(NsFile::of("self").fd());
            wait_for_message(channel);
        }
    }
    new_ns(|channel| below(levels, channel))
}

/// A deep namespace, and the process that keeps it.
fn deep_namespace() -> (Child, NsFile) {
    let child = deep(LEVELS);
    let file = NsFile::from_fd(child.channel.receive_fd());
    (child, file)
}

fn a_namespace_is_made() {
    start();
    each("unshare(CLONE_NEWPID)", &[ENOMEM], || {
        unshare(libc::CLONE_NEWPID)
    });
    each("unshare of all", &[ENOMEM], || {
        unshare(libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC)
    });
    each("clone3(CLONE_NEWPID)", &[ENOMEM, EAGAIN], || {
        Clone::new(NEWPID).attempt().map(drop)
    });
    each("unshare of a user and its namespace", &[ENOMEM], || {
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID)
    });
}

fn a_fork_far_down() {
    start();
    let (_keeper, file) = deep_namespace();
    each("a fork six levels down", &[ENOMEM, EAGAIN], || {
        file.enter(libc::CLONE_NEWPID)?;
        attempt_fork().map(drop)
    });
}

fn a_fork_with_chosen_numbers() {
    start();
    let (_keeper, file) = deep_namespace();
    each("clone3 with set_tid", &[ENOMEM, EAGAIN], || {
        file.enter(libc::CLONE_NEWPID)?;
        Clone::new(0)
            .set_tid(&[4000, 4001, 4002])
            .attempt()
            .map(drop)
    });
}

fn a_namespace_is_entered() {
    start();
    let init = new_ns(|_| sleep_for_ever());
    let file = NsFile::of(init.pid);
    each("setns by a file", &[ENOMEM], || {
        file.enter(libc::CLONE_NEWPID)
    });
    each("setns by a pidfd", &[ENOMEM], || {
        let pidfd = pidfd_open(init.pid)?;
        setns(pidfd.as_raw_fd(), libc::CLONE_NEWPID)
    });
    each("setns by a pidfd to all", &[ENOMEM], || {
        let pidfd = pidfd_open(init.pid)?;
        setns(
            pidfd.as_raw_fd(),
            libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC,
        )
    });
}

fn a_mount() {
    start();
    own_mounts();
    let init = new_ns(|_| sleep_for_ever());
    let file = NsFile::of(init.pid);
    each("a mount of procfs", &[ENOMEM], || {
        Proc::try_mount(c"proc").map(drop)
    });
    each("a mount of procfs with pidns=", &[ENOMEM], || {
        let context = FsContext::open(c"proc")?;
        context.set_fd(c"pidns", file.fd())?;
        context.create()?;
        context.mount().map(drop)
    });
}

fn files_of_namespaces() {
    const NS_GET_PID_NAMESPACE: u64 = 0xff06;
    start();
    let init = new_ns(|_| sleep_for_ever());
    let path = format!("/proc/{}/ns/pid", init.pid);
    each("a file of a namespace", &[ENOMEM, ENOENT], || {
        NsFile::open(&path).map(drop)
    });
    each("a file of the initial namespace", &[ENOMEM, ENOENT], || {
        NsFile::open("/proc/self/ns/pid").map(drop)
    });
    each("a pidfd's namespace", &[ENOMEM, ENOENT], || {
        let pidfd = pidfd_open(init.pid)?;
        // SAFETY: the call takes a number.
        let fd = unsafe { libc::ioctl(pidfd.as_raw_fd(), NS_GET_PID_NAMESPACE as _, 0) };
        Errno::result(fd).map(drop)
    });
    each("a list of links", &[ENOMEM, ENOENT], || {
        let directory = format!("/proc/{}/ns", init.pid);
        let entries = std::fs::read_dir(directory);
        done(entries.and_then(|entries| entries.collect::<Result<Vec<_>, _>>()))
    });
}

/// In a namespace in which nobody has looked for it.
fn the_first_look_at_pid_max() {
    const PATH: &str = "sys/kernel/pid_max";
    start();
    let before = || {
        let proc = Proc::at("/proc");
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let directory = proc.open("sys/kernel", flags).expect("a directory");
        (proc, directory)
    };
    let look_again = |(proc, _): (Proc, File), _| {
        let text = proc.read(PATH);
        check!(text.as_deref(), Ok("4194304\n"), "the next look");
    };
    let path = |name, path| Path {
        name,
        flags: NEWPID,
        before: &before,
        path,
        after: &look_again,
    };
    let open = |(proc, _): &(Proc, File)| proc.open(PATH, OFlag::O_RDONLY).map(drop);
    path("the first open of pid_max", &open).fail_each(&[ENOMEM]);
    // Where there is no memory for an entry it is not listed.
    let list = |(_, directory): &(Proc, File)| list(directory);
    path("the first listing of kernel", &list).fail_each(&[]);
}

/// Lists as much of an open directory as there is room for.
fn list(directory: &File) -> nix::Result<()> {
    let mut buffer = [0u8; 4096];
    // SAFETY: the buffer is live and as long as is said.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            directory.as_raw_fd(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    })
    .map(drop)
}

fn what_a_procfs_shows() {
    start();
    let proc = Proc::at("/proc");
    // Without memory for its inode a process is not there, as in mainline.
    each("a status", &[ENOMEM, ENOENT], || {
        proc.read("self/status").map(drop)
    });
    each("a list of processes", &[ENOMEM], || {
        list(&proc.open(".", OFlag::O_RDONLY | OFlag::O_DIRECTORY)?)
    });
}

/// As the system call's own result.
fn done<T>(result: std::io::Result<T>) -> nix::Result<()> {
    let errno = |e: std::io::Error| Errno::from_raw(e.raw_os_error().unwrap_or(0));
    result.map(drop).map_err(errno)
}

fn owned(result: i64) -> nix::Result<OwnedFd> {
    // SAFETY: the system call has just opened it, and nobody else knows of it.
    Errno::result(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Opens a perf event of the calling task: the processor's clock.
fn perf_event() -> nix::Result<OwnedFd> {
    let mut attr = [0u32; 32];
    attr[0] = 1;
    attr[1] = std::mem::size_of_val(&attr) as u32;
    // SAFETY: the attributes are as long as they say.
    owned(unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, 0) })
}

/// Each in a namespace, which goes with it.
fn whoever_keeps_a_namespace() {
    start();
    each_inside("a file of SysV IPC", &[ENOMEM], || {
        done(std::fs::File::open("/proc/sysvipc/shm"))
    });
    each_inside("a perf event", &[ENOMEM], || perf_event().map(drop));
    each_inside("a mount context", &[ENOMEM], || {
        FsContext::open(c"proc").map(drop)
    });
    each_inside("a mount", &[ENOMEM], || Proc::try_mount(c"proc").map(drop));
    // The inode that cannot be had is `ENOSPC` in mainline.
    each_inside(
        "an executable file of memory",
        &[ENOMEM, Errno::ENOSPC],
        || {
            // SAFETY: the name is a string.
            owned(i64::from(unsafe {
                libc::memfd_create(c"file".as_ptr(), 0)
            }))
            .map(drop)
        },
    );
}
