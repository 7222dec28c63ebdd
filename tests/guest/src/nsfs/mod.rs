//! The file system of namespaces: what its files answer, and how they are found again.

pub mod bind_mount;
pub mod handle;
pub mod ioctl;
pub mod list;

use nix::errno::Errno;

use crate::ns_file::NsFile;

/// The types that `listns` may be asked for.
pub const PID: u32 = libc::CLONE_NEWPID as u32;
pub const UTS: u32 = libc::CLONE_NEWUTS as u32;
/// The owner that stands for the caller's user namespace.
pub const CURRENT_USER: u64 = u64::MAX;
/// The number of the machine's initial pid namespace.
pub const FIRST_ID: u64 = 4;

/// What `listns` is asked.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Request {
    pub size: u32,
    pub spare: u32,
    pub after: u64,
    pub types: u32,
    pub spare2: u32,
    pub owner: u64,
}

impl Request {
    pub fn new(types: u32) -> Request {
        Request {
            size: 32,
            spare: 0,
            after: 0,
            types,
            spare2: 0,
            owner: 0,
        }
    }

    /// Asks for the namespaces of one user namespace.
    pub fn of(self, owner: u64) -> Request {
        Request { owner, ..self }
    }

    pub fn after(self, after: u64) -> Request {
        Request { after, ..self }
    }

    /// The numbers of at most so many namespaces.
    pub fn some(&self, most: usize, flags: u32) -> nix::Result<Vec<u64>> {
        const SYS_LISTNS: i64 = 470;
        let mut ids = vec![0u64; most.min(1000)];
        // SAFETY: the request is live, and so are the numbers, as many as are said.
        let got = Errno::result(unsafe {
            libc::syscall(
                SYS_LISTNS,
                self as *const Request,
                ids.as_mut_ptr(),
                most,
                flags,
            )
        })?;
        ids.truncate(got as usize);
        Ok(ids)
    }

    #[track_caller]
    pub fn all(&self) -> Vec<u64> {
        self.some(1000, 0).expect("listns")
    }
}

/// Whether a pid namespace is listed.
pub fn is_listed(id: u64) -> bool {
    Request::new(PID).all().contains(&id)
}

/// A namespace's name that survives its descriptor.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    pub bytes: u32,
    pub kind: i32,
    pub id: u64,
    pub ns_type: u32,
    pub inode: u32,
}

/// The root of the file system of namespaces, for calls that want a descriptor.
pub const ROOT: i32 = -10003;

impl Handle {
    pub fn of(file: &NsFile) -> nix::Result<Handle> {
        let mut mount = 0i32;
        let mut handle = Handle {
            bytes: 16,
            kind: 0,
            id: 0,
            ns_type: 0,
            inode: 0,
        };
        // SAFETY: the pointers are live, and the handle has the room that it says.
        Errno::result(unsafe {
            let (fd, name) = (file.fd(), c"".as_ptr());
            let handle = &raw mut handle;
            libc::syscall(
                libc::SYS_name_to_handle_at,
                fd,
                name,
                handle,
                &mut mount,
                libc::AT_EMPTY_PATH,
            )
        })?;
        Ok(handle)
    }

    pub fn open(&self) -> nix::Result<NsFile> {
        self.open_at(ROOT)
    }

    pub fn open_at(&self, root: i32) -> nix::Result<NsFile> {
        use std::os::fd::FromRawFd;
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: the handle is live and has the room that it says; the descriptor is new.
        unsafe {
            let handle = self as *const Handle;
            let fd = libc::syscall(libc::SYS_open_by_handle_at, root, handle, flags);
            let fd = Errno::result(fd)? as i32;
            Ok(NsFile::from_fd(std::os::fd::OwnedFd::from_raw_fd(fd)))
        }
    }
}
