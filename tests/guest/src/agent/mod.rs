//! An agent: a process, or a thread of one, that obeys commands which come over a channel.
//!
//! A message holds one or more commands, and is answered by one message with what each has answered.

mod command;
mod record;

use std::ffi::{CStr, CString};
use std::ops::Deref;
use std::os::fd::RawFd;

use nix::errno::Errno;

use crate::channel::Channel;
use crate::process::{check_continues, check_stops, lead_group, new_ns, quit, Body, Child, End};
use crate::send_signal::SendCall;
use crate::signal_state;

pub use command::{attack_init, message, Command};
pub use record::Record;

/// The argument that makes this program an agent; the number of its descriptor follows.
pub const ARGUMENT: &str = "--agent";

/// The exit status after [`Command::Quit`].
pub const QUIT_STATUS: i32 = 3;

/// A child that is an agent, or whose thread is one.
pub struct Agent(pub Child);

/// Obeys until nobody holds the other end of the channel.
pub fn obey(channel: &Channel) {
    while let Some(message) = channel.receive_or_end() {
        channel.send_all(&command::execute_all(channel, message));
    }
}

/// Executes `program`, which is this one, as an agent in the calling process.
pub fn execute(program: RawFd, channel: &Channel) -> ! {
    execute_with(program, channel, &[])
}

/// The same, with more arguments, which it does not read.
pub fn execute_with(program: RawFd, channel: &Channel, more: &[&CStr]) -> ! {
    let strings = ["pidns-test", ARGUMENT, &channel.fd().to_string()]
        .map(|w| CString::new(w).expect("no zero byte"));
    let mut words: Vec<_> = strings.iter().map(|w| w.as_ptr()).collect();
    words.extend(more.iter().map(|w| w.as_ptr()));
    words.push(std::ptr::null());
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

/// What this program does when it was executed as an agent: sends its numbers, and obeys.
pub fn main(mut arguments: impl Iterator<Item = String>) -> ! {
    crate::report::install_panic_hook();
    let fd = arguments.next().expect("a descriptor");
    let channel = Channel::from_inherited(fd.parse().expect("a number"));
    channel.send_all(&command::numbers());
    obey(&channel);
    quit(0)
}

/// Lets a child that is an agent execute a command; returns the answer.
#[track_caller]
pub fn ask(child: &Child, command: Command) -> Vec<i32> {
    child.channel.send_all(&message(&[command]));
    child.receive_all()
}

impl Deref for Agent {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl Agent {
    /// The init of a new namespace.
    #[track_caller]
    pub fn init() -> Agent {
        Agent::new(|body| new_ns(body))
    }

    /// Whatever `make` makes. It leads a process group, and all its signals have their default action.
    #[track_caller]
    pub fn new(make: impl FnOnce(Body) -> Child) -> Agent {
        let agent = Agent(make(|channel| {
            lead_group();
            signal_state::reset();
            obey(channel);
        }));
        agent.survives("its first message");
        agent
    }

    /// Sends a command; returns its answer of one number.
    #[track_caller]
    pub fn ask(&self, command: Command) -> i32 {
        self.tell(command);
        self.receive()
    }

    /// Sends a command that may have no answer.
    #[track_caller]
    pub fn tell(&self, command: Command) {
        self.channel.send_all(&message(&[command]));
    }

    #[track_caller]
    pub fn block(&self, signal: i32) {
        self.ask(Command::Block(signal));
    }

    /// Unblocks a signal that does not end the agent.
    #[track_caller]
    pub fn unblock(&self, signal: i32) {
        self.ask(Command::Unblock(signal));
    }

    /// Unblocks the signal, which ends the agent.
    #[track_caller]
    pub fn unblock_and_end(self, signal: i32, words: &str) {
        self.tell(Command::Unblock(signal));
        self.ends(signal, words);
    }

    /// Unblocks the signal, which stops the agent.
    #[track_caller]
    pub fn unblock_and_stop(&self, signal: i32, words: &str) {
        self.tell(Command::Unblock(signal));
        check_stops(self, signal, words);
        self.kill(libc::SIGCONT);
        check_continues(self, words);
        self.receive();
    }

    #[track_caller]
    pub fn set_default(&self, signal: i32) {
        self.ask(Command::SetDefault(signal));
    }

    #[track_caller]
    pub fn ignore(&self, signal: i32) {
        self.ask(Command::Ignore(signal));
    }

    #[track_caller]
    pub fn handle(&self, signal: i32) {
        self.ask(Command::Handle(signal));
    }

    #[track_caller]
    pub fn handle_once(&self, signal: i32) {
        self.ask(Command::HandleOnce(signal));
    }

    /// How often handlers have run.
    #[track_caller]
    pub fn runs(&self) -> i32 {
        self.ask(Command::HandlerRuns())
    }

    #[track_caller]
    pub fn check_pending(&self, signal: i32, want: bool) {
        let pending = self.ask(Command::IsPending(signal)) == 1;
        check!(pending, want, "{signal} pending");
    }

    /// Sends itself a signal.
    #[track_caller]
    pub fn itself(&self, call: SendCall, signal: i32) -> i32 {
        self.ask(Command::SendToItself(call, signal))
    }

    /// Sends itself a signal that looks like a fault.
    #[track_caller]
    pub fn forge_fault(&self, signal: i32, code: i32) {
        let sent = self.ask(Command::ForgeFault(signal, code));
        check!(sent, 0, "{signal} of its own with the code {code}");
    }

    /// A child of the agent sends it a signal.
    #[track_caller]
    pub fn inside(&self, call: SendCall, signal: i32) {
        let sent = self.ask(Command::SendByChild(call, signal));
        check!(sent, 0, "{signal} from inside by {call:?}");
    }

    /// The caller sends it a signal.
    #[track_caller]
    pub fn outside(&self, call: SendCall, signal: i32) {
        let sent = call.send(self.pid, signal);
        check!(sent, Ok(()), "{signal} from outside by {call:?}");
    }

    /// Takes a pending signal; the `si_pid` that comes with it.
    #[track_caller]
    pub fn take(&self, signal: i32) -> i32 {
        self.ask(Command::Take(signal))
    }

    #[track_caller]
    pub fn limit_queue(&self, most: i32) {
        self.ask(Command::LimitQueue(most));
    }

    /// Lets a timer of the agent's own send it a signal, and waits until it has.
    #[track_caller]
    pub fn let_timer_send(&self, signal: i32) {
        self.ask(Command::SetTimer(signal));
    }

    /// Executes this program again, as an agent.
    #[track_caller]
    pub fn execute(&self) {
        self.tell(Command::Execute());
        check!(
            self.receive_all().len(),
            3,
            "count of a new program's numbers"
        );
    }

    #[track_caller]
    pub fn survives(&self, words: &str) {
        self.tell(Command::Ping());
        let answer = self.channel.receive_or_end();
        check!(
            answer,
            Some(vec![0]),
            "the answer of an agent that survives {words}"
        );
    }

    #[track_caller]
    pub fn ends(&self, signal: i32, words: &str) {
        check!(
            self.wait(),
            End::Killed(signal),
            "the end of an agent: {words}"
        );
    }
}
