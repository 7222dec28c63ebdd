//! What an agent can be told, and what it does then.

use std::os::fd::AsRawFd;

use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use nix::sys::resource::{setrlimit, Resource};

use super::record::{self, Record};
use super::{execute, QUIT_STATUS};
use crate::channel::Channel;
use crate::clone::Clone;
use crate::harness::this_program;
use crate::process::{
    attempt_fork, errno_of, fork, pid, ppid, quit, tid, touch_null, wait_for, wait_for_message, End,
};
use crate::processor::breakpoint;
use crate::random::Random;
use crate::send_signal::{send_by_timer, Forgery, SendCall, SEND_CALLS};
use crate::signal_state::{self, sigset};
use crate::signal_storm::{change_at_random, reset_random_signals};

/// What is one number in a message.
pub trait Word {
    fn to_word(self) -> i32;
    fn from_word(word: i32) -> Self;
}

impl Word for i32 {
    fn to_word(self) -> i32 {
        self
    }
    fn from_word(word: i32) -> i32 {
        word
    }
}

impl Word for SendCall {
    fn to_word(self) -> i32 {
        self as i32
    }
    fn from_word(word: i32) -> SendCall {
        SendCall::ALL[word as usize]
    }
}

/// Makes the commands, and the way of each into a message and out of it: its kind, then its arguments.
macro_rules! commands {
    ($($(#[$about:meta])* $name:ident($($argument:ident: $type:ty),*),)+) => {
        #[derive(Clone, Copy, Debug)]
        pub enum Command {
            $($(#[$about])* $name($($type),*),)+
        }

        enum Kind {
            $($name,)+
        }

        impl Command {
            /// Adds a command to a message.
            fn write(self, words: &mut Vec<i32>) {
                match self {
                    $(Command::$name($($argument),*) => {
                        words.push(Kind::$name as i32);
                        $(words.push($argument.to_word());)*
                    })+
                }
            }

            /// Takes the next command out of a message.
            fn read(words: &mut impl Iterator<Item = i32>) -> Option<Command> {
                let kind = words.next()?;
                $(if kind == Kind::$name as i32 {
                    $(let $argument = <$type>::from_word(words.next().expect("an argument"));)*
                    return Some(Command::$name($($argument),*));
                })+
                panic!("no such command: {kind}");
            }
        }
    };
}

commands! {
    Ping(),
    Block(signal: i32),
    Unblock(signal: i32),
    UnblockAll(),
    SetDefault(signal: i32),
    Ignore(signal: i32),
    Handle(signal: i32),
    /// The handler runs for one signal; the next one has the default action.
    HandleOnce(signal: i32),
    /// Gives all signals that the signal storm changes their default action, and unblocks them.
    ResetSignals(),
    /// Answers how often handlers have run in this process.
    HandlerRuns(),
    /// Answers 1 or 0.
    IsPending(signal: i32),
    /// Sends to a process; answers with the errno.
    Send(call: SendCall, target: i32, signal: i32),
    /// Sends to the agent's own process; answers with the errno.
    SendToItself(call: SendCall, signal: i32),
    /// Sends to the agent itself, with an `si_code` that is the kernel's alone; answers with the errno.
    ForgeFault(signal: i32, code: i32),
    /// Touches memory that is not there, again and again where nothing ends it.
    Fault(),
    /// Executes a breakpoint, which is a fault that does not happen again.
    Break(),
    /// Lets a child send to the agent; answers with the child's errno.
    SendByChild(call: SendCall, signal: i32),
    /// Takes a pending signal with `sigtimedwait`; answers with its `si_pid`.
    Take(signal: i32),
    /// Sets RLIMIT_SIGPENDING.
    LimitQueue(most: i32),
    /// Lets a timer of its own send the signal; answers when it has.
    SetTimer(signal: i32),
    /// Lets a child attack process 1 with deadly signals by every call.
    AttackInit(),
    /// Answers with `getpid`, `gettid` and `getppid`.
    Numbers(),
    /// Answers with the number of a child that exits at once.
    Fork(),
    /// Answers with the number that such a child has for itself.
    ForkInside(),
    /// Answers with the number of the process that adopts an orphan.
    Orphan(),
    /// Executes this program again, as an agent. It answers as to `Numbers`.
    Execute(),
    /// The same, after random changes of dispositions and of the mask.
    ChangeAndExecute(),
    /// The same, by another thread.
    ChangeAndExecuteByThread(),
    /// Exits with [`QUIT_STATUS`].
    Quit(),
}

/// A message of these commands.
pub fn message(commands: &[Command]) -> Vec<i32> {
    let mut words = Vec::new();
    commands.iter().for_each(|c| c.write(&mut words));
    words
}

/// Executes the commands of a message; returns what is to be answered to all of them.
pub fn execute_all(channel: &Channel, message: Vec<i32>) -> Vec<i32> {
    let mut words = message.into_iter();
    let mut answer = Vec::new();
    while let Some(command) = Command::read(&mut words) {
        match command {
            Command::Numbers() => answer.extend(numbers()),
            command => answer.push(command.execute(channel)),
        }
    }
    answer
}

/// The calling thread's numbers, as it sees them.
pub fn numbers() -> [i32; 3] {
    [pid(), tid(), ppid()]
}

impl Command {
    fn execute(self, channel: &Channel) -> i32 {
        match self {
            Command::Ping() | Command::Numbers() => {}
            Command::Block(signal) => signal_state::block(signal),
            Command::Unblock(signal) => signal_state::unblock(signal),
            Command::UnblockAll() => signal_state::unblock_all(),
            Command::SetDefault(signal) => signal_state::set_default(signal),
            Command::Ignore(signal) => signal_state::ignore(signal),
            Command::Handle(signal) => {
                signal_state::handle(signal, record::handler, libc::SA_RESTART)
            }
            Command::HandleOnce(signal) => {
                let flags = libc::SA_RESTART | libc::SA_RESETHAND;
                signal_state::handle(signal, record::handler, flags)
            }
            Command::ResetSignals() => reset_random_signals(),
            Command::HandlerRuns() => return Record::of_this_process().runs(),
            Command::IsPending(signal) => return i32::from(signal_state::is_pending(signal)),
            Command::Send(call, target, signal) => return errno_of(call.send(target, signal)),
            Command::SendToItself(call, signal) => return errno_of(call.send(pid(), signal)),
            Command::ForgeFault(signal, code) => {
                return errno_of(Forgery { code, pid: 0 }.queue_to_thread(pid(), signal))
            }
            Command::Fault() => touch_null(),
            Command::Break() => breakpoint(),
            Command::SendByChild(call, signal) => return send_by_child(call, signal),
            Command::Take(signal) => return take(signal),
            Command::LimitQueue(most) => {
                let most = most as u64;
                setrlimit(Resource::RLIMIT_SIGPENDING, most, most).expect("RLIMIT_SIGPENDING");
            }
            Command::SetTimer(signal) => send_by_timer(signal),
            Command::AttackInit() => attack_init(),
            Command::Fork() => return attempt_fork().expect("fork"),
            Command::ForkInside() => return Clone::new(0).attempt_inside().expect("fork"),
            Command::Orphan() => return parent_of_an_orphan(),
            Command::Execute() => execute(this_program().as_raw_fd(), channel),
            Command::ChangeAndExecute() => change_and_execute(channel),
            Command::ChangeAndExecuteByThread() => std::thread::scope(|scope| {
                scope.spawn(|| change_and_execute(channel));
            }),
            Command::Quit() => quit(QUIT_STATUS),
        }
        0
    }
}

fn send_by_child(call: SendCall, signal: i32) -> i32 {
    let target = pid();
    let sender = fork(|channel| {
        channel.send(errno_of(call.send(target, signal)));
        wait_for_message(channel);
    });
    let sent = sender.receive();
    sender.send(0);
    check!(sender.wait(), End::Exit(0));
    sent
}

fn take(signal: i32) -> i32 {
    // SAFETY: the pointers are to live structures.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let at_once: libc::timespec = std::mem::zeroed();
        let taken = libc::sigtimedwait(&sigset(signal), &mut info, &at_once);
        check!(taken, signal, "sigtimedwait");
        info.si_pid()
    }
}

/// Lets a child attack process 1 with deadly signals by every call.
pub fn attack_init() {
    let attacker = fork(|_| {
        for call in SEND_CALLS {
            for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSTOP, libc::SIGUSR1] {
                check!(call.send(1, signal), Ok(()));
            }
        }
    });
    check!(attacker.wait(), End::Exit(0));
}

/// Makes an orphan, returns its new parent's number and reaps it.
fn parent_of_an_orphan() -> i32 {
    let (mine, theirs) = Channel::pair();
    let parent = fork(|channel| {
        let orphan = fork(|_| {
            theirs.receive();
            theirs.send(ppid());
        });
        channel.send(orphan.pid);
    });
    let orphan = parent.receive();
    check!(parent.wait(), End::Exit(0));
    mine.send(0);
    let adopter = mine.receive();
    if adopter == pid() {
        check!(wait_for(orphan), End::Exit(0));
    }
    adopter
}

/// Changes what is set for signals, and executes this program with what is kept of that.
fn change_and_execute(channel: &Channel) -> ! {
    let mut random = Random::new(channel.fd() as usize);
    (0..10).for_each(|_| change_at_random(&mut random));
    let program = this_program();
    fcntl(&program, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("F_SETFD");
    execute(program.as_raw_fd(), channel)
}
