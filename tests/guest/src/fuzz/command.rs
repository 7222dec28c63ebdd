//! A command to an agent: an operation, its arguments, and sometimes a descriptor.

use std::os::fd::OwnedFd;

/// Makes the operations, and the way back from their numbers.
macro_rules! operations {
    ($($(#[$about:meta])* $name:ident,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i32)]
        pub enum Operation {
            $($(#[$about])* $name,)+
        }

        const ALL: &[Operation] = &[$(Operation::$name),+];
    };
}

operations! {
    /// flags, exit signal, numbers for `set_tid`...; a channel for the child
    Fork,
    /// a channel for the thread
    Thread,
    /// 0: the child exits, 1: it executes; a channel for it
    Vfork,
    Execute,
    /// status
    Exit,
    /// Ends the calling thread alone.
    ExitThread,
    /// flags
    Unshare,
    /// flags; a file of a namespace or a pidfd
    Setns,
    /// 0 or 1
    Subreaper,
    /// signal
    DeathSignal,
    Setsid,
    /// pid, pgid
    Setpgid,
    /// Becomes a user without privileges.
    DropUser,
    /// user: makes it known as root in the user namespace
    MapUser,
    /// pid, signal
    Kill,
    /// tgid, tid, signal
    Tgkill,
    /// pid, signal
    Queue,
    /// tgid, tid, signal
    QueueToThread,
    /// signal, flags; a pidfd
    PidfdSignal,
    /// how, signal; 0 is many
    Mask,
    /// signal, disposition, flags; signal 0 is many
    Disposition,
    /// signal, whether it waits; 0 is every signal
    TakeSignal,
    /// kind, id, options; with P_PIDFD a pidfd
    Waitid,
    /// pid, options
    Wait4,
    /// request, pid, data
    Ptrace,
    /// pid, flags
    PidfdOpen,
    /// a pidfd
    PidfdAsk,
    /// request, number; a file of a namespace
    NamespaceAsk,
    /// Lists its namespace's /proc.
    View,
    /// pid, 0: `pid`, 1: `pid_for_children`
    Link,
    /// call, number
    Lookup,
    /// which, value or -1 to read alone
    Sysctl,
    /// kind, number: who is to have the signals of a new pipe, and who then has
    Owner,
    /// pid that the sender claims; a socket
    Post,
    /// Takes what was posted; a socket.
    Collect,
    /// Ends its namespace.
    Reboot,
}

/// Signals that programs can change something about, and that the operations with signal 0 change.
pub const CATCHABLE: &[i32] = &[
    libc::SIGCONT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGCHLD,
    libc::SIGTSTP,
    libc::SIGQUIT,
    36,
];

pub struct Command {
    pub operation: Operation,
    pub arguments: Vec<i32>,
    pub fd: Option<OwnedFd>,
}

impl Command {
    pub fn new(operation: Operation, arguments: &[i32]) -> Command {
        Command {
            operation,
            arguments: arguments.to_vec(),
            fd: None,
        }
    }

    pub fn with(mut self, fd: OwnedFd) -> Command {
        self.fd = Some(fd);
        self
    }

    /// The numbers of the message.
    pub fn words(&self) -> Vec<i32> {
        let mut words = vec![self.operation as i32];
        words.extend(&self.arguments);
        words
    }

    pub fn read(words: &[i32], fd: Option<OwnedFd>) -> Command {
        Command {
            operation: ALL[words[0] as usize],
            arguments: words[1..].to_vec(),
            fd,
        }
    }
}
