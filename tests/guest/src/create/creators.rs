//! Those who make a namespace: unshare, clone and clone3, and what each moves where.

use std::sync::mpsc;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use crate::clone::{thread_errno, Clone, NEWPID};
use crate::harness::Test;
use crate::privilege::limit_pid_namespaces;
use crate::proc_fs::Proc;
use crate::process::{
    attempt_fork, errno_of, eventually, fork, kill, new_ns, pid, ppid, quit, sleep_for_ever,
    unshare, unshare_pid, wait_event, wait_for, wait_for_message, End,
};

pub const TESTS: &[Test] = tests![
    unshare_moves_the_children_only,
    clone_makes_an_init,
    clone3_makes_an_init,
    with_every_other_namespace,
    a_vforked_init_shares_memory,
    siblings_of_init_are_members,
    clone_parent_makes_the_parents_child_an_init,
    init_cannot_make_siblings,
    a_member_can_make_siblings,
    a_second_unshare_is_refused,
    a_second_unshare_is_refused_after_the_fork,
    clone_after_unshare_is_refused,
    a_member_may_unshare_again,
    no_threads_after_unshare,
    no_threads_in_a_new_namespace,
    one_thread_unshares_for_itself,
    flags_that_do_not_go_together,
    a_namespace_ends_while_its_maker_stops_for_a_tracer,
];

fn unshare_moves_the_children_only() {
    let before = pid();
    unshare_pid();
    check!(pid(), before, "the caller's own number");
    check!(Clone::new(0).attempt_inside(), Ok(1));
    check!(pid(), before, "the caller's own number after the fork");
}

fn clone_makes_an_init() {
    // SAFETY: without CLONE_VM the call returns twice like `fork`; the child only exits.
    let child = unsafe {
        match libc::syscall(
            libc::SYS_clone,
            libc::CLONE_NEWPID | libc::SIGCHLD,
            0usize,
            0usize,
            0usize,
            0usize,
        ) {
            0 => quit(10 + pid()),
            child => child as i32,
        }
    };
    check!(child > 1, true, "clone returned {child}");
    check!(
        wait_for(child),
        End::Exit(11),
        "10 and the child's own number"
    );
}

fn clone3_makes_an_init() {
    check!(Clone::new(NEWPID).attempt_inside(), Ok(1));
    check!(
        Clone::new(NEWPID).attempt_inside(),
        Ok(1),
        "a second namespace of the same caller"
    );
    check!(
        Clone::new(0).attempt_inside() == Ok(1),
        false,
        "a plain child is number 1"
    );
}

fn with_every_other_namespace() {
    let others = libc::CLONE_NEWNS
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWCGROUP;
    check!(Clone::new(NEWPID | others as u64).attempt_inside(), Ok(1));
    check!(unshare(libc::CLONE_NEWPID | others), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn a_vforked_init_shares_memory() {
    let mut number = 0i32;
    let place = &raw mut number;
    let mut stack = vec![0u8; 64 << 10];
    extern "C" fn body(place: *mut libc::c_void) -> i32 {
        // SAFETY: the pointer is to the waiting parent's variable.
        unsafe {
            place
                .cast::<i32>()
                .write_volatile(libc::syscall(libc::SYS_getpid) as i32)
        };
        7
    }
    let flags = libc::CLONE_NEWPID | libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is the child's alone, and the parent waits until the child is gone.
    let child = unsafe {
        libc::clone(
            body,
            stack.as_mut_ptr().add(stack.len()).cast(),
            flags,
            place.cast(),
        )
    };
    check!(child > 1, true, "clone returned {child}");
    check!(wait_for(child), End::Exit(7));
    // SAFETY: the pointer is to a live variable.
    let written = unsafe { place.read_volatile() };
    check!(
        written,
        1,
        "the number that the child wrote into our memory"
    );
}

fn siblings_of_init_are_members() {
    unshare_pid();
    let init = fork(wait_for_message);
    let member = fork(|channel| channel.send_all(&[pid(), ppid()]));
    check!(
        member.receive_all(),
        [2, 0],
        "number and parent of init's sibling"
    );
    check!(member.wait(), End::Exit(0));
    init.end();
}

fn clone_parent_makes_the_parents_child_an_init() {
    let maker = fork(|channel| {
        let sibling = Clone::new(NEWPID | libc::CLONE_PARENT as u64).start(|_| quit(10 + pid()));
        channel.send(sibling.expect("clone3(CLONE_NEWPID | CLONE_PARENT)").pid);
        channel.receive_or_end();
    });
    check!(
        wait_for(maker.receive()),
        End::Exit(11),
        "10 and the number of an init that is my child"
    );
}

fn init_cannot_make_siblings() {
    let init = new_ns(|channel| {
        let sibling = Clone::new(libc::CLONE_PARENT as u64).start(|_| ());
        channel.send(errno_of(sibling));
    });
    check!(init.receive(), libc::EINVAL, "clone3(CLONE_PARENT) by init");
}

fn a_member_can_make_siblings() {
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            let sibling = Clone::new(libc::CLONE_PARENT as u64).start(|_| quit(ppid()));
            channel.send(sibling.expect("clone3(CLONE_PARENT)").pid);
        });
        let sibling = member.receive();
        channel.send(i32::from(wait_for(sibling) == End::Exit(1)));
    });
    check!(init.receive(), 1, "a member's sibling is a child of init");
}

fn a_second_unshare_is_refused() {
    unshare_pid();
    check!(unshare(libc::CLONE_NEWPID), Err(Errno::EINVAL));
    check!(
        Clone::new(0).attempt_inside(),
        Ok(1),
        "the initial namespace is still usable"
    );
}

fn a_second_unshare_is_refused_after_the_fork() {
    unshare_pid();
    let init = fork(wait_for_message);
    check!(
        unshare(libc::CLONE_NEWPID),
        Err(Errno::EINVAL),
        "while init lives"
    );
    init.end();
    check!(
        unshare(libc::CLONE_NEWPID),
        Err(Errno::EINVAL),
        "when init is dead"
    );
}

fn clone_after_unshare_is_refused() {
    unshare_pid();
    check!(Clone::new(NEWPID).attempt(), Err(Errno::EINVAL));
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

fn a_member_may_unshare_again() {
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            unshare_pid();
            channel.send_all(&[
                pid(),
                Clone::new(0).attempt_inside().expect("fork"),
                errno_of(attempt_fork()),
            ]);
        });
        channel.send_all(&member.receive_all());
    });
    check!(
        init.receive_all(),
        [2, 1, libc::ENOMEM],
        "the member, its first child inside, the errno of its second"
    );
}

fn no_threads_after_unshare() {
    unshare_pid();
    check!(
        thread_errno(0),
        libc::EINVAL,
        "a thread, children being elsewhere"
    );
    let init = fork(|channel| channel.send(thread_errno(0)));
    check!(init.receive(), 0, "a thread of init");
}

fn no_threads_in_a_new_namespace() {
    check!(thread_errno(libc::CLONE_NEWPID), libc::EINVAL);
    let init = new_ns(|channel| channel.send(thread_errno(libc::CLONE_NEWPID)));
    check!(
        init.receive(),
        libc::EINVAL,
        "a thread of init in a new namespace"
    );
}

fn one_thread_unshares_for_itself() {
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let other = std::thread::spawn(move || {
        asked.recv().expect("a message");
        answer
            .send(Clone::new(0).attempt_inside() != Ok(1))
            .expect("an answer");
    });
    unshare_pid();
    ask.send(()).expect("a message");
    check!(
        answered.recv(),
        Ok(true),
        "the other thread's children stay here"
    );
    other.join().expect("join");
    check!(Clone::new(0).attempt_inside(), Ok(1), "this thread's child");
}

fn flags_that_do_not_go_together() {
    let with = |flags: i32| {
        Clone::new(NEWPID | flags as u64)
            .with(|a| a.exit_signal = 0)
            .attempt()
    };
    check!(
        with(libc::CLONE_SIGHAND),
        Err(Errno::EINVAL),
        "CLONE_SIGHAND without CLONE_VM"
    );
    check!(
        with(libc::CLONE_NEWNS | libc::CLONE_FS),
        Err(Errno::EINVAL),
        "CLONE_NEWNS with CLONE_FS"
    );
    check!(
        with(libc::CLONE_NEWIPC | libc::CLONE_SYSVSEM),
        Err(Errno::EINVAL),
        "CLONE_NEWIPC with CLONE_SYSVSEM"
    );
    check!(
        unshare(libc::CLONE_NEWPID | 1),
        Err(Errno::EINVAL),
        "unshare with a flag that is none"
    );
    check!(
        Clone::new(NEWPID).attempt_inside(),
        Ok(1),
        "CLONE_NEWPID alone"
    );
}

/// A maker stops within the system call, and what was kept for that call goes there already.
fn a_namespace_ends_while_its_maker_stops_for_a_tracer() {
    const TIMES: usize = 5;
    let maker = fork(|channel| {
        limit_pid_namespaces(&Proc::at("/proc"), 1);
        channel.receive();
        for _ in 0..TIMES {
            let init = eventually("room for a namespace", || {
                Clone::new(NEWPID).start(|_| sleep_for_ever()).ok()
            });
            check!(init.wait(), End::Killed(libc::SIGKILL));
        }
    });
    let number = Pid::from_raw(maker.pid);
    ptrace::seize(number, ptrace::Options::PTRACE_O_TRACEFORK).expect("PTRACE_SEIZE");
    maker.send(0);
    let mut ended = 0;
    loop {
        match wait_event(maker.pid, WaitPidFlag::__WALL) {
            WaitStatus::PtraceEvent(.., libc::PTRACE_EVENT_FORK) => {
                let init = ptrace::getevent(number).expect("PTRACE_GETEVENTMSG") as i32;
                check!(kill(init, libc::SIGKILL), Ok(()));
                while !matches!(
                    wait_event(init, WaitPidFlag::__WALL),
                    WaitStatus::Signaled(..)
                ) {}
                // For longer than the namespace needs to go that nothing holds.
                std::thread::sleep(std::time::Duration::from_millis(100));
                ended += 1;
                ptrace::cont(number, None).expect("PTRACE_CONT");
            }
            WaitStatus::Stopped(_, signal) => {
                ptrace::cont(number, signal).expect("PTRACE_CONT");
            }
            WaitStatus::PtraceEvent(..) => ptrace::cont(number, None).expect("PTRACE_CONT"),
            WaitStatus::Exited(_, status) => {
                check!(status, 0, "the maker");
                break;
            }
            other => panic!("the maker: {other:?}"),
        }
    }
    check!(ended, TIMES, "namespaces");
}
