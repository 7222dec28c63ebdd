//! What could lead into the module when it has gone: files of the initial namespace, links in
//! procfs, sysctls.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{open, readlinkat, OFlag};
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sys::stat::Mode;

use crate::fs_context::FsContext;
use crate::harness::{times, Test};
use crate::load::{check_held, load_now, start, unload, unload_soon};
use crate::ns_file::{link, setns, NsFile};
use crate::process::{fork, pid, pidfd_open, sleep_for_ever, Child};

pub const TESTS: &[Test] = tests![300;
    a_file_of_the_initial_namespace_holds_the_module,
    a_bind_mount_of_the_initial_namespace_holds_the_module,
    a_parent_namespace_that_is_open_holds_the_module,
    a_pidfd_leads_to_the_initial_namespace_only_with_the_module,
    links_go_with_the_module,
    an_open_link_goes_bad_with_the_module,
    sysctls_go_with_the_module,
    a_sysctl_does_not_outlast_the_module,
    a_call_that_waits_for_user_space_holds_the_module,
    everything_is_read_while_the_module_comes_and_goes,
];

fn a_file_of_the_initial_namespace_holds_the_module() {
    start();
    let file = NsFile::of("self");
    check_held(|| drop(file));
}

fn a_bind_mount_of_the_initial_namespace_holds_the_module() {
    start();
    const PLACE: &str = "/tmp/first";
    std::fs::write(PLACE, "").expect("a file");
    let none: Option<&str> = None;
    let bound = mount(
        Some("/proc/self/ns/pid"),
        PLACE,
        none,
        MsFlags::MS_BIND,
        none,
    );
    check!(bound, Ok(()), "bind mount of a namespace's file");
    check_held(|| check!(umount2(PLACE, MntFlags::MNT_DETACH), Ok(()), "umount"));
}

fn a_parent_namespace_that_is_open_holds_the_module() {
    start();
    let init = crate::process::new_ns(crate::process::wait_for_message);
    let parent = NsFile::of(init.pid).related(crate::ns_file::NS_GET_PARENT);
    let parent = parent.expect("NS_GET_PARENT");
    check!(parent.inode(), crate::ns_file::INITIAL_INODE);
    init.end();
    check_held(|| drop(parent));
}

fn a_pidfd_leads_to_the_initial_namespace_only_with_the_module() {
    /// PIDFD_GET_PID_NAMESPACE
    const REQUEST: libc::c_ulong = 0xff05;
    start();
    let child = fork(|_| sleep_for_ever());
    let pidfd = child.pidfd();
    // SAFETY: the request has no argument; the descriptor is new and ours.
    let ask = || unsafe {
        Errno::result(libc::ioctl(pidfd.as_raw_fd(), REQUEST, 0)).map(|fd| OwnedFd::from_raw_fd(fd))
    };
    let file = ask().expect("PIDFD_GET_PID_NAMESPACE");
    check!(NsFile::from_fd(file).inode(), crate::ns_file::INITIAL_INODE);
    unload_soon();
    check!(
        ask().map(drop),
        Err(Errno::EOPNOTSUPP),
        "without the module"
    );
    load_now();
    check!(ask().is_ok(), true, "with the module again");
}

fn links_go_with_the_module() {
    start();
    let child = fork(|_| sleep_for_ever());
    let text = crate::ns_file::text(crate::ns_file::INITIAL_INODE);
    for _ in 0..3 {
        for name in ["pid", "pid_for_children"] {
            check!(link(child.pid, name), Ok(text.clone()), "{name}");
            check!(link("self", name), Ok(text.clone()), "{name}");
        }
        unload_soon();
        for name in ["pid", "pid_for_children"] {
            check!(link(child.pid, name), Err(Errno::ENOENT), "{name}");
            check!(link("self", name), Err(Errno::ENOENT), "{name}");
        }
        check!(
            link(child.pid, "uts").is_ok(),
            true,
            "a link of another kind"
        );
        load_now();
    }
}

/// A link itself, not what it leads to.
fn open_link(path: &str) -> OwnedFd {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW;
    open(path, flags, Mode::empty()).expect("open of a link")
}

fn an_open_link_goes_bad_with_the_module() {
    start();
    let child = fork(|_| sleep_for_ever());
    let links = [
        open_link(&format!("/proc/{}/ns/pid", child.pid)),
        open_link("/proc/self/ns/pid_for_children"),
    ];
    let other = open_link("/proc/self/ns/uts");
    let text = |link: &OwnedFd| readlinkat(link, "");
    for link in &links {
        check!(text(link).is_ok(), true, "a link with the module");
    }
    unload_soon();
    for loaded in [false, true] {
        for link in &links {
            check!(text(link), Err(Errno::EIO), "with the module: {loaded}");
            let path = format!("/proc/self/fd/{}", link.as_raw_fd());
            check!(
                NsFile::open(&path).map(drop),
                Err(Errno::EIO),
                "with the module: {loaded}"
            );
        }
        check!(text(&other).is_ok(), true, "a link of another kind");
        if !loaded {
            load_now();
        }
    }
}

fn sysctls_go_with_the_module() {
    start();
    let held: Vec<std::fs::File> = ["kernel/ns_last_pid", "vm/memfd_noexec"]
        .iter()
        .map(|name| std::fs::File::open(format!("/proc/sys/{name}")).expect("open of a sysctl"))
        .collect();
    unload_soon();
    check!(
        std::path::Path::new("/proc/sys/kernel/ns_last_pid").exists(),
        false
    );
    for mut file in held {
        let read = std::io::Read::read(&mut file, &mut [0; 16]);
        check!(
            read.map_err(|e| e.raw_os_error()),
            Err(Some(libc::ENOENT)),
            "a sysctl that is still open"
        );
    }
    load_now();
    check!(
        std::path::Path::new("/proc/sys/kernel/ns_last_pid").exists(),
        true
    );
}

fn a_sysctl_does_not_outlast_the_module() {
    start();
    const PATH: &str = "/proc/sys/vm/memfd_noexec";
    std::fs::write(PATH, "1").expect("memfd_noexec");
    unload_soon();
    load_now();
    check!(std::fs::read_to_string(PATH).expect(PATH), "0\n");
}

fn a_call_that_waits_for_user_space_holds_the_module() {
    start();
    const FIFO: &str = "/tmp/never-written";
    nix::unistd::mkfifo(FIFO, Mode::S_IRUSR).expect("mkfifo");
    let waiter = fork(|_| {
        let context = FsContext::open(c"proc").expect("fsopen");
        let _ = context.set_string(c"pidns", FIFO);
    });
    let number = libc::SYS_fsconfig.to_string();
    crate::process::eventually("a call that waits", || {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", waiter.pid));
        let call = call.expect("a system call");
        (call.split(' ').next() == Some(number.as_str())).then_some(())
    });
    check_held(|| waiter.end());
}

/// Whatever leads to the initial namespace's file or operations, again and again.
fn read_everything() {
    let _ = link("self", "pid");
    let _ = std::fs::read_dir("/proc/self/ns").map(Iterator::count);
    let _ = NsFile::open("/proc/1/ns/pid_for_children").map(drop);
    let _ = setns(
        pidfd_open(pid()).expect("pidfd_open").as_raw_fd(),
        libc::CLONE_NEWPID,
    );
    let _ = std::fs::read("/proc/self/status");
    let _ = std::fs::read("/proc/sys/kernel/ns_last_pid");
    let _ = crate::nsfs::Request::new(crate::nsfs::PID).some(100, 0);
    std::thread::sleep(std::time::Duration::from_millis(3));
}

fn everything_is_read_while_the_module_comes_and_goes() {
    start();
    let readers: Vec<Child> = (0..3)
        .map(|_| {
            fork(|_| loop {
                read_everything();
            })
        })
        .collect();
    for _ in 0..times("PIDNS_CYCLES", 4) {
        crate::process::eventually("the module can be unloaded", || match unload() {
            Err(Errno::EAGAIN) => None,
            other => {
                check!(other, Ok(()), "unload");
                Some(())
            }
        });
        load_now();
    }
    readers.into_iter().for_each(Child::end);
}
