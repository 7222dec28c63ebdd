// SPDX-License-Identifier: GPL-2.0

//! One signal to one process as it is now: what happens, and why.

use crate::{
    process::Process,
    rule::{self, default_action, judge, Action, Disposition, Outcome, Rule, Sender},
    taking::Taking,
};

/// It acts, or the program is told.
const HAPPENS: u8 = 0;
/// Nothing happens.
const NOTHING: u8 = 1;
/// It is pending, and decided later.
pub(crate) const PENDING: u8 = 3;

/// Where a process stands to its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    None,
    Background,
    Foreground,
}

pub struct Case<'a> {
    pub signal: i32,
    pub relation: Sender,
    /// The sender's namespace is no ancestor's: the target has no number there.
    pub is_beside: bool,
    pub rule: Rule,
    /// Why it is that one.
    pub rule_says: String,
    pub target: &'a Process,
    /// Nobody looks at the machine's own init by the module's rule.
    pub is_machines_own: bool,
    pub orphaned: bool,
    pub is_frozen: bool,
    pub taking: Taking,
    pub terminal: Terminal,
    /// `pidns_terminal`, if one may know.
    pub terminal_counts: Option<bool>,
    pub grace_ms: Option<u64>,
}

impl Case<'_> {
    fn disposition(&self) -> Disposition {
        if self.target.caught.has(self.signal) {
            Disposition::Handler
        } else if self.target.ignored.has(self.signal) {
            Disposition::Ignored
        } else {
            Disposition::Default
        }
    }

    pub(crate) fn judge_by(&self, rule: Rule) -> Outcome {
        // While it is traced it asks itself for nothing.
        let relation = match self.relation {
            Sender::Itself if self.target.tracer != 0 => Sender::Inside,
            relation => relation,
        };
        judge(rule, self.signal, relation, self.disposition())
    }

    fn ends_by_rule(&self) -> bool {
        let outcome = self.judge_by(self.rule);
        matches!(outcome, Outcome::Act(Action::Terminate | Action::Core))
    }

    fn is_catchable(&self) -> bool {
        !matches!(self.signal, rule::SIGKILL | rule::SIGSTOP)
    }

    /// The thread that takes it by a `sigwait`, whatever the disposition is: no tracer sees that.
    pub(crate) fn waiter(&self) -> Option<i32> {
        self.taking
            .waiter(self.signal)
            .filter(|_| self.is_catchable())
    }

    fn is_blocked(&self) -> bool {
        self.is_catchable() && self.taking.is_blocked(self.signal)
    }

    /// The `signalfd` from which it is read, as it is blocked meanwhile.
    pub(crate) fn signalfd(&self) -> Option<i32> {
        self.taking
            .signalfd(self.signal)
            .filter(|_| self.is_blocked())
    }

    /// `kernel/signal.c: complete_signal` does not ask whether this is an init: of what the first thread blocks, the
    /// protection knows when another thread takes it, which for the end of a process is too late.
    fn slips_through(&self) -> bool {
        self.rule == Rule::Mainline
            && self.judge_by(self.rule) == Outcome::Protected
            && default_action(self.signal) == Action::Terminate
            && self.is_catchable()
            && self.target.tracer == 0
            && self.taking.is_blocked_by_first_but_not_all(self.signal)
    }

    /// What happens as soon as it is taken, if it is not by a `sigwait` or from a `signalfd`.
    fn when_taken(&self) -> (u8, &'static str) {
        if self.slips_through() {
            return (
                HAPPENS,
                "it ends: its first thread blocks it, and mainline then forgets that it is an init",
            );
        }
        match self.judge_by(self.rule) {
            Outcome::Act(Action::Stop) if self.signal != rule::SIGSTOP && self.orphaned => {
                (NOTHING, "nothing, its process group is orphaned")
            }
            Outcome::Act(Action::Terminate) => (HAPPENS, "it ends"),
            Outcome::Act(Action::Core) => (HAPPENS, "it ends, with a core dump"),
            Outcome::Act(Action::Stop) => (HAPPENS, "it stops"),
            Outcome::Act(Action::Nothing) | Outcome::Ignored => (NOTHING, "nothing"),
            Outcome::Handler => (HAPPENS, "its handler runs"),
            Outcome::Protected => (NOTHING, "nothing, it is protected as an init"),
        }
    }

    /// What happens as soon as somebody takes it, and why nobody does at once.
    fn taken(&self) -> (u8, &'static str, Option<&'static str>) {
        let is_killed = self.signal == rule::SIGKILL;
        let (status, what) = match self.waiter() {
            Some(_) => (
                HAPPENS,
                "it goes on from its sigwait, as it is written to do",
            ),
            None => self.when_taken(),
        };
        let ends = self.waiter().is_none() && (self.ends_by_rule() || self.slips_through());
        let held = if self.is_blocked() {
            Some("it is blocked")
        } else if self.target.tracer != 0 && !is_killed && self.waiter().is_none() {
            Some("its tracer sees it first")
        } else if status != HAPPENS {
            // What it ignores or is protected from need not wait for the following.
            None
        } else if self.target.state == 'D' && self.is_frozen {
            Some("its cgroup is frozen")
        } else if self.target.state == 'D' {
            Some("it sleeps and takes no signal (state D)")
        } else if self.target.state == 'T' && !is_killed {
            Some("the process is stopped")
        } else if self.is_frozen && !ends {
            Some("its cgroup is frozen")
        } else {
            None
        };
        (status, what, held)
    }

    /// The status to exit with, and a sentence.
    pub fn outcome(&self) -> (u8, String) {
        if !self.target.is_alive() {
            return (NOTHING, "nothing, it has ended".to_owned());
        }
        if self.target.is_in_grace() {
            let cuts_short = self.signal == rule::SIGKILL && self.relation == Sender::Ancestor;
            return if cuts_short {
                (HAPPENS, "its members have no more time".to_owned())
            } else {
                (NOTHING, "nothing, it is ending".to_owned())
            };
        }
        if self.target.exiting {
            return (NOTHING, "nothing, it is ending".to_owned());
        }
        if self.target.state == 'T' && self.signal == rule::SIGCONT {
            return (HAPPENS, "it continues".to_owned());
        }
        match self.taken() {
            (status, what, None) => (status, what.to_owned()),
            (_, _, Some(held)) if self.signalfd().is_some() => {
                (PENDING, format!("pending, as {held}, until it reads it from its signalfd, as it is written to do"))
            }
            (_, what, Some(held)) => (PENDING, format!("pending, as {held}; when it is taken: {what}")),
        }
    }

    /// Why, each by a word and a sentence.
    pub fn reasons(&self, name: &str) -> Vec<(&'static str, String)> {
        if self.target.exiting || self.target.is_in_grace() || !self.target.is_alive() {
            return Vec::new();
        }
        let mut reasons = vec![
            ("sender", self.sender().to_owned()),
            ("disposition", self.disposition_of(name)),
            ("rule", self.rule_says.clone()),
        ];
        if self.target.tracer != 0 {
            reasons.push(("tracer", format!("process {}", self.target.tracer)));
        }
        if self.taking.is_hidden && self.is_catchable() {
            reasons.push((
                "not seen",
                format!("whether a thread waits for {name} (sigwait): ask as root"),
            ));
        }
        let is_read = self.waiter().is_some() || self.signalfd().is_some();
        if self.rule == Rule::Mainline
            && !self.is_machines_own
            && !is_read
            && self.judge_by(Rule::TwoSided) != self.judge_by(Rule::Mainline)
        {
            reasons.push(("two-sided", "by that rule it would act".to_owned()));
        }
        if let Some(then) = self.then(name) {
            reasons.push(("then", then));
        }
        if let Some(terminal) = self.typed(name) {
            reasons.push(("terminal", terminal));
        }
        reasons
    }

    fn sender(&self) -> &'static str {
        match self.relation {
            Sender::Inside => "inside: in its namespace or below",
            Sender::Ancestor if self.is_beside => {
                "outside of its namespace, beside it: it can name it as a member of a process group alone"
            }
            Sender::Ancestor => "outside of its namespace",
            Sender::Itself => "itself",
        }
    }

    fn disposition_of(&self, name: &str) -> String {
        match (self.waiter(), self.signalfd(), self.disposition()) {
            (Some(thread), _, _) => {
                format!("thread {thread} waits for {name} (sigwait), and takes it")
            }
            (_, Some(file), _) => {
                format!("it blocks {name}, and reads it from its signalfd (file {file})")
            }
            (.., Disposition::Default) => {
                format!("it has no handler for {name}, and does not ignore it")
            }
            (.., Disposition::Ignored) => format!("it ignores {name}"),
            (.., Disposition::Handler) => format!("it has a handler for {name}"),
        }
    }

    /// What becomes of the rest of an init's namespace.
    fn then(&self, name: &str) -> Option<String> {
        if !self.target.is_init() || self.is_machines_own {
            return None;
        }
        if self.waiter().is_some()
            || self.signalfd().is_some()
            || self.disposition() == Disposition::Handler
        {
            return Some("if it exits, the others of its namespace are killed at once".to_owned());
        }
        let is_soft = self.rule == Rule::TwoSided
            && self.relation == Sender::Ancestor
            && self.signal != rule::SIGKILL
            && self.grace_ms != Some(0);
        let grace = match self.grace_ms {
            Some(ms) => format!("{ms} ms"),
            None => "the grace (pidns_grace_ms)".to_owned(),
        };
        (self.ends_by_rule() && is_soft).then(|| {
            format!("all of its namespace get {name}, and have {grace} to end by themselves")
        })
    }

    /// What is typed at a terminal is the kernel's signal, and judged apart.
    fn typed(&self, name: &str) -> Option<String> {
        let key = match self.signal {
            2 => "Ctrl-C",
            3 => "Ctrl-\\",
            20 => "Ctrl-Z",
            _ => return None,
        };
        let what = match self.terminal {
            _ if !self.target.is_init() || self.is_machines_own => return None,
            Terminal::None => return None,
            Terminal::Background => "not for it: its process group is in the background".to_owned(),
            Terminal::Foreground if self.terminal_counts == Some(false) => {
                format!("another {name}, the kernel's, for which mainline's rule is set (pidns_terminal=0)")
            }
            Terminal::Foreground => {
                format!("another {name}, the kernel's: pidnsctl trace tells what becomes of it")
            }
        };
        Some(format!("a {key} that is typed there is {what}"))
    }
}
