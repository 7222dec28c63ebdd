//! A process that does what it is told, one word after the other.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::resource::{setrlimit, Resource};

use super::{check_stops, own_group, reset, Story};
use crate::exec::program::start_anew_as;
use crate::harness::this_program;
use crate::process::{errno_of, fork, new_ns, quit, wait_for_word, Child, End};
use crate::talk::Talk;
use crate::way::{Way, WAYS};

const BLOCK: i32 = 0;
const UNBLOCK: i32 = 1;
const DEFAULT: i32 = 2;
const IGNORE: i32 = 3;
const HANDLE: i32 = 4;
const HANDLE_ONCE: i32 = 5;
const RUNS: i32 = 6;
const IS_PENDING: i32 = 7;
const SEND: i32 = 8;
const SEND_BY_CHILD: i32 = 9;
const TAKE: i32 = 10;
const LIMIT_QUEUE: i32 = 11;
const SET_TIMER: i32 = 12;
const EXECUTE: i32 = 13;
const ECHO: i32 = 14;

/// The order to execute this program again.
pub const EXECUTION: [i32; 2] = [EXECUTE, 0];

/// The argument that makes this program a puppet.
pub const PUPPET: &str = "--puppet";

/// How often the handler of a signal has run in this process.
static HANDLED: AtomicI32 = AtomicI32::new(0);

pub struct Puppet(pub Child);

impl Puppet {
    /// The init of a new namespace.
    #[track_caller]
    pub fn init() -> Puppet {
        Puppet::new(|story| new_ns(story))
    }

    /// Whatever `make` makes.
    #[track_caller]
    pub fn new(make: impl FnOnce(Story) -> Child) -> Puppet {
        let puppet = Puppet(make(|talk| {
            own_group();
            reset();
            obey(talk);
        }));
        puppet.survives("its first word");
        puppet
    }

    pub fn pid(&self) -> i32 {
        self.0.pid
    }

    #[track_caller]
    fn ask(&self, word: i32, signal: i32) -> i32 {
        self.ask_all(&[word, signal])
    }

    #[track_caller]
    fn ask_all(&self, words: &[i32]) -> i32 {
        self.0.talk.say_all(words);
        self.0.hear()
    }

    #[track_caller]
    pub fn block(&self, signal: i32) {
        self.ask(BLOCK, signal);
    }

    /// Unblocks a signal that does not end the puppet.
    #[track_caller]
    pub fn unblock(&self, signal: i32) {
        self.ask(UNBLOCK, signal);
    }

    /// Unblocks the signal, which ends the puppet.
    #[track_caller]
    pub fn unblock_and_end(self, signal: i32, words: &str) {
        self.0.talk.say_all(&[UNBLOCK, signal]);
        self.ends(signal, words);
    }

    /// Unblocks the signal, which stops the puppet.
    #[track_caller]
    pub fn unblock_and_stop(&self, signal: i32, words: &str) {
        self.0.talk.say_all(&[UNBLOCK, signal]);
        check_stops(&self.0, signal, words);
        self.0.kill(libc::SIGCONT);
        super::check_continues(&self.0, words);
        self.0.hear();
    }

    #[track_caller]
    pub fn set_default(&self, signal: i32) {
        self.ask(DEFAULT, signal);
    }

    #[track_caller]
    pub fn ignore(&self, signal: i32) {
        self.ask(IGNORE, signal);
    }

    #[track_caller]
    pub fn handle(&self, signal: i32) {
        self.ask(HANDLE, signal);
    }

    /// The handler runs for one signal; the next one has the default action.
    #[track_caller]
    pub fn handle_once(&self, signal: i32) {
        self.ask(HANDLE_ONCE, signal);
    }

    /// How often handlers have run.
    #[track_caller]
    pub fn runs(&self) -> i32 {
        self.ask(RUNS, 0)
    }

    #[track_caller]
    pub fn check_pending(&self, signal: i32, want: bool) {
        check!(self.ask(IS_PENDING, signal) == 1, want, "{signal} pending");
    }

    /// Sends itself a signal.
    #[track_caller]
    pub fn itself(&self, way: Way, signal: i32) -> i32 {
        self.ask_all(&[SEND, signal, index(way)])
    }

    /// A child of the puppet sends it a signal.
    #[track_caller]
    pub fn inside(&self, way: Way, signal: i32) {
        let sent = self.ask_all(&[SEND_BY_CHILD, signal, index(way)]);
        check!(sent, 0, "{signal} from inside by {way:?}");
    }

    /// The caller sends it a signal.
    #[track_caller]
    pub fn outside(&self, way: Way, signal: i32) {
        let sent = way.send(self.pid(), signal);
        check!(sent, Ok(()), "{signal} from outside by {way:?}");
    }

    /// Takes a pending signal with `sigtimedwait`; the `si_pid` that comes with it.
    #[track_caller]
    pub fn take(&self, signal: i32) -> i32 {
        self.ask(TAKE, signal)
    }

    #[track_caller]
    pub fn limit_queue(&self, most: i32) {
        self.ask(LIMIT_QUEUE, most);
    }

    /// Lets a timer of the puppet's own send it a signal, and waits until it has.
    #[track_caller]
    pub fn let_timer_send(&self, signal: i32) {
        self.ask(SET_TIMER, signal);
    }

    /// Executes this program again, as a puppet.
    #[track_caller]
    pub fn execute(&self) {
        self.ask(EXECUTE, 0);
    }

    #[track_caller]
    pub fn survives(&self, words: &str) {
        check!(self.ask(ECHO, 0), 0, "a puppet that survives {words}");
    }

    #[track_caller]
    pub fn ends(self, signal: i32, words: &str) {
        check!(self.0.wait(), End::Killed(signal), "the end by {words}");
    }
}

fn index(way: Way) -> i32 {
    WAYS.iter().position(|w| *w == way).expect("a way") as i32
}

/// A puppet's life.
pub fn obey(talk: &Talk) {
    while let Some(words) = talk.hear_or_end() {
        let answer = act(talk, &words);
        talk.say(answer);
    }
}

/// The life of this program, when a puppet has executed it.
pub fn be_puppet(mut arguments: impl Iterator<Item = String>) -> ! {
    crate::report::install_panic_hook();
    let fd = arguments.next().expect("a descriptor");
    let talk = Talk::from_inherited(fd.parse().expect("a number"));
    talk.say(0);
    obey(&talk);
    quit(0)
}

fn act(talk: &Talk, words: &[i32]) -> i32 {
    let signal = words[1];
    match words[0] {
        BLOCK => change_mask(libc::SIG_BLOCK, signal),
        UNBLOCK => change_mask(libc::SIG_UNBLOCK, signal),
        DEFAULT => set_handler(signal, libc::SIG_DFL, 0),
        IGNORE => set_handler(signal, libc::SIG_IGN, 0),
        HANDLE => set_handler(signal, count as *const () as usize, libc::SA_RESTART),
        HANDLE_ONCE => {
            let flags = libc::SA_RESTART | libc::SA_RESETHAND;
            set_handler(signal, count as *const () as usize, flags)
        }
        RUNS => HANDLED.load(Ordering::Relaxed),
        IS_PENDING => is_pending(signal),
        SEND => errno_of(WAYS[words[2] as usize].send(crate::process::pid(), signal)),
        SEND_BY_CHILD => {
            let target = crate::process::pid();
            let way = WAYS[words[2] as usize];
            let sender = fork(|talk| {
                talk.say(errno_of(way.send(target, signal)));
                wait_for_word(talk);
            });
            let sent = sender.hear();
            sender.say(0);
            check!(sender.wait(), End::Exit(0));
            sent
        }
        TAKE => take(signal),
        LIMIT_QUEUE => {
            let most = signal as u64;
            setrlimit(Resource::RLIMIT_SIGPENDING, most, most).expect("RLIMIT_SIGPENDING");
            0
        }
        SET_TIMER => let_timer_send(signal),
        EXECUTE => {
            use std::os::fd::AsRawFd;
            start_anew_as(this_program().as_raw_fd(), PUPPET, talk)
        }
        _ => 0,
    }
}

extern "C" fn count(_signal: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// One signal as a set.
pub fn set_of(signal: i32) -> libc::sigset_t {
    // SAFETY: all bytes zero is a valid `sigset_t`, and the pointer is live.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        set
    }
}

/// Changes which signals the calling thread blocks.
pub fn change_mask(how: i32, signal: i32) -> i32 {
    // SAFETY: the set is live; the old one is not wanted.
    unsafe { libc::pthread_sigmask(how, &set_of(signal), std::ptr::null_mut()) }
}

fn set_handler(signal: i32, handler: usize, flags: i32) -> i32 {
    // SAFETY: all bytes zero is a valid `sigaction`; the handler only adds to a number.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        libc::sigaction(signal, &action, std::ptr::null_mut())
    }
}

fn is_pending(signal: i32) -> i32 {
    // SAFETY: all bytes zero is a valid `sigset_t`, and the pointer is live.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigpending(&mut set);
        libc::sigismember(&set, signal)
    }
}

fn take(signal: i32) -> i32 {
    // SAFETY: the pointers are to live structures.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let at_once: libc::timespec = std::mem::zeroed();
        let taken = libc::sigtimedwait(&set_of(signal), &mut info, &at_once);
        check!(taken, signal, "sigtimedwait");
        info.si_pid()
    }
}

/// A timer that goes off twice, so that it has when it is armed no more.
fn let_timer_send(signal: i32) -> i32 {
    // SAFETY: every pointer is to a live structure.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        let (clock, mut id) = (libc::CLOCK_MONOTONIC, std::mem::zeroed());
        check!(libc::timer_create(clock, &mut event, &mut id), 0);
        for _ in 0..2 {
            let mut timer: libc::itimerspec = std::mem::zeroed();
            timer.it_value.tv_nsec = 1_000_000;
            check!(libc::timer_settime(id, 0, &timer, std::ptr::null_mut()), 0);
            while timer.it_value.tv_sec != 0 || timer.it_value.tv_nsec != 0 {
                check!(libc::timer_gettime(id, &mut timer), 0);
            }
        }
    }
    0
}
