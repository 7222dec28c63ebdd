//! A file system in user space whose server leaves two things without an answer: what is in its file, and any other
//! name. A call that touches the file's memory, or follows such a name, waits for as long as the server lives.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::mount::{mount, MsFlags};

use crate::channel::Channel;
use crate::fs_context::own_mounts;
use crate::privilege::become_user_with_namespace;
use crate::process::{errno_of, eventually, fork, unshare, wait_for_message, Child, End};

/// Where it is mounted, for the caller alone.
const PLACE: &str = "/tmp/unanswered";
const FILE: &str = "/tmp/unanswered/file";

/// A name that the server says nothing about.
pub const PATH: &str = "/tmp/unanswered/never";

/// How long the memory is.
pub const PAGE: usize = 4096;

/// Who makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Root,
    /// Without privileges, but with a user namespace and mounts of its own.
    User,
}

/// A call, given memory that nobody fills. It returns the error of what was refused.
pub type Call = fn(*mut u8) -> nix::Result<()>;

/// A process in a call that waits for the server.
pub struct Waiting {
    caller: Child,
    server: Child,
}

impl Waiting {
    /// Starts a process that makes the call, and waits until the call waits.
    #[track_caller]
    pub fn start(who: Caller, call: Call) -> Waiting {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(PLACE).expect("a directory");
        std::fs::set_permissions("/dev/fuse", PermissionsExt::from_mode(0o666)).expect("chmod");
        let caller = fork(|channel| {
            match who {
                Caller::Root => own_mounts(),
                Caller::User => {
                    become_user_with_namespace();
                    check!(unshare(libc::CLONE_NEWNS), Ok(()), "unshare(CLONE_NEWNS)");
                }
            }
            channel.send_fd(mounted().as_raw_fd());
            channel.send(errno_of(call(memory())));
            wait_for_message(channel);
        });
        let device = caller.channel.receive_fd();
        // No child of the caller's, which cannot die before the server does.
        let server = fork(|channel| serve(&device, channel));
        let waiting = Waiting { caller, server };
        eventually("a request to the server", || {
            waiting.check_waits();
            waiting.server.channel.is_readable().then_some(())
        });
        waiting
    }

    /// Fails unless the call has not returned.
    #[track_caller]
    pub fn check_waits(&self) {
        if self.caller.channel.is_readable() {
            let errno = Errno::from_raw(self.caller.receive());
            panic!("expected a call that waits, saw it return with {errno:?}");
        }
    }

    /// Ends the server, whose device is closed with it; the error with which the call then returns.
    #[track_caller]
    pub fn close_device(self) -> Errno {
        self.server.end();
        let errno = self.caller.receive();
        self.caller.send(0);
        check!(self.caller.wait(), End::Exit(0), "the end of the caller");
        Errno::from_raw(errno)
    }

    /// Kills the caller, and the server, for which a killed one still waits.
    #[track_caller]
    pub fn kill(self) {
        self.caller.kill(libc::SIGKILL);
        self.server.end();
        check!(self.caller.wait(), End::Killed(libc::SIGKILL), "the caller");
    }
}

/// Mounts the file system; returns its device.
fn mounted() -> OwnedFd {
    let device = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/fuse");
    let device = device.expect("open of /dev/fuse");
    let fd = device.as_raw_fd();
    let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let done = mount(
        Some("nobody"),
        PLACE,
        Some("fuse"),
        flags,
        Some(options.as_str()),
    );
    check!(done, Ok(()), "mount of a file system in user space");
    device.into()
}

/// A page of the file.
fn memory() -> *mut u8 {
    let file = std::fs::File::open(FILE).expect(FILE);
    // SAFETY: a new mapping, which stays for ever.
    let page = unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let (place, fd) = (std::ptr::null_mut(), file.as_raw_fd());
        libc::mmap(place, PAGE, access, libc::MAP_PRIVATE, fd, 0)
    };
    check!(page == libc::MAP_FAILED, false, "mmap of a file");
    page.cast()
}

/// What the server is asked (`include/uapi/linux/fuse.h: enum fuse_opcode`).
mod opcode {
    pub const LOOKUP: u32 = 1;
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const RELEASE: u32 = 18;
    pub const FLUSH: u32 = 25;
    pub const INIT: u32 = 26;
    pub const INTERRUPT: u32 = 36;
    pub const BATCH_FORGET: u32 = 42;
}

/// The number of the file; the root's is 1.
const FILE_NODE: u32 = 2;

/// Answers requests until the device is gone, and sends a message when there is the first one that it does not answer.
fn serve(device: &OwnedFd, channel: &Channel) {
    let mut buffer = vec![0; 1 << 17];
    let mut told = false;
    loop {
        let length = match nix::unistd::read(device, &mut buffer) {
            Ok(length) => length,
            Err(Errno::EINTR | Errno::EAGAIN | Errno::ENOENT) => continue,
            Err(_) => return,
        };
        let (header, body) = buffer[..length].split_at(40);
        let word = |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        let (opcode, node) = (word(4), word(16));
        let answer = match opcode {
            opcode::INIT => Ok(initial()),
            opcode::LOOKUP if body == b"file\0" => Ok([
                &[FILE_NODE, 0, 0, 0, 1000, 0, 1000, 0, 0, 0],
                &attributes(FILE_NODE)[..],
            ]
            .concat()),
            opcode::GETATTR => Ok([&[1000, 0, 0, 0], &attributes(node)[..]].concat()),
            opcode::OPEN => Ok(vec![0; 4]),
            opcode::RELEASE | opcode::FLUSH => Ok(Vec::new()),
            opcode::FORGET | opcode::BATCH_FORGET | opcode::INTERRUPT => continue,
            opcode::READ | opcode::LOOKUP => {
                if !told {
                    channel.send(0);
                }
                told = true;
                continue;
            }
            _ => Err(Errno::ENOSYS),
        };
        let error = answer.as_ref().map_or_else(|e| -(*e as i32), |_| 0);
        let words = answer.unwrap_or_default();
        let head = [16 + 4 * words.len() as u32, error as u32, word(8), word(12)];
        let bytes: Vec<u8> = head
            .iter()
            .chain(&words)
            .flat_map(|w| w.to_ne_bytes())
            .collect();
        // It fails if the caller has gone.
        let _ = nix::unistd::write(device, &bytes);
    }
}

/// `struct fuse_init_out`: nothing special, nothing ahead of time.
fn initial() -> Vec<u32> {
    let mut words = vec![0; 16];
    words[..7].copy_from_slice(&[7, 31, 0, 0, 12 << 16 | 16, 4096, 1]);
    words
}

/// `struct fuse_attr` of the root or the file.
fn attributes(node: u32) -> [u32; 22] {
    let mut words = [0; 22];
    let (mode, links) = if node == FILE_NODE {
        (libc::S_IFREG | 0o644, 1)
    } else {
        (libc::S_IFDIR | 0o755, 2)
    };
    words[0] = node;
    words[2] = PAGE as u32;
    words[15] = mode;
    words[16] = links;
    words[20] = 4096;
    words
}
