//! An init under test, and a member beside it that signals it on demand.

use crate::agent::{message, obey, Agent, Command};
use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::process::{fork, lead_group};
use crate::send_signal::SendCall;

/// An init or, to compare, an ordinary process, and a member beside it. Both are agents.
pub struct Subject {
    pub init: Agent,
    member: Channel,
}

impl Subject {
    /// An init that leads a process group which is not orphaned.
    #[track_caller]
    pub fn new() -> Subject {
        Subject::start(NEWPID)
    }

    /// An ordinary process, whose own child may kill it; see [`Subject::new`].
    #[track_caller]
    pub fn ordinary() -> Subject {
        Subject::start(0)
    }

    #[track_caller]
    fn start(flags: u64) -> Subject {
        Subject::with(flags, |channel| {
            lead_group();
            channel.send(0);
            obey(channel);
        })
    }

    /// A subject with a body of its own, which sends a message when it is ready.
    #[track_caller]
    pub fn with(flags: u64, body: impl FnOnce(&Channel)) -> Subject {
        let (member, of_member) = Channel::pair();
        let init = Clone::new(flags).start(|channel| {
            // The member is the group's no member.
            drop(fork(|_| {
                lead_group();
                of_member.send(0);
                obey(&of_member);
            }));
            body(channel);
        });
        let init = Agent(init.expect("clone3"));
        member.receive();
        init.receive();
        Subject { init, member }
    }

    pub fn number(&self) -> i32 {
        self.init.pid
    }

    /// Signals from inside, and from a process that is no child of the subject's parent.
    #[track_caller]
    pub fn inside(&self, signal: i32) {
        self.inside_by(SendCall::Kill, signal);
    }

    #[track_caller]
    pub fn inside_by(&self, call: SendCall, signal: i32) {
        let command = Command::Send(call, 1, signal);
        self.member.send_all(&message(&[command]));
        check!(self.member.receive(), 0, "{signal} from inside by {call:?}");
    }

    #[track_caller]
    pub fn outside(&self, signal: i32) {
        self.outside_by(SendCall::Kill, signal);
    }

    #[track_caller]
    pub fn outside_by(&self, call: SendCall, signal: i32) {
        self.init.outside(call, signal);
    }

    #[track_caller]
    pub fn check_alive(&self, words: &str) {
        self.init.survives(words);
    }

    /// Fails unless the signal waits for the whole process, as the outside sees it.
    #[track_caller]
    pub fn check_pending(&self, signal: i32) {
        let proc = crate::proc_fs::Proc::at("/proc");
        let pending = proc.status(&self.number().to_string(), "ShdPnd");
        let pending = u64::from_str_radix(&pending, 16).expect("a number");
        check!(
            pending & crate::signal_state::bit(signal) != 0,
            true,
            "signal {signal} is pending"
        );
    }

    /// Fails unless the signal ends, or has ended, the subject.
    #[track_caller]
    pub fn check_ends(&self, signal: i32, words: &str) {
        self.init.ends(signal, words);
    }
}
