//! The making of a mount, step by step.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::mount::{mount, MsFlags};

use crate::process::unshare;

const SET_FLAG: u32 = 0;
const SET_STRING: u32 = 1;
const SET_FD: u32 = 5;
const CREATE: u32 = 6;
const RECONFIGURE: u32 = 7;

/// A mount that is being made or changed.
pub struct FsContext(OwnedFd);

impl FsContext {
    /// Begins a new mount of a file system.
    pub fn open(file_system: &CStr) -> nix::Result<FsContext> {
        // SAFETY: the string is valid, and the descriptor is new.
        unsafe {
            let fd = Errno::result(libc::syscall(libc::SYS_fsopen, file_system.as_ptr(), 0))?;
            Ok(FsContext(OwnedFd::from_raw_fd(fd as i32)))
        }
    }

    /// Begins to change a mount.
    pub fn pick(root: RawFd) -> nix::Result<FsContext> {
        const FSPICK_EMPTY_PATH: u32 = 8;
        // SAFETY: the string is valid, and the descriptor is new.
        unsafe {
            let path = c"".as_ptr();
            let fd = libc::syscall(libc::SYS_fspick, root, path, FSPICK_EMPTY_PATH);
            Ok(FsContext(OwnedFd::from_raw_fd(Errno::result(fd)? as i32)))
        }
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    fn config(
        &self,
        command: u32,
        key: Option<&CStr>,
        value: Option<&CStr>,
        number: i32,
    ) -> nix::Result<()> {
        let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
        // SAFETY: the pointers are to live strings, or null.
        Errno::result(unsafe {
            let (key, value) = (pointer(key), pointer(value));
            libc::syscall(libc::SYS_fsconfig, self.fd(), command, key, value, number)
        })
        .map(drop)
    }

    pub fn set_string(&self, key: &CStr, value: &str) -> nix::Result<()> {
        let value = CString::new(value).expect("a string without zeros");
        self.config(SET_STRING, Some(key), Some(&value), 0)
    }

    pub fn set_fd(&self, key: &CStr, value: RawFd) -> nix::Result<()> {
        self.config(SET_FD, Some(key), None, value)
    }

    pub fn set_flag(&self, key: &CStr) -> nix::Result<()> {
        self.config(SET_FLAG, Some(key), None, 0)
    }

    pub fn create(&self) -> nix::Result<()> {
        self.config(CREATE, None, None, 0)
    }

    pub fn reconfigure(&self) -> nix::Result<()> {
        self.config(RECONFIGURE, None, None, 0)
    }

    /// The root of what was created.
    pub fn mount(&self) -> nix::Result<OwnedFd> {
        // SAFETY: the call takes no pointers, and gives a descriptor of our own.
        unsafe {
            let root = Errno::result(libc::syscall(libc::SYS_fsmount, self.fd(), 0, 0))?;
            Ok(OwnedFd::from_raw_fd(root as i32))
        }
    }
}

/// Gives the caller a mount namespace of its own, whose mounts nobody else sees.
#[track_caller]
pub fn own_mounts() {
    check!(unshare(libc::CLONE_NEWNS), Ok(()), "unshare(CLONE_NEWNS)");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
}
