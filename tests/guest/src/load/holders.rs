//! What keeps a namespace, and with it the module, when all of its processes have gone.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sys::resource::{setrlimit, Resource};

use crate::bpf::{Tasks, Walk, Walker};
use crate::fs_context::{own_mounts, FsContext};
use crate::harness::Test;
use crate::load::{check_held, load_now, start, unload, unload_soon};
use crate::ns_file::NsFile;
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, fork, new_ns, sleepers, unshare_pid, wait_for_message, wait_for_zombie, End,
};
use crate::scm_credentials::CredentialsSocket;

pub const TESTS: &[Test] = tests![120;
    an_open_file_of_sysvipc_holds_the_module,
    every_open_file_of_sysvipc_holds_the_module,
    an_unused_mount_context_holds_the_module,
    a_perf_event_holds_the_module,
    perf_events_that_are_refused_do_not_hold_the_module,
    a_bpf_iterator_holds_the_module,
    a_fuse_mount_holds_the_module,
    a_device_in_user_space_holds_the_module,
    an_open_directory_of_a_dead_process_holds_the_module,
    an_open_file_in_a_mount_of_proc_holds_the_module,
    a_zombie_of_the_outside_holds_the_module,
    a_zombie_init_holds_the_module,
    a_process_whose_children_would_go_there_holds_the_module,
    a_message_on_its_way_holds_the_module,
    the_owner_of_a_file_holds_the_module,
    the_creator_of_shared_memory_holds_the_module,
    an_accounting_file_does_not_hold_the_module,
    a_file_of_a_namespace_holds_the_module,
    a_mounted_file_of_a_namespace_holds_the_module,
    a_mount_context_of_a_namespace_holds_the_module,
    a_process_that_entered_holds_the_module,
    an_open_setting_does_not_hold_the_module,
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
    let init = new_ns(|channel| {
        channel.send_fd(open().as_raw_fd());
        channel.receive_or_end();
    });
    let held = init.channel.receive_fd();
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

/// Closed in the order in which they were opened; the namespace stays for the last one.
fn every_open_file_of_sysvipc_holds_the_module() {
    const COUNT: usize = 5000;
    start();
    setrlimit(Resource::RLIMIT_NOFILE, 8192, 8192).expect("RLIMIT_NOFILE");
    let init = new_ns(|channel| {
        for _ in 0..COUNT {
            let file = std::fs::File::open("/proc/sysvipc/shm");
            channel.send_fd(file.expect("open of /proc/sysvipc/shm").as_raw_fd());
        }
        channel.receive_or_end();
    });
    let mut files: VecDeque<OwnedFd> = (0..COUNT).map(|_| init.channel.receive_fd()).collect();
    init.end();
    while files.len() > 1 {
        drop(files.pop_front());
        if files.len() % 500 == 1 {
            check!(
                unload(),
                Err(Errno::EAGAIN),
                "unload with {} open files",
                files.len()
            );
        }
    }
    check_held(|| drop(files));
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

/// Some are refused when their namespace has been counted already.
fn perf_events_that_are_refused_do_not_hold_the_module() {
    const INHERIT: u64 = 1 << 1;
    const SAMPLE_READ: u64 = 1 << 4;
    start();
    // A type that no part of the kernel knows; and a software event that children inherit, whose samples are
    // read without the number of a thread.
    for (kind, sample, flags, refused) in [
        (0x7fff_0000, 0, 0, Errno::ENOENT),
        (1, SAMPLE_READ, INHERIT, Errno::EINVAL),
    ] {
        let init = new_ns(|channel| {
            let mut attr = [0u64; 16];
            attr[0] = kind | (std::mem::size_of_val(&attr) as u64) << 32;
            attr[3] = sample;
            attr[5] = flags;
            let attr = attr.as_ptr();
            for _ in 0..500 {
                // SAFETY: the attributes are as long as they say.
                let opened =
                    unsafe { libc::syscall(libc::SYS_perf_event_open, attr, 0, -1, -1, 0) };
                check!(Errno::result(opened), Err(refused), "type {kind:#x}");
            }
            channel.send(0);
            channel.receive_or_end();
        });
        init.receive();
        check!(
            unload(),
            Err(Errno::EAGAIN),
            "unload with a member that lives"
        );
        init.end();
        unload_soon();
        load_now();
    }
}

fn a_bpf_iterator_holds_the_module() {
    start();
    let walker = Walker::over(Tasks::All);
    let init = new_ns(|channel| {
        sleepers(2);
        let mut walk = walker.open();
        // Read whole, and as new.
        channel.send(walk.numbers().len() as i32);
        channel.send_fd(walk.fd());
        channel.send_fd(walker.open().fd());
        channel.receive_or_end();
    });
    check!(init.receive(), 3, "members that a walk passes");
    let [walked, mut new] = [0; 2].map(|_| Walk::from_fd(init.channel.receive_fd()));
    init.end();
    drop(walked);
    check!(new.numbers(), [0; 0], "members of a dead namespace");
    check_held(|| drop(new));
}

fn a_fuse_mount_holds_the_module() {
    const PLACE: &CStr = c"/tmp/fuse";
    start();
    std::fs::create_dir_all("/tmp/fuse").expect("a directory");
    let init = new_ns(|channel| {
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
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    init.end();
    check_held(|| check!(umount2(PLACE, MntFlags::MNT_DETACH), Ok(()), "umount"));
}

fn a_device_in_user_space_holds_the_module() {
    check_holder(|| {
        let device = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/cuse");
        device.expect("open of /dev/cuse").into()
    });
}

fn an_open_directory_of_a_dead_process_holds_the_module() {
    start();
    let init = new_ns(wait_for_message);
    let directory = std::fs::File::open(format!("/proc/{}", init.pid)).expect("open");
    init.end();
    check_held(|| drop(directory));
}

fn an_open_file_in_a_mount_of_proc_holds_the_module() {
    check_holder(|| {
        let file = Proc::mount().open("1/status", OFlag::O_RDONLY);
        file.expect("open of a status").into()
    });
}

fn a_zombie_of_the_outside_holds_the_module() {
    start();
    let parent = fork(|channel| {
        unshare_pid();
        let init = fork(wait_for_message);
        let member = fork(|_| ());
        wait_for_zombie(member.pid);
        init.send(0);
        channel.send(0);
        channel.receive();
        check!(member.wait(), End::Exit(0));
        check!(init.wait(), End::Exit(0));
    });
    parent.receive();
    check_held(|| {
        parent.send(0);
        check!(parent.wait(), End::Exit(0));
    });
}

fn a_zombie_init_holds_the_module() {
    start();
    let init = new_ns(|_| ());
    wait_for_zombie(init.pid);
    check_held(|| check!(init.wait(), End::Exit(0)));
}

fn a_process_whose_children_would_go_there_holds_the_module() {
    start();
    let maker = fork(|channel| {
        unshare_pid();
        attempt_fork().expect("fork");
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    check_held(|| maker.end());
}

fn a_message_on_its_way_holds_the_module() {
    start();
    let socket = CredentialsSocket::new();
    let init = new_ns(|channel| {
        socket.send();
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    init.end();
    check_held(|| drop(socket));
}

fn the_owner_of_a_file_holds_the_module() {
    start();
    let (end, _other) = nix::unistd::pipe().expect("pipe");
    let init = new_ns(|channel| {
        // SAFETY: the call takes no pointers.
        let set = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETOWN, 1) };
        check!(set, 0, "F_SETOWN");
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    init.end();
    check_held(|| drop(end));
}

fn the_creator_of_shared_memory_holds_the_module() {
    start();
    let init = new_ns(|channel| {
        // SAFETY: the call takes no pointers.
        channel.send(unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, 0o600 | libc::IPC_CREAT) });
        channel.receive_or_end();
    });
    let id = init.receive();
    init.end();
    check_held(|| {
        // SAFETY: null is allowed.
        let removed = unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
        check!(removed, 0, "IPC_RMID");
    });
}

fn an_accounting_file_does_not_hold_the_module() {
    start();
    own_mounts();
    std::fs::create_dir_all("/tmp/accounting").expect("a directory");
    let place = "/tmp/accounting";
    let kind = Some("tmpfs");
    mount(kind, place, kind, MsFlags::empty(), None::<&str>).expect("mount");
    std::fs::write("/tmp/accounting/file", "").expect("a file");
    let init = new_ns(|channel| {
        // SAFETY: the path is a string.
        let on = unsafe { libc::acct(c"/tmp/accounting/file".as_ptr()) };
        check!(Errno::result(on), Ok(0), "acct");
        attempt_fork().expect("fork");
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    init.end();
    check!(
        umount2(place, MntFlags::empty()),
        Ok(()),
        "umount when init has gone"
    );
    unload_soon();
    load_now();
}

fn a_file_of_a_namespace_holds_the_module() {
    start();
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    init.end();
    check_held(|| drop(file));
}

fn a_mounted_file_of_a_namespace_holds_the_module() {
    const PLACE: &str = "/tmp/held";
    start();
    own_mounts();
    std::fs::write(PLACE, "").expect("a file");
    let init = new_ns(wait_for_message);
    let (source, none) = (format!("/proc/{}/ns/pid", init.pid), None::<&str>);
    mount(Some(source.as_str()), PLACE, none, MsFlags::MS_BIND, none).expect("mount");
    init.end();
    check_held(|| check!(umount2(PLACE, MntFlags::MNT_DETACH), Ok(()), "umount"));
}

fn a_mount_context_of_a_namespace_holds_the_module() {
    start();
    let init = new_ns(wait_for_message);
    let context = FsContext::open(c"proc").expect("fsopen");
    let file = NsFile::of(init.pid);
    check!(context.set_fd(c"pidns", file.fd()), Ok(()), "pidns");
    drop(file);
    init.end();
    check_held(|| drop(context));
}

fn a_process_that_entered_holds_the_module() {
    start();
    let init = new_ns(wait_for_message);
    let process = fork(|channel| {
        check!(NsFile::of(init.pid).enter(0), Ok(()));
        channel.send(0);
        channel.receive_or_end();
    });
    process.receive();
    init.end();
    check_held(|| process.end());
}

fn an_open_setting_does_not_hold_the_module() {
    use std::io::{Read, Seek};
    start();
    let init = new_ns(|channel| {
        let file = std::fs::File::open("/proc/sys/kernel/pid_max").expect("open");
        channel.send_fd(file.as_raw_fd());
        channel.receive_or_end();
    });
    let mut file = std::fs::File::from(init.channel.receive_fd());
    init.end();
    unload_soon();
    for _ in 0..2 {
        file.rewind().expect("seek");
        let read = file.read(&mut [0; 16]).map_err(|e| e.raw_os_error());
        check!(
            read,
            Err(Some(libc::ENOENT)),
            "the setting of a namespace that is gone"
        );
    }
    load_now();
}
