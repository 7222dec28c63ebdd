//! Threads, and programs that start anew: the number stays.

use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;

use crate::catch;
use crate::clone::Clone;
use crate::harness::{scale, this_program, Test};
use crate::mail::Mail;
use crate::process::{
    attempt_fork, fork, kill, new_ns, pid, ppid, quit, quit_thread, sleep_for_ever, tid, unshare_pid, wait_for,
    wait_for_word, Child, End,
};
use crate::talk::Talk;
use crate::way::WAYS;

pub const TESTS: &[Test] = tests![
    init_starts_anew,
    a_thread_of_init_starts_anew,
    a_thread_of_init_starts_anew_when_the_leader_has_left,
    one_of_many_threads_of_init_starts_anew,
    threads_of_init_race_to_start_anew,
    a_thread_of_a_member_starts_anew,
    init_started_anew_adopts_orphans,
    init_started_anew_is_still_protected,
    init_started_anew_falls_with_its_namespace,
    a_pidfd_follows_a_thread_that_starts_anew,
    starting_anew_keeps_the_namespace_for_children,
    a_spawned_program,
    signals_to_threads_by_number,
    threads_leave_and_their_numbers_with_them,
    killed_while_it_starts_anew,
];

/// Words to a program that has started anew, and what it answers.
const NUMBERS: i32 = 0;
const FORK: i32 = 1;
const ORPHAN: i32 = 2;
const QUIT: i32 = 3;
const ATTACK: i32 = 4;
const FORK_INSIDE: i32 = 5;

/// Starts this program anew, in the calling process, with its end of a line.
fn start_anew(program: RawFd, talk: &Talk) -> ! {
    let words = ["pidns-test", "--reborn", &talk.fd().to_string()].map(|w| CString::new(w).expect("no zero byte"));
    let words = [words[0].as_ptr(), words[1].as_ptr(), words[2].as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null::<libc::c_char>()];
    // SAFETY: the arrays end with null and their strings are live.
    unsafe {
        libc::syscall(libc::SYS_execveat, program, c"".as_ptr(), words.as_ptr(), environment.as_ptr(), libc::AT_EMPTY_PATH)
    };
    panic!("execveat: {}", Errno::last());
}

/// The life of a program that has started anew: answer words.
pub fn be_reborn(mut arguments: impl Iterator<Item = String>) -> ! {
    crate::report::install_panic_hook();
    let fd = arguments.next().expect("a descriptor").parse().expect("a number");
    let talk = Talk::from_inherited(fd);
    talk.say_all(&[pid(), tid(), ppid()]);
    while let Some(words) = talk.hear_or_end() {
        match words[0] {
            NUMBERS => talk.say_all(&[pid(), tid(), ppid()]),
            FORK => talk.say(attempt_fork().expect("fork")),
            FORK_INSIDE => talk.say(Clone::new(0).attempt_inside().expect("fork")),
            ORPHAN => talk.say(parent_of_an_orphan()),
            ATTACK => talk.say(attack_init()),
            _ => quit(QUIT),
        }
    }
    quit(0)
}

/// Makes an orphan, returns its new parent's number and reaps it.
fn parent_of_an_orphan() -> i32 {
    let (mine, theirs) = Talk::pair();
    let parent = fork(|talk| {
        let orphan = fork(|_| {
            theirs.hear();
            theirs.say(ppid());
        });
        talk.say(orphan.pid);
    });
    let orphan = parent.hear();
    check!(parent.wait(), End::Exit(0));
    mine.say(0);
    let adopter = mine.hear();
    if adopter == pid() {
        check!(wait_for(orphan), End::Exit(0));
    }
    adopter
}

/// Lets a child attack process 1 with deadly signals in every way.
fn attack_init() -> i32 {
    let attacker = fork(|_| {
        for way in WAYS {
            for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSTOP, libc::SIGUSR1] {
                check!(way.send(1, signal), Ok(()));
            }
        }
    });
    check!(attacker.wait(), End::Exit(0));
    0
}

#[track_caller]
fn ask(child: &Child, word: i32) -> Vec<i32> {
    child.say(word);
    child.hear_all()
}

/// An init of which a thread, not the leader, starts anew.
#[track_caller]
fn init_with_an_execing_thread() -> Child {
    let program = this_program();
    let init = new_ns(|talk| {
        std::thread::scope(|scope| {
            scope.spawn(|| start_anew(program.as_raw_fd(), talk));
        });
    });
    check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid of init started anew by a thread");
    init
}

fn init_starts_anew() {
    let program = this_program();
    let init = new_ns(|talk| start_anew(program.as_raw_fd(), talk));
    check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
    check!(ask(&init, FORK), [2]);
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
}

fn a_thread_of_init_starts_anew() {
    let init = init_with_an_execing_thread();
    // The thread was number 2, which is free again and not used at once.
    check!(ask(&init, FORK), [3], "the first child's number");
    check!(kill(init.pid, 0), Ok(()), "kill of init by its number here");
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
}

fn a_thread_of_init_starts_anew_when_the_leader_has_left() {
    let program = this_program();
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        fork(|_| {
            theirs.hear_or_end();
        });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                talk.hear();
                start_anew(program.as_raw_fd(), talk)
            });
            quit_thread(0);
        });
    });
    drop(theirs);
    init.say(0);
    check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
    check!(ask(&init, FORK), [4], "the first child's number after a member's and a thread's");
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
    mine.hear_the_end();
}

fn one_of_many_threads_of_init_starts_anew() {
    let program = this_program();
    for _ in 0..scale(10, 4) {
        let init = new_ns(|talk| {
            for _ in 0..8 {
                std::thread::spawn(|| sleep_for_ever());
            }
            std::thread::scope(|scope| {
                scope.spawn(|| start_anew(program.as_raw_fd(), talk));
            });
        });
        check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
        check!(ask(&init, FORK), [11], "the first child's number after nine threads");
        init.end();
    }
}

fn threads_of_init_race_to_start_anew() {
    let program = this_program();
    for _ in 0..scale(10, 4) {
        let init = new_ns(|talk| {
            let start = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        start_anew(program.as_raw_fd(), talk)
                    });
                }
            });
        });
        check!(init.hear_all(), [1, 1, 0], "getpid, gettid and getppid");
        check!(ask(&init, NUMBERS), [1, 1, 0], "the same again");
        init.end();
    }
}

fn a_thread_of_a_member_starts_anew() {
    let program = this_program();
    let mail = Mail::new();
    let init = new_ns(|talk| {
        let member = fork(|talk| {
            mail.send();
            std::thread::scope(|scope| {
                scope.spawn(|| start_anew(program.as_raw_fd(), talk));
            });
        });
        check!(member.hear_all(), [2, 2, 1], "getpid, gettid and getppid of the member");
        check!(ask(&member, FORK), [4], "its first child's number");
        check!(ask(&member, ORPHAN), [1], "the parent of an orphan of the member");
        talk.say(0);
        talk.hear();
        check!(member.wait(), End::Killed(libc::SIGTERM), "the end of the member");
        talk.say(0);
    });
    let member = mail.receive();
    init.hear();
    check!(kill(member, libc::SIGTERM), Ok(()), "SIGTERM to the member by its number here");
    init.say(0);
    init.hear();
}

fn init_started_anew_adopts_orphans() {
    let init = init_with_an_execing_thread();
    check!(ask(&init, ORPHAN), [1], "an orphan's parent");
    check!(ask(&init, ORPHAN), [1], "another orphan's parent");
    init.end();
}

fn init_started_anew_is_still_protected() {
    let program = this_program();
    let caught_before = new_ns(|talk| {
        catch::catch(&[libc::SIGTERM, libc::SIGUSR1]);
        start_anew(program.as_raw_fd(), talk)
    });
    caught_before.hear_all();
    for init in [caught_before, init_with_an_execing_thread()] {
        check!(ask(&init, ATTACK), [0], "init after an attack from inside");
        init.kill(libc::SIGTERM);
        check!(ask(&init, NUMBERS), [1, 1, 0], "init after SIGTERM from outside");
        init.end();
    }
}

fn init_started_anew_falls_with_its_namespace() {
    let program = this_program();
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        fork(|_| {
            theirs.hear_or_end();
        });
        let inner = new_ns(|talk| {
            talk.say(0);
            sleep_for_ever();
        });
        inner.hear();
        std::thread::scope(|scope| {
            scope.spawn(|| start_anew(program.as_raw_fd(), talk));
        });
    });
    drop(theirs);
    init.hear_all();
    init.say(QUIT);
    check!(init.wait(), End::Exit(QUIT));
    mine.hear_the_end();
}

fn a_pidfd_follows_a_thread_that_starts_anew() {
    let init = init_with_an_execing_thread();
    let pidfd = init.pidfd();
    let mut poll = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the pointer is to one live pollfd.
    check!(unsafe { libc::poll(&mut poll, 1, 0) }, 0, "an end before the end");
    init.kill(libc::SIGKILL);
    crate::process::wait_pidfd(&pidfd);
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn starting_anew_keeps_the_namespace_for_children() {
    let program = this_program();
    let maker = fork(|talk| {
        unshare_pid();
        start_anew(program.as_raw_fd(), talk)
    });
    check!(maker.hear_all()[0], maker.pid, "the maker's own number");
    check!(ask(&maker, FORK_INSIDE), [1], "its first child's number for itself");
}

fn a_spawned_program() {
    let init = new_ns(|talk| {
        let (mine, theirs) = Talk::pair();
        let fd = theirs.fd().to_string();
        let mut program = std::process::Command::new("/proc/self/exe");
        let mut child = program.arg("--reborn").arg(fd).spawn().expect("spawn");
        check!(child.id(), 2, "the child's number");
        check!(mine.hear_all(), [2, 2, 1], "its own numbers");
        mine.say(QUIT);
        check!(child.wait().expect("wait").code(), Some(QUIT), "its status");
        talk.say(0);
    });
    init.hear();
}

fn signals_to_threads_by_number() {
    let init = new_ns(|talk| {
        let member = fork(wait_for_word);
        catch::catch(&[libc::SIGUSR1]);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(tid()).expect("a word");
            catch::next().pid
        });
        let number = told.recv().expect("a number");
        check!(number, 3, "the thread's number");
        let tgkill = |group: i32, thread: i32, signal: i32| {
            // SAFETY: the call takes no pointers.
            Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, group, thread, signal) }).map(drop)
        };
        check!(tgkill(1, number, 0), Ok(()));
        check!(tgkill(member.pid, number, 0), Err(Errno::ESRCH), "a thread of another process");
        check!(tgkill(1, member.pid, 0), Err(Errno::ESRCH), "another process as a thread");
        check!(tgkill(number, number, 0), Err(Errno::ESRCH), "a thread as a process");
        check!(kill(number, 0), Ok(()), "kill finds a process by its thread");
        check!(tgkill(1, number, libc::SIGUSR1), Ok(()));
        check!(thread.join().expect("join"), 1, "si_pid of a signal to the thread");
        talk.say(0);
    });
    init.hear();
}

fn threads_leave_and_their_numbers_with_them() {
    let init = new_ns(|talk| {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(tid)).collect();
        let mut numbers: Vec<i32> = threads.into_iter().map(|t| t.join().expect("join")).collect();
        numbers.sort_unstable();
        check!(numbers, (2..10).collect::<Vec<i32>>(), "the threads' numbers");
        crate::process::eventually("the threads' numbers are free", || {
            numbers.iter().all(|n| kill(*n, 0) == Err(Errno::ESRCH)).then_some(())
        });
        check!(attempt_fork(), Ok(10));
        talk.say(0);
    });
    init.hear();
}

fn killed_while_it_starts_anew() {
    let program = this_program();
    for round in 0..scale(30, 10) {
        let (mine, theirs) = Talk::pair();
        let init = new_ns(|talk| {
            fork(|_| {
                theirs.hear_or_end();
            });
            talk.say(0);
            std::thread::scope(|scope| {
                scope.spawn(|| start_anew(program.as_raw_fd(), talk));
            });
        });
        drop(theirs);
        init.hear();
        for _ in 0..round * 20 {
            std::hint::spin_loop();
        }
        init.end();
        mine.hear_the_end();
    }
}
