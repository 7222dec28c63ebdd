//! Everybody has a number per level: what each side calls itself and the other.

use nix::errno::Errno;
use nix::sys::wait::WaitPidFlag;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::process::{
    attempt_fork, fork, kill, new_ns, pid, pidfd_open, ppid, quit, tid, unshare_pid, wait_any,
    wait_for, wait_for_message, End,
};
use crate::signal_capture;

pub const TESTS: &[Test] = tests![
    the_first_process_is_number_one,
    init_has_no_visible_parent,
    groups_and_sessions_from_outside_are_zero,
    a_new_session_has_the_members_number,
    children_count_from_two,
    a_thread_has_a_number_of_its_own,
    the_parent_sees_its_own_number,
    wait_gives_the_waiters_numbers,
    waitid_and_sigchld_name_the_child,
    groups_of_members_from_outside,
    clone_writes_each_sides_number,
    set_tid_address_returns_the_inner_number,
    a_tracer_outside_hears_its_own_numbers,
    vfork_is_a_fork,
];

fn the_first_process_is_number_one() {
    let init = new_ns(|channel| channel.send_all(&[pid(), tid()]));
    check!(init.receive_all(), [1, 1], "getpid and gettid of init");
    check!(init.wait(), End::Exit(0));
}

fn init_has_no_visible_parent() {
    let init = new_ns(|channel| {
        let inner = fork(|channel| channel.send(ppid()));
        channel.send_all(&[ppid(), inner.receive()]);
    });
    check!(
        init.receive_all(),
        [0, 1],
        "getppid of init and of its child"
    );
}

fn groups_and_sessions_from_outside_are_zero() {
    let init = new_ns(|channel| {
        // SAFETY: the calls take no pointers.
        channel.send_all(unsafe { &[libc::getpgrp(), libc::getsid(0), libc::getpgid(0)] });
    });
    check!(
        init.receive_all(),
        [0, 0, 0],
        "getpgrp, getsid and getpgid of init"
    );
}

fn a_new_session_has_the_members_number() {
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let child = fork(|channel| {
            // SAFETY: the calls take no pointers.
            let inherited = unsafe { [libc::getpgrp(), libc::getsid(0)] };
            nix::unistd::setsid().expect("setsid");
            // SAFETY: the calls take no pointers.
            let own = unsafe { [libc::getpgrp(), libc::getsid(0)] };
            channel.send_all(&[inherited, own].concat());
        });
        channel.send_all(&child.receive_all());
    });
    check!(
        init.receive_all(),
        [1, 1, 2, 2],
        "group and session before and after setsid"
    );
}

fn children_count_from_two() {
    let init = new_ns(|channel| {
        let numbers: Vec<i32> = (0..5).map(|_| attempt_fork().expect("fork")).collect();
        channel.send_all(&numbers);
    });
    check!(init.receive_all(), [2, 3, 4, 5, 6]);
}

fn a_thread_has_a_number_of_its_own() {
    let init = new_ns(|channel| {
        let thread = std::thread::spawn(|| [pid(), tid(), ppid()]);
        channel.send_all(&thread.join().expect("join"));
        channel.send(attempt_fork().expect("fork"));
    });
    check!(
        init.receive_all(),
        [1, 2, 0],
        "getpid, gettid and getppid of a thread of init"
    );
    check!(init.receive(), 3, "the next child's number");
}

fn the_parent_sees_its_own_number() {
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        channel.send(member.pid);
        channel.receive();
        member.send(0);
    });
    let member = init.receive();
    check!(member, 2);
    check!(init.pid > 1, true, "init's number out here is {}", init.pid);
    check!(kill(init.pid, 0), Ok(()));
    check!(pid() == init.pid, false, "my number is init's");
    init.send(0);
}

fn wait_gives_the_waiters_numbers() {
    let init = new_ns(|channel| {
        let child = fork(|_| quit(3));
        let (number, end) = wait_any();
        check!((number, end), (child.pid, End::Exit(3)));
        channel.send(number);
        quit(4);
    });
    check!(init.receive(), 2);
    check!(wait_any(), (init.pid, End::Exit(4)));
}

fn waitid_and_sigchld_name_the_child() {
    signal_capture::capture(&[libc::SIGCHLD]);
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGCHLD]);
        let child = fork(|_| quit(5));
        channel.send_all(&[child.pid, signal_capture::next().pid, waitid_pid(child.pid)]);
        quit(6);
    });
    check!(
        init.receive_all(),
        [2, 2, 2],
        "the child's number by fork, SIGCHLD and waitid inside"
    );
    let seen = signal_capture::next();
    check!(
        (seen.pid, seen.code),
        (init.pid, libc::CLD_EXITED),
        "SIGCHLD for init"
    );
    check!(waitid_pid(init.pid), init.pid);
}

fn waitid_pid(pid: i32) -> i32 {
    // SAFETY: the pointer is to a live siginfo.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        check!(
            libc::waitid(libc::P_PID, pid as u32, &mut info, libc::WEXITED),
            0,
            "waitid({pid})"
        );
        info.si_pid()
    }
}

fn groups_of_members_from_outside() {
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        channel.send(0);
        channel.receive();
    });
    init.receive();
    // SAFETY: the calls take no pointers.
    let seen = unsafe { [libc::getpgid(init.pid), libc::getsid(init.pid)] };
    check!(seen, [init.pid; 2], "init's group and session from outside");
    init.send(0);
}

fn clone_writes_each_sides_number() {
    let mut parents_copy = 0i32;
    let mut childs_copy = 0i32;
    let (parent_tid, child_tid) = (&raw mut parents_copy, &raw mut childs_copy);
    let flags = NEWPID | (libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_SETTID) as u64;
    let call = Clone::new(flags)
        .with(|a| (a.parent_tid, a.child_tid) = (parent_tid as u64, child_tid as u64));
    let init = call.start(|channel| {
        // SAFETY: the pointer is to the child's own copy of a live variable.
        channel.send(unsafe { child_tid.read_volatile() })
    });
    let init = init.expect("clone3");
    // SAFETY: the pointer is to a live variable.
    let found = unsafe { parent_tid.read_volatile() };
    check!(found, init.pid, "the number that the parent finds");
    check!(init.receive(), 1, "the number that the child finds");
}

fn set_tid_address_returns_the_inner_number() {
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            // SAFETY: the null pointer is allowed.
            channel.send(unsafe { libc::syscall(libc::SYS_set_tid_address, 0usize) } as i32);
        });
        channel.send(member.receive());
    });
    check!(init.receive(), 2);
}

fn a_tracer_outside_hears_its_own_numbers() {
    let init = new_ns(|channel| {
        channel.receive();
        let child = fork(wait_for_message);
        channel.send(child.pid);
        child.send(0);
        channel.receive();
    });
    let number = nix::unistd::Pid::from_raw(init.pid);
    nix::sys::ptrace::seize(number, nix::sys::ptrace::Options::PTRACE_O_TRACEFORK)
        .expect("PTRACE_SEIZE");
    init.send(0);
    wait_event_stop(init.pid);
    let child = nix::sys::ptrace::getevent(number).expect("PTRACE_GETEVENTMSG") as i32;
    check!(
        child > 1 && child != init.pid,
        true,
        "the new child's number out here is {child}"
    );
    check!(
        kill(child, 0),
        Ok(()),
        "kill of the new child by that number"
    );
    wait_event_stop(child);
    for stopped in [child, init.pid] {
        nix::sys::ptrace::detach(nix::unistd::Pid::from_raw(stopped), None).expect("PTRACE_DETACH");
    }
    check!(init.receive(), 2, "the same child's number inside");
    init.end();
}

fn wait_event_stop(pid: i32) {
    let event = crate::process::wait_event(pid, WaitPidFlag::__WALL);
    check!(
        matches!(event, nix::sys::wait::WaitStatus::PtraceEvent(..)),
        true,
        "a ptrace event of {pid}: {event:?}"
    );
}

fn vfork_is_a_fork() {
    unshare_pid();
    // SAFETY: the child only calls `_exit`, with the number that it has for itself.
    #[allow(deprecated)]
    let child = unsafe {
        match libc::vfork() {
            0 => libc::_exit(libc::syscall(libc::SYS_getpid) as i32),
            child => child,
        }
    };
    check!(
        wait_for(child),
        End::Exit(1),
        "the number of a vforked first child"
    );
    check!(pidfd_open(child).map(drop), Err(Errno::ESRCH));
}
