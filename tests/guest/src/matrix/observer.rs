//! The parent outside: prepares an init for a cell, and sees what comes of the signal.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering::SeqCst;

use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::cell::{Blocked, Cell, Disposition, Effect, Outcome, Seen, Sender, Shape, Told};
use super::init;
use crate::agent::{message, Command, Record};
use crate::channel::Channel;
use crate::harness::scale;
use crate::process::kill;
use crate::send_signal::{SendCall, FORGED_PID};
use crate::signal_state::is_kernel_only;

/// An init, with what its parent knows of it.
pub struct Init {
    pub shape: Shape,
    number: i32,
    /// To each thread, the leader first.
    channels: Vec<Channel>,
    /// Which threads owe an answer.
    asked: Vec<bool>,
    /// Whether a thread that is not the leader may block a signal.
    others_block: bool,
    sender: Option<Channel>,
    /// The sender's number in init's namespace; 0 for an ancestor.
    sender_number: i32,
    /// The signal of the last cell.
    signal: i32,
    /// What the leader said last: whether that signal is pending.
    pending: bool,
}

/// What is there once for all inits of a process.
pub struct Observer {
    record: &'static Record,
    children: SignalFd,
    /// The signal of the cell, and whether a tracee reported it.
    signal: i32,
    reported: bool,
    /// The threads that reported that they are stopped.
    stopped: Vec<i32>,
}

fn ptrace(request: u32, number: i32, data: i32) {
    // A tracee may have been killed meanwhile.
    // SAFETY: these requests take numbers.
    unsafe { libc::ptrace(request, number, 0usize, data as usize) };
}

impl Init {
    pub fn start(shape: Shape) -> Init {
        let (number, channels, sender) = init::start(shape);
        let init = Init {
            shape,
            number,
            asked: vec![false; channels.len()],
            channels,
            others_block: false,
            sender_number: match shape.sender {
                Sender::Ancestor => 0,
                Sender::Itself => 1,
                Sender::Child | Sender::Nested => 2,
            },
            sender,
            signal: libc::SIGUSR1,
            pending: false,
        };
        // Whoever answers is there.
        if let Some(sender) = &init.sender {
            sender.receive();
        }
        for channel in &init.channels {
            channel.send_all(&message(&[Command::Ping()]));
            channel.receive();
        }
        if shape.traced {
            let threads = std::fs::read_dir(format!("/proc/{number}/task")).expect("threads");
            for thread in threads {
                let name = thread.expect("a thread").file_name();
                let thread = name.to_str().expect("a number").parse().expect("a number");
                ptrace(libc::PTRACE_SEIZE, thread, 0);
            }
        }
        init
    }

    /// Tells a thread to execute commands, and asks whether the signal of the cell is pending then. A
    /// thread that is dying does not receive it.
    fn ask(&mut self, thread: usize, commands: &[Command]) {
        let commands = [commands, &[Command::IsPending(self.signal)]].concat();
        let words = message(&commands);
        let bytes: Vec<u8> = words.iter().flat_map(|n| n.to_ne_bytes()).collect();
        let flags = nix::sys::socket::MsgFlags::MSG_NOSIGNAL;
        let _ = nix::sys::socket::send(self.channels[thread].fd(), &bytes, flags);
        self.asked[thread] = true;
    }

    pub fn kill(&self) {
        let _ = kill(self.number, libc::SIGKILL);
    }
}

/// What the leader must do for the disposition of a cell.
fn set_disposition(cell: &Cell) -> Option<Command> {
    let signal = cell.signal;
    match cell.disposition {
        _ if is_kernel_only(signal) => None,
        Disposition::Default => Some(Command::SetDefault(signal)),
        Disposition::Ignored => Some(Command::Ignore(signal)),
        Disposition::Handler => Some(Command::Handle(signal)),
    }
}

impl Observer {
    pub fn new() -> Observer {
        let mask = SigSet::from(Signal::SIGCHLD);
        mask.thread_block().expect("sigprocmask");
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Observer {
            record: Record::share(),
            children: SignalFd::with_flags(&mask, flags).expect("signalfd"),
            signal: 0,
            reported: false,
            stopped: Vec::new(),
        }
    }

    /// Plays a cell; after an end or silence init must not be used again.
    pub fn play(&mut self, init: &mut Init, cell: &Cell) -> Outcome {
        self.signal = cell.signal;
        self.prepare(init, cell);
        self.send(init, cell);
        let first = self.round(init, &[]);
        let then =
            (first.effect == Effect::Pending).then(|| self.round(init, &[Command::UnblockAll()]));
        let last = then.unwrap_or(first);
        if let Effect::Stopped(_) = last.effect {
            self.signal = 0;
            kill(init.number, libc::SIGCONT).expect("SIGCONT");
            // What was asked before the stop is answered now.
            self.answers(init);
            self.round(init, &[]);
        }
        Outcome { first, then }
    }

    fn prepare(&mut self, init: &mut Init, cell: &Cell) {
        let last = std::mem::replace(&mut init.signal, cell.signal);
        let blocks = cell.blocked == Blocked::Everybody;
        let others = if blocks || init.others_block {
            init.channels.len()
        } else {
            1
        };
        for thread in 0..others {
            let block = blocks || (thread == 0 && cell.blocked == Blocked::Leader);
            let mut commands = Vec::new();
            if thread == 0 {
                if last != cell.signal && !is_kernel_only(last) {
                    commands.push(Command::SetDefault(last));
                }
                commands.extend(set_disposition(cell));
            }
            commands.push(Command::UnblockAll());
            if block {
                commands.push(Command::Block(cell.signal));
            }
            init.ask(thread, &commands);
        }
        init.others_block = blocks;
        check!(self.answers(init), None, "{cell:?} while it is prepared");
        self.record.count.store(0, SeqCst);
        self.reported = false;
        self.stopped.clear();
    }

    fn send(&mut self, init: &mut Init, cell: &Cell) {
        // The sender's own group is init's; one inside has no other name for that of a namespace above.
        let call = match (cell.shape.sender, cell.call) {
            (Sender::Itself | Sender::Nested, SendCall::Group) => SendCall::OwnGroup,
            (_, call) => call,
        };
        match (cell.shape.sender, &init.sender) {
            (Sender::Itself, _) => init.ask(0, &[Command::SendToItself(call, cell.signal)]),
            (Sender::Ancestor, _) => {
                check!(call.send(init.number, cell.signal), Ok(()), "{cell:?}")
            }
            (_, Some(sender)) => {
                sender.send_all(&message(&[Command::Send(call, 1, cell.signal)]));
                // The sender goes with an init that its signal ends.
                let sent = sender.receive_or_end();
                check!(sent.unwrap_or(vec![0]), [0], "errno of {cell:?}");
            }
            _ => panic!("no sender"),
        }
    }

    /// Lets every thread pass through the kernel, the leader last: when it answers, nobody else has
    /// anything left to take.
    fn round(&mut self, init: &mut Init, commands: &[Command]) -> Seen {
        // What an init is told to send to itself it has sent before it answers.
        let mut effect = if init.asked[0] {
            self.answers(init)
        } else {
            None
        };
        if effect.is_none() && init.channels.len() > 1 {
            (1..init.channels.len()).for_each(|thread| init.ask(thread, commands));
            effect = self.answers(init);
        }
        if effect.is_none() {
            init.ask(0, commands);
            effect = self.answers(init);
        }
        let seen = Seen {
            effect: effect.unwrap_or_else(|| self.survived(init)),
            traced: std::mem::take(&mut self.reported),
        };
        self.stopped.clear();
        seen
    }

    /// What happened to an init whose threads have all answered.
    fn survived(&self, init: &Init) -> Effect {
        match self.record.count.load(SeqCst) {
            0 if init.pending => Effect::Pending,
            0 => Effect::Nothing,
            count => Effect::Handler {
                code: self.record.code.load(SeqCst),
                told: match self.record.pid.load(SeqCst) {
                    _ if count > 1 || self.record.signal.load(SeqCst) != self.signal => {
                        Told::Other(count)
                    }
                    0 => Told::Nobody,
                    FORGED_PID => Told::Forged,
                    number if number == init.sender_number => Told::Sender,
                    number => Told::Other(number),
                },
            },
        }
    }

    /// Waits until those who were asked have answered (`None`), or init has stopped or ended.
    fn answers(&mut self, init: &mut Init) -> Option<Effect> {
        while init.asked.contains(&true) {
            let asked: Vec<usize> = (0..init.asked.len()).filter(|n| init.asked[*n]).collect();
            let fds = asked.iter().map(|n| init.channels[*n].fd());
            let fds: Vec<i32> = fds.chain([self.children.as_raw_fd()]).collect();
            // SAFETY: the descriptors stay open while this function runs.
            let borrow = |fd: &i32| unsafe { std::os::fd::BorrowedFd::borrow_raw(*fd) };
            let mut polls: Vec<PollFd> = fds
                .iter()
                .map(|fd| PollFd::new(borrow(fd), PollFlags::POLLIN))
                .collect();
            let patience = PollTimeout::from(scale(20_000u16, 60_000));
            if poll(&mut polls, patience).expect("poll") == 0 {
                return Some(Effect::Silence);
            }
            if polls.last().and_then(PollFd::any) == Some(true) {
                while self.children.read_signal().expect("signalfd").is_some() {}
                if let Some(effect) = self.events(init) {
                    return Some(effect);
                }
            }
            for (n, poll) in asked.iter().zip(&polls) {
                if poll.any() == Some(true) {
                    // The end of the channel comes shortly before that of init.
                    if let Some(words) = init.channels[*n].receive_or_end() {
                        let (pending, errors) = words.split_last().expect("an answer");
                        check!(errors.iter().any(|e| *e != 0), false, "errors: {errors:?}");
                        init.asked[*n] = false;
                        init.pending = *n == 0 && *pending == 1;
                    }
                }
            }
        }
        None
    }

    /// Looks at what has become of children and tracees.
    fn events(&mut self, init: &Init) -> Option<Effect> {
        loop {
            let mut status = 0;
            let flags = libc::WNOHANG | libc::WUNTRACED | libc::__WALL;
            // SAFETY: the pointer is to a live number.
            let number = unsafe { libc::waitpid(-1, &mut status, flags) };
            if number <= 0 {
                return None;
            }
            let effect = if !libc::WIFSTOPPED(status) {
                (number == init.number).then(|| Effect::Killed {
                    signal: libc::WTERMSIG(status),
                    core: libc::WCOREDUMP(status),
                })
            } else if init.shape.traced {
                self.trap(init, number, status)
            } else {
                (number == init.number).then(|| Effect::Stopped(libc::WSTOPSIG(status)))
            };
            if effect.is_some() {
                return effect;
            }
        }
    }

    /// A tracee has reported something: pass every signal on, let every stop be.
    fn trap(&mut self, init: &Init, number: i32, status: i32) -> Option<Effect> {
        let signal = libc::WSTOPSIG(status);
        let event = status >> 16;
        if event == 0 {
            self.reported |= signal == self.signal;
            ptrace(libc::PTRACE_CONT, number, signal);
        } else if signal == libc::SIGTRAP {
            ptrace(libc::PTRACE_CONT, number, 0);
        } else {
            ptrace(libc::PTRACE_LISTEN, number, 0);
            if !self.stopped.contains(&number) {
                self.stopped.push(number);
            }
            return (self.stopped.len() == init.shape.threads).then_some(Effect::Stopped(signal));
        }
        None
    }
}
