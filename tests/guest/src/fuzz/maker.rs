//! How a step of each operation comes to its arguments.

use super::choice::Choice;
use super::command::{Command, Operation, CATCHABLE};
use super::step::{number_of, Birth, Step, SIGNALS};
use super::world::{namespace_of, World};
use crate::channel::Channel;
use crate::process::pidfd_open;

/// Namespaces are not deeper than this.
const DEEPEST: usize = 5;

const NEWPID: i32 = libc::CLONE_NEWPID;
const NEWUSER: i32 = libc::CLONE_NEWUSER;

/// One signal, or 0 for many.
fn some_signal(c: &mut Choice) -> i32 {
    if c.one_in(3) {
        0
    } else {
        c.of(CATCHABLE)
    }
}

/// The agent that a step is about, and the number by which it is named.
pub struct Target {
    pub name: usize,
    pub number: i32,
}

/// Makes a step of an operation.
pub struct Maker<'a> {
    pub world: &'a mut World,
    pub c: &'a mut Choice,
    pub actor: usize,
    pub other: Target,
}

impl Maker<'_> {
    pub fn make(self, operation: Operation) -> Step {
        let signal = self.c.weighted(SIGNALS);
        let number = self.other.number;
        let c = &mut *self.c;
        let arguments: Vec<i32> = match operation {
            Operation::Fork | Operation::Thread | Operation::Vfork => return self.birth(operation),
            Operation::Setns | Operation::NamespaceAsk => return self.with_namespace(operation),
            Operation::Post | Operation::Collect => return self.with_socket(operation),
            Operation::Owner => vec![c.below(3) as i32, number],
            Operation::PidfdAsk | Operation::PidfdSignal => return self.with_pidfd(operation),
            Operation::Unshare => return self.unshare(),
            Operation::Execute | Operation::ExitThread | Operation::Setsid => vec![],
            Operation::View | Operation::DropUser | Operation::Reboot => vec![],
            Operation::Exit => vec![c.below(5) as i32],
            Operation::Subreaper => vec![c.below(2) as i32],
            Operation::DeathSignal => vec![c.of(&[0, libc::SIGUSR1, libc::SIGTERM, libc::SIGKILL])],
            Operation::Setpgid => {
                let pid = c.of(&[0, number]);
                vec![pid, c.of(&[0, 0, number, self.world.agents.len() as i32])]
            }
            Operation::MapUser => vec![c.of(&[0, 65534])],
            Operation::Kill => {
                let number = match c.below(40) {
                    0 => -1,
                    1..=3 => 0,
                    4..=8 => -number.max(2),
                    _ => number,
                };
                vec![number, signal]
            }
            Operation::Queue => vec![number, signal],
            Operation::Tgkill | Operation::QueueToThread => {
                let leader = self.world.agent(self.other.name).leader;
                let known = self.world.agents.iter().any(|a| a.name == leader);
                let group = if known && !c.one_in(8) {
                    number_of(self.world, c, self.actor, leader)
                } else {
                    number
                };
                vec![group, number, signal]
            }
            Operation::Mask => vec![c.below(2) as i32, some_signal(c)],
            Operation::Disposition => {
                let flags = [0, libc::SA_RESTART, libc::SA_NOCLDWAIT, libc::SA_NOCLDSTOP];
                vec![
                    some_signal(c),
                    c.of(&[0, 1, 2, 2, 2]),
                    c.of(&flags) | c.of(&[0, 0, libc::SA_RESETHAND, libc::SA_NODEFER]),
                ]
            }
            Operation::TakeSignal => {
                let signal = c.of(CATCHABLE);
                vec![c.of(&[0, signal]), c.of(&[0, 0, 1])]
            }
            Operation::Waitid => return self.waitid(),
            Operation::Wait4 => {
                let pid = c.of(&[-1, -1, 0, number, number, -number.max(1)]);
                let more = c.of(&[0, libc::WUNTRACED, libc::WCONTINUED, libc::__WALL]);
                vec![pid, c.of(&[0, libc::WNOHANG, libc::WNOHANG]) | more]
            }
            Operation::Ptrace => return self.ptrace(),
            Operation::PidfdOpen => vec![number, c.of(&[0, 0, libc::O_EXCL])],
            Operation::Link => vec![number, c.below(2) as i32],
            Operation::Lookup => vec![c.below(8) as i32, number],
            Operation::Sysctl => {
                let which = c.below(3);
                let value = match which {
                    0 => c.of(&[-1, 5, 20, 50, 299]),
                    1 => c.of(&[-1, 100, 301, 305, 400, 1000, 32768, 4194304, 4194305]),
                    _ if self.world.agent(self.actor).own_user => c.of(&[0, 1000]),
                    _ => -1,
                };
                vec![which as i32, value]
            }
        };
        let command = Command::new(operation, &arguments);
        let single = matches!(
            operation,
            Operation::Kill | Operation::Queue | Operation::Tgkill | Operation::QueueToThread
        );
        let target = single.then_some(self.other.name);
        self.tell(command, target)
    }

    fn tell(self, command: Command, target: Option<usize>) -> Step {
        Step::Tell {
            actor: self.actor,
            command,
            about: String::new(),
            birth: None,
            children: None,
            target,
        }
    }

    fn birth(self, operation: Operation) -> Step {
        let c = self.c;
        let parent = self.world.agent(self.actor);
        let (own_user, depth) = (parent.own_user, parent.children.len());
        let mut chain = parent.children.clone();
        let mut leader = None;
        let (mut arguments, mut flags) = (vec![], 0);
        match operation {
            Operation::Thread => {
                chain = parent.chain.clone();
                leader = Some(parent.leader);
            }
            Operation::Vfork => arguments = vec![c.below(2) as i32],
            _ => {
                // A new namespace below one that is not the own is refused.
                let below_other = parent.children != parent.chain;
                if depth < DEEPEST && c.one_in(if below_other { 8 } else { 2 }) {
                    flags |= NEWPID;
                    chain.push(self.world.new_namespace());
                }
                if c.one_in(12) {
                    flags |= NEWUSER;
                }
                if c.one_in(10) {
                    flags |= libc::CLONE_PARENT;
                }
                let no_signal = flags & libc::CLONE_PARENT != 0;
                let signals = [
                    libc::SIGCHLD,
                    libc::SIGCHLD,
                    libc::SIGCHLD,
                    libc::SIGUSR1,
                    0,
                ];
                arguments = vec![flags, if no_signal { 0 } else { c.of(&signals) }];
                if c.one_in(5) {
                    let most = chain.len() + usize::from(c.one_in(4));
                    let levels = 1 + c.below(most);
                    let is_new = flags & NEWPID != 0 && !c.one_in(4);
                    for level in 0..levels {
                        arguments.push(match c.below(8) {
                            // In the initial namespace who knows which are free.
                            _ if level == chain.len() => c.of(&[0, -1, 1, i32::MAX]),
                            _ if level == 0 && is_new => 1,
                            0 => c.of(&[0, -1, 1, 70000]),
                            _ => c.of(&[2, 7, 12, 25, 30, 40, 50, 60, 299, 301]),
                        });
                    }
                }
            }
        }
        let (mine, theirs) = Channel::pair();
        Step::Tell {
            actor: self.actor,
            command: Command::new(operation, &arguments).with(theirs.into_fd()),
            about: String::new(),
            birth: Some(Birth {
                channel: mine,
                chain,
                leader,
                own_user: own_user || flags & NEWUSER != 0,
            }),
            children: None,
            target: None,
        }
    }

    fn unshare(self) -> Step {
        let parent = self.world.agent(self.actor);
        let mut children = parent.chain.clone();
        let flags = if self.c.one_in(6) {
            NEWPID | NEWUSER
        } else {
            NEWPID
        };
        children.push(self.world.new_namespace());
        let command = Command::new(Operation::Unshare, &[flags]);
        let mut step = self.tell(command, None);
        if let Step::Tell { children: c, .. } = &mut step {
            *c = Some(children);
        }
        step
    }

    fn with_namespace(self, operation: Operation) -> Step {
        let other = self.world.agent(self.other.name);
        let by_pidfd = operation == Operation::Setns && self.c.one_in(2);
        let of_children = !by_pidfd && self.c.one_in(3);
        let name = ["pid", "pid_for_children"][usize::from(of_children)];
        let opened = if other.gone {
            Err(nix::errno::Errno::ESRCH)
        } else if by_pidfd {
            pidfd_open(other.outer)
        } else {
            namespace_of(other, name)
        };
        let what = if by_pidfd { "pidfd" } else { name };
        let about = format!(" {what} of a{}", self.other.name);
        let fd = match opened {
            Ok(fd) => fd,
            Err(e) => return Step::Nothing(format!("{operation:?}{about}: {e}")),
        };
        let chain = if of_children {
            &other.children
        } else {
            &other.chain
        };
        let children = (operation == Operation::Setns).then(|| chain.clone());
        let arguments = if operation == Operation::Setns {
            vec![self.c.of(&[NEWPID, NEWPID, NEWPID, 0])]
        } else {
            let requests = [0xb701, 0xb702, 0xb703, 0xb706, 0xb707, 0xb708, 0xb709];
            let request = self.c.of(&requests);
            let reads = if request >= 0xb706 {
                i32::from_ne_bytes(0x8004_0000u32.to_ne_bytes())
            } else {
                0
            };
            vec![request | reads, self.other.number]
        };
        let command = Command::new(operation, &arguments).with(fd);
        let mut step = self.tell(command, None);
        if let Step::Tell {
            children: c,
            about: a,
            ..
        } = &mut step
        {
            (*c, *a) = (children, about);
        }
        step
    }

    fn with_pidfd(self, operation: Operation) -> Step {
        let name = self.other.name;
        let about = format!(" a{name}");
        let other = self.world.agent(name);
        let fd = match pidfd_open(other.outer) {
            Ok(fd) => fd,
            Err(e) => return Step::Nothing(format!("{operation:?}{about}: {e}")),
        };
        let arguments = if operation == Operation::PidfdSignal {
            vec![self.c.weighted(SIGNALS), self.c.of(&[0, 0, 0, 1, 2, 4])]
        } else {
            vec![]
        };
        let is_single = arguments.get(1).is_some_and(|flags| *flags != 4);
        let command = Command::new(operation, &arguments).with(fd);
        let mut step = self.tell(command, is_single.then_some(name));
        if let Step::Tell { about: a, .. } = &mut step {
            *a = about;
        }
        step
    }

    fn with_socket(self, operation: Operation) -> Step {
        let arguments = if operation == Operation::Post {
            vec![self.c.of(&[-1, -1, self.other.number])]
        } else {
            vec![]
        };
        let end = usize::from(operation == Operation::Collect);
        let socket = self.world.post[end].try_clone().expect("a descriptor more");
        let command = Command::new(operation, &arguments).with(socket);
        self.tell(command, None)
    }

    fn waitid(self) -> Step {
        let c = self.c;
        let kinds = [
            libc::P_ALL,
            libc::P_ALL,
            libc::P_PID,
            libc::P_PGID,
            libc::P_PIDFD,
        ];
        let kind = c.of(&kinds);
        let options = c.of(&[
            libc::WEXITED,
            libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED,
            libc::WSTOPPED,
        ]) | c.of(&[0, libc::WNOHANG, libc::WNOHANG])
            | c.of(&[0, 0, libc::WNOWAIT])
            | c.of(&[0, 0, libc::__WALL, libc::__WNOTHREAD]);
        let mut command = Command::new(
            Operation::Waitid,
            &[kind as i32, self.other.number, options],
        );
        let mut about = String::new();
        if kind == libc::P_PIDFD {
            let other = self.world.agent(self.other.name);
            about = format!(" a{}", other.name);
            match pidfd_open(other.outer) {
                Ok(fd) => command = command.with(fd),
                Err(e) => return Step::Nothing(format!("Waitid{about}: {e}")),
            }
        }
        Step::Tell {
            actor: self.actor,
            command,
            about,
            birth: None,
            children: None,
            target: None,
        }
    }

    fn ptrace(self) -> Step {
        let c = &mut *self.c;
        let other = self.world.agent(self.other.name);
        if other.name == 0 {
            return Step::Nothing("Ptrace of a0".to_string());
        }
        let options =
            libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACEEXIT;
        let options = c.of(&[0, options, libc::PTRACE_O_TRACEEXEC]);
        let signal = c.weighted(SIGNALS);
        let requests: &[(u32, i32)] = if self.world.state_of(other) == 't' {
            &[
                (libc::PTRACE_CONT, 0),
                (libc::PTRACE_CONT, 1),
                (libc::PTRACE_DETACH, 0),
                (libc::PTRACE_DETACH, 1),
                (libc::PTRACE_GETSIGINFO, 0),
                (libc::PTRACE_GETEVENTMSG, 0),
                (libc::PTRACE_LISTEN, 0),
                (libc::PTRACE_SETOPTIONS, 2),
            ]
        } else {
            &[
                (libc::PTRACE_SEIZE, 2),
                (libc::PTRACE_SEIZE, 2),
                (libc::PTRACE_ATTACH, 0),
                (libc::PTRACE_INTERRUPT, 0),
            ]
        };
        let (request, what) = c.of(requests);
        let data = [0, signal, options][what as usize];
        let command = Command::new(
            Operation::Ptrace,
            &[request as i32, self.other.number, data],
        );
        self.tell(command, None)
    }
}
