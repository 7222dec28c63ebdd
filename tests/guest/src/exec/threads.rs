//! The numbers of threads.

use nix::errno::Errno;

use crate::harness::Test;
use crate::process::{attempt_fork, fork, kill, new_ns, tid, wait_for_message};
use crate::signal_capture;

pub const TESTS: &[Test] = tests![
    signals_to_threads_by_number,
    threads_leave_and_their_numbers_with_them,
];

fn signals_to_threads_by_number() {
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        signal_capture::capture(&[libc::SIGUSR1]);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(tid()).expect("a message");
            signal_capture::next().pid
        });
        let number = told.recv().expect("a number");
        check!(number, 3, "the thread's number");
        let tgkill = |group: i32, thread: i32, signal: i32| {
            // SAFETY: the call takes no pointers.
            Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, group, thread, signal) })
                .map(drop)
        };
        check!(tgkill(1, number, 0), Ok(()));
        check!(
            tgkill(member.pid, number, 0),
            Err(Errno::ESRCH),
            "a thread of another process"
        );
        check!(
            tgkill(1, member.pid, 0),
            Err(Errno::ESRCH),
            "another process as a thread"
        );
        check!(
            tgkill(number, number, 0),
            Err(Errno::ESRCH),
            "a thread as a process"
        );
        check!(
            kill(number, 0),
            Ok(()),
            "kill finds a process by its thread"
        );
        check!(tgkill(1, number, libc::SIGUSR1), Ok(()));
        check!(
            thread.join().expect("join"),
            1,
            "si_pid of a signal to the thread"
        );
        channel.send(0);
    });
    init.receive();
}

fn threads_leave_and_their_numbers_with_them() {
    let init = new_ns(|channel| {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(tid)).collect();
        let mut numbers: Vec<i32> = threads
            .into_iter()
            .map(|t| t.join().expect("join"))
            .collect();
        numbers.sort_unstable();
        check!(
            numbers,
            (2..10).collect::<Vec<i32>>(),
            "the threads' numbers"
        );
        crate::process::eventually("the threads' numbers are free", || {
            numbers
                .iter()
                .all(|n| kill(*n, 0) == Err(Errno::ESRCH))
                .then_some(())
        });
        check!(attempt_fork(), Ok(10));
        channel.send(0);
    });
    init.receive();
}
