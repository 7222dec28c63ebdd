//! What the links are, and what is behind them.

use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{lstat, stat};

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::{inode_of, link, text, NsFile, INITIAL_INODE};
use crate::proc_fs::Proc;
use crate::process::{echo, fork, new_ns, pid, sleeping_thread, wait_for_message};

pub const TESTS: &[Test] = tests![
    the_names_in_order,
    the_names_by_small_pieces,
    names_that_do_not_exist,
    a_name_is_a_link,
    the_text_of_a_link,
    the_text_of_a_link_that_is_too_long,
    the_initial_namespace,
    the_number_is_the_inode,
    the_inode_is_in_the_file_system_of_namespaces,
    every_open_gives_the_same_inode,
    what_cannot_be_done_with_the_file,
    the_name_of_an_open_file,
    every_namespace_has_its_own_number,
    every_mount_shows_the_same_number,
    threads_have_the_links,
    kernel_threads_have_the_links,
];

const NAMES: [&str; 10] = [
    "net",
    "uts",
    "ipc",
    "pid",
    "pid_for_children",
    "user",
    "mnt",
    "cgroup",
    "time",
    "time_for_children",
];

const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY);

/// The names that readdir gives, read through a buffer of this size.
#[track_caller]
fn names(proc: &Proc, path: &str, size: usize) -> Vec<String> {
    let directory = proc.open(path, DIRECTORY).expect("open of a directory");
    let mut names = Vec::new();
    loop {
        let mut buffer = vec![0u8; size];
        // SAFETY: the buffer is live and its length is right.
        let got = Errno::result(unsafe {
            let fd = directory.as_raw_fd();
            libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), size)
        });
        let mut rest = &buffer[..got.expect("getdents64") as usize];
        if rest.is_empty() {
            return names;
        }
        while !rest.is_empty() {
            // An entry: inode number, offset, length, type, name.
            let length = u16::from_ne_bytes([rest[16], rest[17]]) as usize;
            let name = std::ffi::CStr::from_bytes_until_nul(&rest[19..length]).expect("a name");
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with('.') {
                check!(rest[18], libc::DT_LNK, "the type of {name}");
                names.push(name);
            }
            rest = &rest[length..];
        }
    }
}

fn the_names_in_order() {
    let outer = Proc::at("/proc");
    check!(names(&outer, "self/ns", 4096), NAMES);
    check!(names(&outer, "1/ns", 4096), NAMES, "of the machine's init");
    let init = new_ns(|channel| {
        check!(
            names(&Proc::mount(), "1/ns", 4096),
            NAMES,
            "of a namespace's init"
        );
        channel.send(0);
    });
    init.receive();
}

fn the_names_by_small_pieces() {
    let outer = Proc::at("/proc");
    for size in [40, 64, 100, 200] {
        check!(names(&outer, "self/ns", size), NAMES, "with {size} bytes");
    }
}

fn names_that_do_not_exist() {
    for name in [
        "pi",
        "pidd",
        "PID",
        "pid_for_childre",
        "pid_for_children2",
        "pid/",
        "pid/x",
    ] {
        let seen = lstat(format!("/proc/self/ns/{name}").as_str()).map(drop);
        let want = if name.starts_with("pid/") {
            Errno::ENOTDIR
        } else {
            Errno::ENOENT
        };
        check!(seen, Err(want), "{name}");
    }
}

fn a_name_is_a_link() {
    for name in ["pid", "pid_for_children"] {
        let seen = lstat(format!("/proc/self/ns/{name}").as_str()).expect("lstat");
        check!(seen.st_mode, libc::S_IFLNK | 0o777, "the mode of {name}");
        check!((seen.st_uid, seen.st_gid), (0, 0), "the owner of {name}");
        let proc = stat("/proc/self").expect("stat");
        check!(seen.st_dev, proc.st_dev, "the device of {name}");
    }
}

fn the_text_of_a_link() {
    let inode = inode_of("self", "pid");
    check!(link("self", "pid"), Ok(text(inode)));
    check!(
        link("self", "pid_for_children"),
        Ok(text(inode)),
        "the same type's name"
    );
}

fn the_text_of_a_link_that_is_too_long() {
    let mut buffer = [b'#'; 8];
    // SAFETY: the path is a string, the buffer is live and longer than what it is said to be.
    let got = unsafe {
        let path = c"/proc/self/ns/pid".as_ptr();
        libc::readlink(path, buffer.as_mut_ptr().cast(), 6)
    };
    check!((got, &buffer), (6, b"pid:[4##"));
}

fn the_initial_namespace() {
    for process in [pid(), 1, 2] {
        for name in ["pid", "pid_for_children"] {
            check!(
                inode_of(process, name),
                INITIAL_INODE,
                "{name} of {process}"
            );
        }
    }
    check!(link(1, "pid"), Ok(String::from("pid:[4026531836]")));
}

fn the_number_is_the_inode() {
    let init = new_ns(wait_for_message);
    let seen = inode_of(init.pid, "pid");
    check!(
        seen == INITIAL_INODE,
        false,
        "the initial namespace's number"
    );
    check!(link(init.pid, "pid"), Ok(text(seen)));
    check!(NsFile::of(init.pid).inode(), seen);
    check!(inode_of(init.pid, "pid_for_children"), seen);
}

fn the_inode_is_in_the_file_system_of_namespaces() {
    const NSFS_MAGIC: i64 = 0x6e73_6673;
    let init = new_ns(wait_for_message);
    let file = std::fs::File::open(format!("/proc/{}/ns/pid", init.pid)).expect("open");
    let (seen, other) = (
        file.metadata().expect("fstat"),
        NsFile::named("self", "uts"),
    );
    check!(seen.dev(), other.stat().st_dev, "the device");
    check!(seen.mode(), libc::S_IFREG | 0o444, "the mode");
    check!(seen.file_type().is_socket(), false);
    check!(
        (seen.uid(), seen.gid(), seen.nlink(), seen.len()),
        (0, 0, 1, 0)
    );
    let system = nix::sys::statfs::fstatfs(&file).expect("fstatfs");
    check!(system.filesystem_type().0, NSFS_MAGIC);
}

fn every_open_gives_the_same_inode() {
    let init = new_ns(|channel| {
        channel.send_fd(NsFile::of("self").fd());
        channel.send_fd(NsFile::for_children_of("self").fd());
        channel.receive_or_end();
    });
    let seen = [
        NsFile::of(init.pid),
        NsFile::for_children_of(init.pid),
        NsFile::from_fd(init.channel.receive_fd()),
        NsFile::from_fd(init.channel.receive_fd()),
    ];
    for file in &seen {
        let (stat, first) = (file.stat(), seen[0].stat());
        check!((stat.st_dev, stat.st_ino), (first.st_dev, first.st_ino));
    }
}

fn what_cannot_be_done_with_the_file() {
    let mut bytes = [0u8; 8];
    let file = NsFile::of("self");
    // SAFETY: the buffer is live and its length is right.
    let read = unsafe { libc::read(file.fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
    check!(Errno::result(read), Err(Errno::EINVAL), "read");
    let outer = Proc::at("/proc");
    let open = |flags| outer.open("self/ns/pid", flags).map(drop).err();
    check!(
        open(OFlag::O_RDONLY | OFlag::O_NOFOLLOW),
        Some(Errno::ELOOP)
    );
    check!(open(DIRECTORY), Some(Errno::ENOTDIR));
    check!(
        open(OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_EXCL),
        Some(Errno::EEXIST)
    );
    check!(
        nix::unistd::unlink("/proc/self/ns/pid"),
        Err(Errno::EPERM),
        "unlink"
    );
}

fn the_name_of_an_open_file() {
    let init = new_ns(wait_for_message);
    for file in [NsFile::of(init.pid), NsFile::for_children_of(init.pid)] {
        let name = nix::fcntl::readlink(format!("/proc/self/fd/{}", file.fd()).as_str());
        check!(name, Ok(text(file.inode()).into()));
    }
}

fn every_namespace_has_its_own_number() {
    let inits: Vec<_> = (0..20).map(|_| new_ns(echo)).collect();
    let mut seen: Vec<u64> = inits.iter().map(|i| inode_of(i.pid, "pid")).collect();
    seen.push(INITIAL_INODE);
    seen.sort_unstable();
    seen.dedup();
    check!(seen.len(), 21, "different numbers of 21 namespaces");
}

fn every_mount_shows_the_same_number() {
    let init = new_ns(|channel| {
        let proc = Proc::mount();
        let inner = new_ns(|channel| {
            channel.send_fd(Proc::mount().fd());
            channel.receive_or_end();
        });
        let below = Proc::from_fd(inner.channel.receive_fd());
        let middle = proc.link("2/ns/pid");
        check!(below.link("1/ns/pid"), middle, "a link in two mounts");
        check!(
            proc.link("1/ns/pid") == middle,
            false,
            "two namespaces in one mount"
        );
        channel.send_fd(proc.fd());
        channel.receive_or_end();
    });
    let inner = Proc::from_fd(init.channel.receive_fd());
    check!(inner.link("1/ns/pid"), link(init.pid, "pid"));
}

fn threads_have_the_links() {
    let init = Clone::new(NEWPID).start(|channel| {
        let proc = Proc::mount();
        let path = format!("1/task/{}/ns", sleeping_thread());
        check!(names(&proc, &path, 4096), NAMES);
        for name in ["pid", "pid_for_children"] {
            check!(
                proc.link(&format!("{path}/{name}")),
                proc.link("1/ns/pid"),
                "{name}"
            );
        }
        channel.send(0);
    });
    init.expect("clone3").receive();
}

fn kernel_threads_have_the_links() {
    let child = fork(|channel| {
        check!(link(2, "pid"), Ok(text(INITIAL_INODE)));
        check!(link(2, "pid_for_children"), Ok(text(INITIAL_INODE)));
        channel.send(0);
    });
    child.receive();
}
