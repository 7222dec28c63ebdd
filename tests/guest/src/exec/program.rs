//! What this program does when a test has started it anew.

use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, FdFlag};

use crate::clone::Clone;
use crate::fire::{fidget, Dice};
use crate::harness::this_program;
use crate::process::{attempt_fork, fork, pid, ppid, quit, tid, wait_for, Child, End};
use crate::talk::Talk;
use crate::way::WAYS;

/// Words to a program that has started anew, and what it answers.
pub const NUMBERS: i32 = 0;

pub const FORK: i32 = 1;

pub const ORPHAN: i32 = 2;

pub const QUIT: i32 = 3;

pub const ATTACK: i32 = 4;

pub const FORK_INSIDE: i32 = 5;

pub const ANEW: i32 = 6;

pub const ANEW_BY_A_THREAD: i32 = 7;

pub const CALM: i32 = 8;

/// Starts this program anew, in the calling process, with its end of a line.
pub fn start_anew(program: RawFd, talk: &Talk) -> ! {
    start_anew_as(program, "--reborn", talk)
}

/// The same, with another life than [`be_reborn`].
pub fn start_anew_as(program: RawFd, life: &str, talk: &Talk) -> ! {
    let words = ["pidns-test", life, &talk.fd().to_string()]
        .map(|w| CString::new(w).expect("no zero byte"));
    let words = [
        words[0].as_ptr(),
        words[1].as_ptr(),
        words[2].as_ptr(),
        std::ptr::null(),
    ];
    let environment = [std::ptr::null::<libc::c_char>()];
    // SAFETY: the arrays end with null and their strings are live.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program,
            c"".as_ptr(),
            words.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    panic!("execveat: {}", Errno::last());
}

/// The life of a program that has started anew: answer words.
pub fn be_reborn(mut arguments: impl Iterator<Item = String>) -> ! {
    crate::report::install_panic_hook();
    let fd = arguments
        .next()
        .expect("a descriptor")
        .parse()
        .expect("a number");
    let talk = Talk::from_inherited(fd);
    talk.say_all(&[pid(), tid(), ppid()]);
    while let Some(words) = talk.hear_or_end() {
        match words[0] {
            NUMBERS => talk.say_all(&[pid(), tid(), ppid()]),
            FORK => talk.say(attempt_fork().expect("fork")),
            FORK_INSIDE => talk.say(Clone::new(0).attempt_inside().expect("fork")),
            ORPHAN => talk.say(parent_of_an_orphan()),
            ATTACK => talk.say(attack_init()),
            ANEW => restlessly_anew(&talk),
            ANEW_BY_A_THREAD => std::thread::scope(|scope| {
                scope.spawn(|| restlessly_anew(&talk));
            }),
            CALM => {
                crate::fire::say_nothing_about_signals();
                talk.say(0);
            }
            _ => quit(QUIT),
        }
    }
    quit(0)
}

/// Says new things about signals, and starts anew with what is kept of them.
fn restlessly_anew(talk: &Talk) -> ! {
    let mut dice = Dice::new(talk.fd() as usize);
    (0..10).for_each(|_| fidget(&mut dice));
    let program = this_program();
    fcntl(&program, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("F_SETFD");
    start_anew(program.as_raw_fd(), talk)
}

/// Makes an orphan, returns its new parent's number and reaps it.
pub fn parent_of_an_orphan() -> i32 {
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
pub fn attack_init() -> i32 {
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
pub fn ask(child: &Child, word: i32) -> Vec<i32> {
    child.say(word);
    child.hear_all()
}
