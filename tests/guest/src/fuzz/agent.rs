//! A process, or a thread, that does what the director says, and tells it what came of it.

use std::cell::Cell;
use std::os::fd::{OwnedFd, RawFd};

use super::birth;
use super::calls;
use super::command::{Command, Operation};
use crate::channel::Channel;
use crate::process::{pid, ppid, quit, quit_thread, tid};

/// The argument that makes this program an agent; the number of its descriptor follows.
pub const ARGUMENT: &str = "--fuzz-agent";

/// Where every agent has this program, and its channel if it is a process.
pub const PROGRAM: RawFd = 9;
const CHANNEL: RawFd = 10;

/// The first word of each message to the director.
pub const HELLO: i32 = 0;
pub const ANSWER: i32 = 1;
pub const SIGNAL: i32 = 2;
/// What it has read that is not to be printed.
pub const SECRET: i32 = 3;

thread_local! {
    static OWN: Cell<RawFd> = const { Cell::new(CHANNEL) };
}

/// What this program does when it was executed as an agent.
pub fn main(mut arguments: impl Iterator<Item = String>) -> ! {
    let fd = arguments.next().expect("a descriptor");
    begin(fd.parse().expect("a number"))
}

/// The life of a new process, whose channel is `fd`; it has no other descriptors of its parent's.
pub fn begin(fd: RawFd) -> ! {
    // SAFETY: nobody in this process uses the descriptors that are closed: it begins here, and never
    // returns to those who did.
    unsafe {
        libc::dup2(fd, CHANNEL);
        libc::syscall(libc::SYS_close_range, 3, PROGRAM - 1, 0);
        libc::syscall(libc::SYS_close_range, CHANNEL + 1, -1, 0);
    }
    OWN.set(CHANNEL);
    obey(&Channel::from_inherited(CHANNEL));
    quit(0)
}

/// The life of a new thread.
pub fn begin_thread(fd: OwnedFd) {
    use std::os::fd::IntoRawFd;
    let fd = fd.into_raw_fd();
    OWN.set(fd);
    obey(&Channel::from_inherited(fd));
    quit_thread(0)
}

/// Ends the calling thread; of a process's first one the channel is closed as well.
fn end_thread() -> ! {
    // SAFETY: the thread ends, and nobody else uses its channel.
    unsafe { libc::close(OWN.get()) };
    quit_thread(0)
}

fn obey(channel: &Channel) {
    channel.send_all(&hello());
    while let Some((words, fd)) = channel.receive_with() {
        let command = Command::read(&words, fd);
        let is_secret = command.operation == Operation::Link;
        let mut answer = vec![ANSWER];
        answer.extend(execute(command, channel.fd()));
        if is_secret && answer.len() == 3 {
            let secret = answer.pop().expect("three words");
            channel.send_all(&[SECRET, secret]);
        }
        channel.send_all(&answer);
    }
}

/// The caller's numbers: in the initial namespace, as it sees them itself, and at all levels.
fn hello() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("status");
    let line = status.lines().find_map(|l| l.strip_prefix("NSpid:"));
    let mut numbers = line
        .expect("a line NSpid")
        .split_whitespace()
        .map(|n| n.parse().expect("a number"));
    let outer = numbers.next().expect("a number in the initial namespace");
    // SAFETY: the calls take no pointers.
    let (group, session) = unsafe { (libc::getpgid(0), libc::getsid(0)) };
    let mut words = vec![HELLO, outer, pid(), tid(), ppid(), group, session];
    words.extend(numbers);
    words
}

fn execute(command: Command, own: RawFd) -> Vec<i32> {
    match command.operation {
        Operation::Exit => quit(command.arguments[0]),
        Operation::ExitThread => end_thread(),
        Operation::Fork => vec![birth::fork(command)],
        Operation::Thread => vec![birth::thread(command)],
        Operation::Vfork => vec![birth::vfork(command)],
        Operation::Execute => vec![birth::execute(own)],
        _ => calls::execute(command),
    }
}

/// The handler of every signal: tells the director at once.
pub extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo.
    let words = unsafe { calls::words_of(signal, &*info) };
    let mut message = [SIGNAL; 6];
    message[1..].copy_from_slice(&words);
    // SAFETY: the message is live; where the channel is closed this is an error and no more.
    unsafe {
        libc::send(
            OWN.get(),
            message.as_ptr().cast(),
            size_of_val(&message),
            libc::MSG_NOSIGNAL,
        )
    };
}
