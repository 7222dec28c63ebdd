//! Those outside are not there.

use nix::errno::Errno;

use crate::harness::Test;
use crate::process::{fork, kill, new_ns, pid, wait_for_message, End};

pub const TESTS: &[Test] = tests![the_outside_is_invisible, a_neighbour_is_invisible,];

fn the_outside_is_invisible() {
    let outside = pid();
    let init = new_ns(|channel| {
        let mut word = 0u64;
        let local = libc::iovec {
            iov_base: (&raw mut word).cast(),
            iov_len: 8,
        };
        let errno = |result: i64| if result == -1 { Errno::last_raw() } else { 0 };
        // SAFETY: the buffers are live and large enough.
        channel.send_all(unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            let mut limit: libc::rlimit = std::mem::zeroed();
            &[
                errno(libc::kill(outside, 0).into()),
                errno(libc::kill(-outside, 0).into()),
                errno(libc::syscall(libc::SYS_tgkill, outside, outside, 0)),
                errno(libc::syscall(libc::SYS_tkill, outside, 0)),
                errno(libc::getpgid(outside).into()),
                errno(libc::getsid(outside).into()),
                errno(libc::setpgid(outside, 0).into()),
                errno(libc::sched_getaffinity(outside, size_of_val(&set), &mut set).into()),
                errno(libc::sched_getscheduler(outside).into()),
                errno(libc::getpriority(libc::PRIO_PROCESS, outside as u32).into()),
                errno(
                    libc::prlimit(outside, libc::RLIMIT_NOFILE, std::ptr::null(), &mut limit)
                        .into(),
                ),
                errno(libc::process_vm_readv(outside, &local, 1, &local, 1, 0) as i64),
                errno(libc::ptrace(libc::PTRACE_SEIZE, outside, 0, 0)),
                errno(libc::syscall(libc::SYS_pidfd_open, outside, 0)),
                errno(libc::syscall(libc::SYS_kcmp, outside, outside, 0, 0, 0)),
                errno(libc::syscall(
                    libc::SYS_get_robust_list,
                    outside,
                    &raw mut word,
                    &raw mut word,
                )),
            ]
        });
    });
    check!(
        init.receive_all(),
        [libc::ESRCH; 16],
        "errno of calls on a process or group outside"
    );
}

fn a_neighbour_is_invisible() {
    let neighbour = new_ns(|channel| {
        let child = fork(wait_for_message);
        channel.send(child.pid);
        channel.receive();
        child.send(0);
        check!(child.wait(), End::Exit(0));
    });
    check!(neighbour.receive(), 2);
    let other = new_ns(|channel| {
        let two = kill(2, libc::SIGKILL);
        channel.send(libc::ESRCH * i32::from(two == Err(Errno::ESRCH)));
    });
    check!(
        other.receive(),
        libc::ESRCH,
        "kill of the neighbour's number 2"
    );
    neighbour.send(0);
    check!(neighbour.wait(), End::Exit(0));
}
