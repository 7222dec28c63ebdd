//! What keeps a namespace, and with it the module, when all of its processes have gone.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::mount::{mount, umount2, MntFlags, MsFlags};

use crate::harness::Test;
use crate::load::{check_held, start};
use crate::process::new_ns;

pub const TESTS: &[Test] = tests![120;
    an_open_file_of_sysvipc_holds_the_module,
    an_unused_mount_context_holds_the_module,
    a_perf_event_holds_the_module,
    a_fuse_mount_holds_the_module,
];

fn owned(result: i64) -> OwnedFd {
    let fd = Errno::result(result).expect("a file descriptor");
    // SAFETY: the system call has just opened it, and nobody else knows of it.
    unsafe { OwnedFd::from_raw_fd(fd as RawFd) }
}

/// What a process inside opens keeps its namespace until it is closed outside.
#[track_caller]
fn check_holder(open: impl FnOnce() -> OwnedFd) {
    start();
    let init = new_ns(|talk| {
        talk.give(open().as_raw_fd());
        talk.hear_or_end();
    });
    let held = init.talk.take();
    init.end();
    check_held(|| drop(held));
}

fn an_open_file_of_sysvipc_holds_the_module() {
    check_holder(|| {
        std::fs::File::open("/proc/sysvipc/shm")
            .expect("open of /proc/sysvipc/shm")
            .into()
    });
}

fn an_unused_mount_context_holds_the_module() {
    // SAFETY: the string is live.
    check_holder(|| owned(unsafe { libc::syscall(libc::SYS_fsopen, c"proc".as_ptr(), 0) }));
}

fn a_perf_event_holds_the_module() {
    check_holder(|| {
        // A software event, the processor's clock, of this task: type 1, config 0.
        let mut attr = [0u32; 32];
        attr[0] = 1;
        attr[1] = std::mem::size_of_val(&attr) as u32;
        // SAFETY: the attributes are as long as they say.
        owned(unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, 0) })
    });
}

fn a_fuse_mount_holds_the_module() {
    const PLACE: &CStr = c"/tmp/fuse";
    start();
    std::fs::create_dir_all("/tmp/fuse").expect("a directory");
    let init = new_ns(|talk| {
        let device = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .expect("open of /dev/fuse");
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            device.as_raw_fd()
        );
        check!(
            mount(
                Some(c"nobody"),
                PLACE,
                Some(c"fuse"),
                MsFlags::empty(),
                Some(options.as_str())
            ),
            Ok(()),
            "mount of a file system in user space"
        );
        talk.say(0);
        talk.hear_or_end();
    });
    init.hear();
    init.end();
    check_held(|| check!(umount2(PLACE, MntFlags::MNT_DETACH), Ok(()), "umount"));
}
