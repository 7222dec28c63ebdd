//! A `/proc` of the caller's namespace, mounted nowhere and held by a descriptor.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{openat, readlinkat, OFlag};
use nix::sys::stat::Mode;

use crate::fs_context::FsContext;

/// The root of one mount of procfs.
pub struct Proc(OwnedFd);

/// What `stat` says of a process, in the numbers of the mount's namespace.
#[derive(Debug, PartialEq, Eq)]
pub struct Stat {
    pub pid: i32,
    pub state: char,
    pub ppid: i32,
    pub pgrp: i32,
    pub session: i32,
}

impl Proc {
    /// Makes a mount that shows the namespace of the caller.
    #[track_caller]
    pub fn mount() -> Proc {
        match Proc::try_mount(c"proc") {
            Ok(proc) => proc,
            Err(e) => panic!("mount of procfs: {e}"),
        }
    }

    /// Makes a mount of any file system that needs no source.
    pub fn try_mount(file_system: &std::ffi::CStr) -> nix::Result<Proc> {
        let context = FsContext::open(file_system)?;
        context.create()?;
        context.mount().map(Proc)
    }

    /// Takes the root of a mount that another process has made.
    pub fn from_fd(root: OwnedFd) -> Proc {
        Proc(root)
    }

    /// The procfs that is mounted on `path`.
    #[track_caller]
    pub fn at(path: &str) -> Proc {
        let root = nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty());
        Proc(root.expect("open of a mount point"))
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub fn open(&self, path: &str, flags: OFlag) -> nix::Result<std::fs::File> {
        openat(&self.0, path, flags, Mode::empty()).map(std::fs::File::from)
    }

    pub fn read(&self, path: &str) -> nix::Result<String> {
        let mut text = String::new();
        let read = self.open(path, OFlag::O_RDONLY)?.read_to_string(&mut text);
        read.map(|_| text).map_err(errno)
    }

    pub fn write(&self, path: &str, text: &str) -> nix::Result<()> {
        self.open(path, OFlag::O_WRONLY)?
            .write_all(text.as_bytes())
            .map_err(errno)
    }

    pub fn link(&self, path: &str) -> nix::Result<String> {
        readlinkat(&self.0, path).map(|l| l.to_string_lossy().into_owned())
    }

    /// The numbers of all processes that the mount shows, in order.
    #[track_caller]
    pub fn pids(&self) -> Vec<i32> {
        self.numbers(".")
    }

    /// The names in a directory that are numbers, in order.
    #[track_caller]
    pub fn numbers(&self, path: &str) -> Vec<i32> {
        let mut numbers = self.names_as_listed(path);
        numbers.sort_unstable();
        numbers
    }

    /// The same, as the kernel lists them.
    #[track_caller]
    pub fn names_as_listed(&self, path: &str) -> Vec<i32> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let dir = nix::dir::Dir::openat(&self.0, path, flags, Mode::empty());
        let names = dir.expect("open of a directory in /proc").into_iter();
        let names = names.map(|e| {
            e.expect("readdir")
                .file_name()
                .to_string_lossy()
                .into_owned()
        });
        names.filter_map(|n| n.parse().ok()).collect()
    }

    /// The first fields of `PATH/stat`, where PATH is a process or one of its threads.
    #[track_caller]
    pub fn stat(&self, path: &str) -> Stat {
        let line = self
            .read(&format!("{path}/stat"))
            .unwrap_or_else(|e| panic!("{path}/stat: {e}"));
        let (pid, rest) = line.split_once(" (").expect("a name in stat");
        let fields: Vec<&str> = rest[rest.rfind(") ").expect("a name in stat") + 2..]
            .split(' ')
            .collect();
        let number = |text: &str| text.parse().expect("a number in stat");
        Stat {
            pid: number(pid),
            state: fields[0].chars().next().expect("a state in stat"),
            ppid: number(fields[1]),
            pgrp: number(fields[2]),
            session: number(fields[3]),
        }
    }

    /// One field of `PATH/status`.
    #[track_caller]
    pub fn status(&self, path: &str, field: &str) -> String {
        let text = self
            .read(&format!("{path}/status"))
            .unwrap_or_else(|e| panic!("{path}/status: {e}"));
        let value = text
            .lines()
            .find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
        value
            .unwrap_or_else(|| panic!("no {field} in {path}/status"))
            .trim()
            .to_string()
    }
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
