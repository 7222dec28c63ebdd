//! An init that does what it is told, and a member that signals it when told.

use super::own_group;
use super::puppet::set_of;
use crate::clone::{Clone, NEWPID};
use crate::process::{errno_of, fork, Child, End};
use crate::talk::Talk;
use crate::way::{Way, WAYS};

/// Words to an init; all but the first want a signal.
pub const ECHO: i32 = 0;
pub const BLOCK: i32 = 1;
pub const UNBLOCK: i32 = 2;

/// An init or, to compare, an ordinary process, and a member beside it.
pub struct Subject {
    pub init: Child,
    member: Talk,
}

pub fn mask(how: i32, signal: i32) {
    let set = set_of(signal);
    // SAFETY: the set is live.
    let done = unsafe { libc::pthread_sigmask(how, &set, std::ptr::null_mut()) };
    check!(done, 0, "pthread_sigmask");
}

pub fn set_disposition(signal: i32, disposition: libc::sighandler_t) {
    // SAFETY: the disposition is one of the two that run nothing.
    let old = unsafe { libc::signal(signal, disposition) };
    check!(old != libc::SIG_ERR, true, "signal({signal})");
}

/// A process's life: do what the words say.
pub fn obey(talk: &Talk) {
    while let Some(words) = talk.hear_or_end() {
        match words[..] {
            [BLOCK, signal] => mask(libc::SIG_BLOCK, signal),
            [UNBLOCK, signal] => mask(libc::SIG_UNBLOCK, signal),
            _ => {}
        }
        talk.say(0);
    }
}

/// A member's life: signal the init.
fn attack(line: &Talk) {
    while let Some(words) = line.hear_or_end() {
        line.say(errno_of(WAYS[words[0] as usize].send(1, words[1])));
    }
}

impl Subject {
    /// An init that leads a process group which is not orphaned.
    #[track_caller]
    pub fn new() -> Subject {
        Subject::start(NEWPID, own_group)
    }

    /// An ordinary process, whose own child may kill it; see [`Subject::new`].
    #[track_caller]
    pub fn ordinary() -> Subject {
        Subject::start(0, own_group)
    }

    #[track_caller]
    fn start(flags: u64, begin: fn()) -> Subject {
        Subject::with(flags, |talk| {
            begin();
            talk.say(0);
            obey(talk);
        })
    }

    /// A subject with a story of its own, which says a word when it is ready.
    #[track_caller]
    pub fn with(flags: u64, story: impl FnOnce(&Talk)) -> Subject {
        let (member, of_member) = Talk::pair();
        let init = Clone::new(flags).start(|talk| {
            // The member is the group's no member.
            drop(fork(|_| {
                own_group();
                of_member.say(0);
                attack(&of_member);
            }));
            story(talk);
        });
        let init = init.expect("clone3");
        member.hear();
        init.hear();
        Subject { init, member }
    }

    pub fn number(&self) -> i32 {
        self.init.pid
    }

    /// Signals from inside, and from a process that is no child of the subject's parent.
    #[track_caller]
    pub fn inside(&self, signal: i32) {
        self.inside_by(Way::Kill, signal);
    }

    #[track_caller]
    pub fn inside_by(&self, way: Way, signal: i32) {
        check!(
            self.try_inside(way, signal),
            0,
            "{signal} from inside by {way:?}"
        );
    }

    /// The errno of a signal from inside.
    #[track_caller]
    pub fn try_inside(&self, way: Way, signal: i32) -> i32 {
        let way = WAYS.iter().position(|w| *w == way).expect("a way");
        self.member.say_all(&[way as i32, signal]);
        self.member.hear()
    }

    #[track_caller]
    pub fn outside(&self, signal: i32) {
        self.outside_by(Way::Kill, signal);
    }

    #[track_caller]
    pub fn outside_by(&self, way: Way, signal: i32) {
        check!(
            way.send(self.number(), signal),
            Ok(()),
            "{signal} by {way:?}"
        );
    }

    /// Says a word and hears the answer.
    #[track_caller]
    pub fn ask(&self, word: i32, signal: i32) -> Vec<i32> {
        self.tell(word, signal);
        self.init.hear_all()
    }

    /// Says a word after which there may be no answer.
    #[track_caller]
    pub fn tell(&self, word: i32, signal: i32) {
        self.init.talk.say_all(&[word, signal]);
    }

    #[track_caller]
    pub fn check_alive(&self, words: &str) {
        self.tell(ECHO, 0);
        check!(
            self.init.talk.hear_or_end(),
            Some(vec![0]),
            "the answer of init: {words}"
        );
    }

    #[track_caller]
    pub fn check_pending(&self, signal: i32) {
        let proc = crate::proc_fs::Proc::at("/proc");
        let pending = proc.status(&self.number().to_string(), "ShdPnd");
        let pending = u64::from_str_radix(&pending, 16).expect("a number");
        check!(
            pending & (1 << (signal - 1)) != 0,
            true,
            "signal {signal} is pending"
        );
    }

    /// Fails unless the signal ends, or has ended, the subject.
    #[track_caller]
    pub fn check_ends(&self, signal: i32, words: &str) {
        check!(
            self.init.wait(),
            End::Killed(signal),
            "the end of init: {words}"
        );
    }
}
