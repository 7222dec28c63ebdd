//! The agents: who they are, where they are, and what they say.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use super::agent::{self, ANSWER, HELLO, SECRET};
use super::calls::word_of_link;
use super::command::Command;
use super::snapshot::Snapshot;
use crate::channel::Channel;
use crate::proc_fs::Proc;
use crate::process::{kill, new_ns, Child};

/// How long a world may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the kernel's own work may take.
const LONG: Duration = Duration::from_secs(1);

/// An agent: a process, or a thread of one.
pub struct Agent {
    /// The number of the step in which it was born.
    pub name: usize,
    /// The one whose thread it is; itself, if it is a process.
    pub leader: usize,
    channel: Channel,
    /// Its number in the initial namespace, which is never printed.
    pub outer: i32,
    /// Its numbers from the world's namespace down.
    pub numbers: Vec<i32>,
    /// Its namespaces from the world's down, and that of its next child.
    pub chain: Vec<usize>,
    pub children: Vec<usize>,
    /// It is in a user namespace of its own.
    pub own_user: bool,
    /// It has been told something and has not answered.
    pub busy: bool,
    /// The link that it has read.
    secret: Option<i32>,
    /// What it answered last.
    pub answer: Vec<i32>,
    /// Nobody holds the other end of its channel.
    pub gone: bool,
}

impl Agent {
    /// Whether it has ever said its numbers.
    pub fn is_born(&self) -> bool {
        !self.numbers.is_empty()
    }

    pub fn is_init(&self) -> bool {
        self.numbers.len() == self.chain.len() && self.numbers.last() == Some(&1)
    }
}

pub struct World {
    first: Child,
    pub agents: Vec<Agent>,
    pub proc: Proc,
    /// What is known of the tasks, and of what they have: steps are chosen by this.
    pub now: Snapshot,
    /// What has been printed of them.
    shown: Snapshot,
    /// All is looked at, and printed, after each step. It makes no difference to what is chosen.
    closely: bool,
    /// What some post and others collect.
    pub post: [OwnedFd; 2],
    next_namespace: usize,
}

impl World {
    /// A namespace with one agent, its init.
    pub fn new(closely: bool) -> World {
        let (mine, theirs) = Channel::pair();
        let (proc_mine, proc_theirs) = Channel::pair();
        let first = new_ns(|_| {
            // Agents run one after another, in the order in which they are woken, and before the director.
            let priority = libc::sched_param { sched_priority: 50 };
            // SAFETY: the structure is live.
            unsafe {
                let fifo = libc::syscall(libc::SYS_sched_setscheduler, 0, 1, &priority);
                check!(fifo, 0, "sched_setscheduler");
                libc::setsid();
            }
            crate::signal_state::reset();
            proc_theirs.send_fd(Proc::mount().fd());
            agent::begin(theirs.fd())
        });
        let proc = Proc::from_fd(proc_mine.receive_fd());
        drop(theirs);
        let mut world = World {
            first,
            agents: Vec::new(),
            proc,
            now: Snapshot::default(),
            shown: Snapshot::default(),
            closely,
            post: {
                let (in_end, out_end) = Channel::pair();
                [in_end.into_fd(), out_end.into_fd()]
            },
            next_namespace: 1,
        };
        world.expect(0, mine, vec![0], None);
        world
    }

    pub fn new_namespace(&mut self) -> usize {
        self.next_namespace += 1;
        self.next_namespace - 1
    }

    /// Adds an agent that will say its numbers.
    pub fn expect(
        &mut self,
        name: usize,
        channel: Channel,
        chain: Vec<usize>,
        leader: Option<usize>,
    ) {
        self.agents.push(Agent {
            name,
            leader: leader.unwrap_or(name),
            channel,
            outer: 0,
            numbers: Vec::new(),
            children: chain.clone(),
            chain,
            own_user: false,
            busy: false,
            secret: None,
            answer: Vec::new(),
            gone: false,
        });
    }

    pub fn agent(&self, name: usize) -> &Agent {
        let found = self.agents.iter().find(|a| a.name == name);
        found.expect("an agent of that name")
    }

    pub fn agent_mut(&mut self, name: usize) -> &mut Agent {
        let found = self.agents.iter_mut().find(|a| a.name == name);
        found.expect("an agent of that name")
    }

    pub fn state_of(&self, agent: &Agent) -> char {
        let task = agent.numbers.first().and_then(|n| self.now.0.get(n));
        task.map_or('-', |t| t.state)
    }

    /// The agents that answer when they are told something.
    pub fn idle(&self) -> Vec<usize> {
        self.names(|a| !a.gone && !a.busy && self.state_of(a) == 'S')
    }

    /// The names of agents that have lived.
    pub fn names(&self, which: impl Fn(&Agent) -> bool) -> Vec<usize> {
        let agents = self.agents.iter().filter(|a| a.is_born() && which(a));
        agents.map(|a| a.name).collect()
    }

    /// The number of one agent as another sees it.
    pub fn seen(&self, by: &Agent, of: &Agent) -> Option<i32> {
        let sees = of.chain.starts_with(&by.chain);
        sees.then(|| of.numbers.get(by.chain.len() - 1).copied())?
    }

    pub fn tell(&mut self, name: usize, command: &Command) {
        let agent = self.agent_mut(name);
        agent.busy = true;
        let fd = command.fd.as_ref().map(AsRawFd::as_raw_fd);
        agent.channel.send_with(&command.words(), fd);
    }

    /// Waits until what the last step has set off is over; the lines that tell of it.
    ///
    /// None of the agents can run while the director does. So it is over when those whom the step is about, and who
    /// say something, wait. If one of them does not, it waits for the kernel's own work: then all are waited for.
    ///
    /// Only those are looked at; or everybody, if `about` is nobody in particular, or if one of them has not answered.
    /// How long something took must make no difference to who is looked at: steps are chosen by what is known.
    pub fn settle(&mut self, about: Option<&[usize]>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut said = self.listen();
        let mut all = None;
        if !about.is_some_and(|about| self.look_at(about, &said)) {
            loop {
                all = Some(self.wait(&self.now, &mut lines));
                let more = self.listen();
                if more.is_empty() {
                    break;
                }
                said.extend(more);
            }
        }
        match all {
            Some(all) if !about.is_some_and(|about| self.have_answered(about)) => self.now = all,
            Some(_) => {
                self.look_at(about.unwrap_or_default(), &said);
            }
            None => {}
        }
        said.sort_by_key(|(name, _)| *name);
        lines.extend(said.into_iter().map(|(_, line)| line));
        if let Some(secret) = self.agents.iter_mut().find_map(|a| a.secret.take()) {
            lines.push(format!(
                "  that is the namespace of {:?}",
                self.linked(secret)
            ));
        }
        let shown = if self.closely {
            self.wait(&self.shown, &mut lines)
        } else {
            self.now.clone()
        };
        lines.extend(shown.changes(&self.shown));
        self.shown = shown;
        self.agents.retain(|a| a.is_born() || !a.gone);
        lines
    }

    /// Waits until every task waits.
    fn wait(&self, before: &Snapshot, lines: &mut Vec<String>) -> Snapshot {
        let start = Instant::now();
        loop {
            let now = Snapshot::take(&self.proc, before);
            let waited = start.elapsed();
            match now {
                Ok(now) if now.is_quiet(if waited < LONG { &self.shown } else { &now }) => {
                    return now;
                }
                Ok(now) if waited > PATIENCE => {
                    lines.push("  FINDING: the world does not come to rest".to_string());
                    return now;
                }
                Err(e) if waited > PATIENCE => {
                    lines.push(format!("  FINDING: /proc cannot be read: {e}"));
                    return Snapshot::default();
                }
                _ => {}
            }
        }
    }

    /// Looks at some agents, and those who have said something; whether all of them have answered, and wait.
    fn look_at(&mut self, about: &[usize], said: &[(usize, String)]) -> bool {
        let mut names: Vec<usize> = said.iter().map(|(name, _)| *name).collect();
        names.extend(about);
        names.sort_unstable();
        names.dedup();
        let wait = names.iter().filter(|name| self.look_at_one(**name)).count();
        wait == names.len() && self.have_answered(&names)
    }

    /// Reads anew what is known of an agent; whether it waits, or has ended.
    pub fn look_at_one(&mut self, name: usize) -> bool {
        let agent = self.agent(name);
        let Some(&number) = agent.numbers.first() else {
            return true;
        };
        let leader = self.agent(agent.leader).numbers.first();
        let task = self
            .now
            .look_at(&self.proc, *leader.unwrap_or(&number), number);
        task.is_none_or(|t| t.is_quiet())
    }

    fn have_answered(&self, names: &[usize]) -> bool {
        let mut agents = names.iter().map(|name| self.agent(*name));
        agents.all(|a| a.gone || a.is_born() && !a.busy)
    }

    /// What the agents have said, each with its name.
    fn listen(&mut self) -> Vec<(usize, String)> {
        let living = || self.agents.iter().filter(|a| !a.gone);
        let speak = Channel::readable(living().map(|a| &a.channel));
        let mut said = Vec::new();
        let living = self.agents.iter_mut().filter(|a| !a.gone);
        for (agent, _) in living.zip(speak).filter(|(_, speaks)| *speaks) {
            let mut lines = Vec::new();
            agent.listen(&mut lines);
            said.extend(lines.into_iter().map(|line| (agent.name, line)));
        }
        said
    }

    /// Those that live in the namespace of a link.
    fn linked(&self, secret: i32) -> Vec<usize> {
        self.names(|a| {
            let link = || self.proc.link(&format!("{}/ns/pid", a.numbers[0]));
            !a.gone && link().is_ok_and(|text| word_of_link(&text) == secret)
        })
    }

    /// Ends all, each by itself: one may trace the init, and hold it at its end.
    pub fn end(self) {
        for agent in self.agents.iter().filter(|a| a.is_born() && !a.gone) {
            let _ = kill(agent.outer, libc::SIGKILL);
        }
        // It may have ended already.
        let _ = kill(self.first.pid, libc::SIGKILL);
        self.first.wait();
    }
}

impl Agent {
    /// Takes what it has said.
    fn listen(&mut self, lines: &mut Vec<String>) {
        while !self.gone && self.channel.is_readable() {
            let name = self.name;
            let Some(words) = self.channel.receive_or_end() else {
                self.gone = true;
                lines.push(format!("  a{name} has closed its channel"));
                return;
            };
            match words[0] {
                HELLO => {
                    self.outer = words[1];
                    self.numbers = words[7..].to_vec();
                    self.leader = if words[2] == words[3] {
                        name
                    } else {
                        self.leader
                    };
                    self.busy = false;
                    let (own, numbers) = (&words[2..7], &self.numbers);
                    lines.push(format!("  a{name} is {numbers:?}, sees {own:?}"));
                    if self.numbers.len() != self.chain.len() {
                        let chain = &self.chain;
                        lines.push(format!("  FINDING: a{name} should be in {chain:?}"));
                    }
                }
                ANSWER => {
                    self.busy = false;
                    self.answer = words[1..].to_vec();
                    lines.push(format!("  a{name} answers {:?}", self.answer));
                }
                SECRET => self.secret = Some(words[1]),
                _ => lines.push(format!("  a{name} takes {:?}", &words[1..])),
            }
        }
    }
}

/// A file of `/proc` of an agent, opened by its number in the initial namespace.
pub fn namespace_of(agent: &Agent, name: &str) -> nix::Result<OwnedFd> {
    use nix::fcntl::{open, OFlag};
    let path = format!("/proc/{}/ns/{name}", agent.outer);
    open(
        path.as_str(),
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )
}
