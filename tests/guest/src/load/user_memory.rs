//! A call into the module that touches a caller's memory, or looks up a path for it, may wait for as long as the caller
//! likes: the memory is a file of a server's that never answers. The module stays meanwhile, and nobody waits for that.

use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;

use super::{load, load_now, start, unload, unload_soon};
use crate::clone::{Clone, NEWPID};
use crate::fs_context::FsContext;
use crate::fuse::{Call, Caller, Waiting, PAGE, PATH};
use crate::harness::{is_full, kernel, Test};
use crate::process::{echo, errno_of, eventually, fork, has_ended, new_ns, End};

pub const TESTS: &[Test] = tests![300;
    a_write_of_the_last_number,
    a_read_of_the_last_number,
    a_read_of_how_strict_memfds_are,
    a_write_of_how_strict_memfds_are,
    a_list_of_links,
    a_link,
    a_name_of_a_memfd,
    a_path_of_a_mount_option,
    a_path_of_a_uprobe,
    many_at_a_time,
];

/// What is the module's in both modes, and what is the kernel's own.
pub const OF_BOTH: &[Test] = tests![300;
    a_read_of_the_modules_own_sysctl,
    a_write_of_the_modules_own_sysctl,
    a_list_of_sysctls,
    a_list_of_sysctls_that_began_before_the_load,
    sysctls_of_the_kernels_do_not_hold_the_module,
    links_of_the_kernels_do_not_hold_the_module,
    what_the_module_leaves_to_the_kernel_does_not_hold_it,
];

const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";
const MEMFD_NOEXEC: &str = "/proc/sys/vm/memfd_noexec";

/// Makes sure that the module is there, in either mode.
fn start_in_both_modes() {
    if kernel() == "native" {
        crate::report::skip("the module is not loaded");
    }
    super::make_sure();
}

/// What an unload says. Whoever asked must not have to wait: that would be for as long as the server lives.
#[track_caller]
fn unload_at_once() -> nix::Result<()> {
    let remover = fork(|channel| channel.send(errno_of(unload())));
    eventually("an answer of delete_module", || {
        remover.channel.is_readable().then_some(())
    });
    let errno = remover.receive();
    check!(remover.wait(), End::Exit(0), "who unloads");
    match errno {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)),
    }
}

/// Fails unless a call in which somebody waits holds the module, and nothing else; `refused` is what it says when the
/// server has gone.
#[track_caller]
fn check_holds(who: Caller, refused: Errno, call: Call) {
    for killed in [true, false] {
        let waiting = Waiting::start(who, call);
        for _ in 0..3 {
            check!(
                unload_at_once(),
                Err(Errno::EAGAIN),
                "unload while a call waits"
            );
        }
        check!(
            Clone::new(NEWPID).attempt_inside(),
            Ok(1),
            "a namespace while a call waits"
        );
        waiting.check_waits();
        if killed {
            waiting.kill();
        } else {
            check!(waiting.close_device(), refused, "what the call says");
        }
        unload_soon();
        load_now();
    }
}

/// Fails unless the module goes, and comes, while somebody waits in a call. The call with this number of many ends in one of
/// both ways, or in both if all is wanted.
#[track_caller]
fn check_does_not_hold(who: Caller, refused: Errno, number: usize, call: Call) {
    let both = [true, false].into_iter();
    for killed in both.filter(|killed| is_full() || *killed == (number % 2 == 0)) {
        let waiting = Waiting::start(who, call);
        eventually("the module goes", || {
            let gone = unload_at_once();
            // Another test's namespace may still hold it.
            (gone != Err(Errno::EAGAIN)).then(|| check!(gone, Ok(()), "unload while a call waits"))
        });
        waiting.check_waits();
        load_now();
        waiting.check_waits();
        if killed {
            waiting.kill();
        } else {
            check!(waiting.close_device(), refused, "what the call says");
        }
        check!(unload_at_once(), Ok(()), "unload after the call");
        load_now();
    }
}

fn file(path: &str, writes: bool) -> std::fs::File {
    let file = std::fs::File::options()
        .read(!writes)
        .write(writes)
        .open(path);
    file.unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn read(path: &str, memory: *mut u8) -> nix::Result<()> {
    let file = file(path, false);
    // SAFETY: the memory is as long as that.
    Errno::result(unsafe { libc::read(file.as_raw_fd(), memory.cast(), 4) }).map(drop)
}

fn write(path: &str, memory: *mut u8) -> nix::Result<()> {
    let file = file(path, true);
    // SAFETY: the memory is as long as that.
    Errno::result(unsafe { libc::write(file.as_raw_fd(), memory.cast(), 4) }).map(drop)
}

fn list(path: &str, memory: *mut u8) -> nix::Result<()> {
    let directory = file(path, false);
    // SAFETY: the memory is as long as that.
    let listed =
        unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), memory, PAGE) };
    Errno::result(listed).map(drop)
}

fn link(path: &std::ffi::CStr, memory: *mut u8) -> nix::Result<()> {
    // SAFETY: the path is a string, and the memory as long as that.
    Errno::result(unsafe { libc::readlink(path.as_ptr(), memory.cast(), 64) }).map(drop)
}

fn create_memfd(memory: *mut u8) -> nix::Result<()> {
    // SAFETY: what the name is, the kernel sees by itself.
    Errno::result(unsafe { libc::memfd_create(memory.cast(), 0) } as RawFd).map(drop)
}

fn a_write_of_the_last_number() {
    start();
    check_holds(Caller::User, Errno::EFAULT, |m| write(LAST_PID, m));
}

fn a_read_of_the_last_number() {
    start();
    check_holds(Caller::User, Errno::EFAULT, |m| read(LAST_PID, m));
}

fn a_read_of_how_strict_memfds_are() {
    start();
    check_holds(Caller::User, Errno::EFAULT, |m| read(MEMFD_NOEXEC, m));
}

fn a_write_of_how_strict_memfds_are() {
    start();
    check_holds(Caller::Root, Errno::EFAULT, |m| write(MEMFD_NOEXEC, m));
}

fn a_list_of_links() {
    start();
    check_holds(Caller::User, Errno::EFAULT, |m| list("/proc/self/ns", m));
}

fn a_link() {
    start();
    check_holds(Caller::User, Errno::EFAULT, |m| {
        link(c"/proc/self/ns/pid", m)
    });
    check_holds(Caller::User, Errno::EFAULT, |m| {
        link(c"/proc/self/ns/pid_for_children", m)
    });
}

fn a_name_of_a_memfd() {
    start();
    check_holds(Caller::User, Errno::EFAULT, create_memfd);
}

fn a_path_of_a_mount_option() {
    start();
    check_holds(Caller::User, Errno::ECONNABORTED, |_| {
        FsContext::open(c"proc")?.set_string(c"pidns", PATH)
    });
}

/// That takes a privilege.
fn a_path_of_a_uprobe() {
    const TYPE: &str = "/sys/bus/event_source/devices/uprobe/type";
    start();
    if !std::path::Path::new(TYPE).exists() {
        crate::report::skip("no uprobes");
    }
    check_holds(Caller::Root, Errno::ECONNABORTED, |_| {
        let kind = std::fs::read_to_string(TYPE).expect(TYPE);
        let path = std::ffi::CString::new(PATH).expect("a string without zeros");
        let mut attr = [0u64; 16];
        attr[0] = kind.trim().parse::<u64>().expect("a number") | (size_of_val(&attr) as u64) << 32;
        attr[7] = path.as_ptr() as u64;
        // SAFETY: the attributes are as long as they say, and the path is live.
        let opened =
            unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, 0) };
        Errno::result(opened).map(drop)
    });
}

/// Each of them holds the module.
fn many_at_a_time() {
    start();
    let calls: [Call; 4] = [
        create_memfd,
        |m| link(c"/proc/self/ns/pid", m),
        |m| list("/proc/self/ns", m),
        |m| write(LAST_PID, m),
    ];
    let waiting: Vec<Waiting> = (0..8)
        .map(|number| Waiting::start(Caller::User, calls[number % calls.len()]))
        .collect();
    for (number, one) in waiting.into_iter().enumerate() {
        check!(
            unload_at_once(),
            Err(Errno::EAGAIN),
            "unload when {number} have gone"
        );
        if number % 2 == 0 {
            one.kill();
        } else {
            check!(one.close_device(), Errno::EFAULT);
        }
    }
    unload_soon();
    load_now();
}

fn a_read_of_the_modules_own_sysctl() {
    start_in_both_modes();
    check_holds(Caller::User, Errno::EFAULT, |m| read(crate::mode::PATH, m));
}

fn a_write_of_the_modules_own_sysctl() {
    start_in_both_modes();
    check_holds(Caller::Root, Errno::EFAULT, |m| write(crate::mode::PATH, m));
    check!(crate::mode::get(), 1, "what was not changed");
}

/// The kernel holds each sysctl while it copies its name.
fn a_list_of_sysctls() {
    start_in_both_modes();
    check_holds(Caller::User, Errno::EFAULT, |m| list("/proc/sys/kernel", m));
    if kernel().starts_with("supply") {
        check_holds(Caller::User, Errno::EFAULT, |m| list("/proc/sys/vm", m));
    }
}

/// It could come to the module's own sysctls, and an unload would wait for it: the module is not loaded.
fn a_list_of_sysctls_that_began_before_the_load() {
    start_in_both_modes();
    unload_soon();
    let waiting = Waiting::start(Caller::User, |m| list("/proc/sys/kernel", m));
    let init = kernel().starts_with("takeover").then(|| new_ns(echo));
    let loader = fork(|_| check!(load(), Err(Errno::EBUSY), "load while somebody lists"));
    let pidfd = loader.pidfd();
    while !has_ended(&pidfd) {
        // The functions are hooked already, and will not stay so.
        if let Some(init) = &init {
            init.kill(libc::SIGTERM);
            init.check_alive();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    check!(loader.wait(), End::Exit(0));
    waiting.check_waits();
    check!(waiting.close_device(), Errno::EFAULT, "what the call says");
    load_now();
    let listed = std::fs::read_dir("/proc/sys/kernel").expect("a directory");
    let names = listed.map(|entry| entry.expect("an entry").file_name());
    let own = names.filter(|name| name == "pidns_two_sided_init").count();
    check!(own, 1, "the module's sysctl in the list");
}

fn sysctls_of_the_kernels_do_not_hold_the_module() {
    start_in_both_modes();
    let calls: [(Caller, Call); 4] = [
        (Caller::User, |m| read("/proc/sys/kernel/pid_max", m)),
        (Caller::User, |m| read("/proc/sys/kernel/hostname", m)),
        (Caller::Root, |m| write("/proc/sys/kernel/pid_max", m)),
        (Caller::User, |m| {
            read("/proc/sys/user/max_pid_namespaces", m)
        }),
    ];
    for (number, (who, call)) in calls.into_iter().enumerate() {
        check_does_not_hold(who, Errno::EFAULT, number, call);
    }
}

fn links_of_the_kernels_do_not_hold_the_module() {
    start_in_both_modes();
    let calls: [Call; 4] = [
        |m| link(c"/proc/self/ns/uts", m),
        |m| link(c"/proc/self/exe", m),
        |m| list("/proc/self/fd", m),
        |m| list("/proc/sys/fs", m),
    ];
    for (number, call) in calls.into_iter().enumerate() {
        check_does_not_hold(Caller::User, Errno::EFAULT, number, call);
    }
}

/// In a kernel that has pid namespaces of its own.
fn what_the_module_leaves_to_the_kernel_does_not_hold_it() {
    start_in_both_modes();
    if !kernel().starts_with("takeover") {
        crate::report::skip("here it is the module's");
    }
    let calls: [Call; 5] = [
        |m| write(LAST_PID, m),
        |m| read(MEMFD_NOEXEC, m),
        |m| list("/proc/self/ns", m),
        |m| link(c"/proc/self/ns/pid", m),
        create_memfd,
    ];
    for (number, call) in calls.into_iter().enumerate() {
        check_does_not_hold(Caller::User, Errno::EFAULT, number, call);
    }
}
