// SPDX-License-Identifier: GPL-2.0

//! What a signal that a task sends does to a process. Pure rules; docs/SIGNALS.md is what they follow.

/// Where the sender stands, seen from the process that it signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// In the process's namespace or below.
    Inside,
    /// Outside: in any other.
    Ancestor,
    /// It is the process itself.
    Itself,
}

/// By which rule a process takes signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is no namespace's init: signal(7).
    Ordinary,
    /// Mainline's for a namespace's init.
    Mainline,
    /// The module's.
    TwoSided,
}

/// What a process has said that a signal shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignored,
    Handler,
}

/// What a signal does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Terminate,
    Core,
    Stop,
    /// Nothing; SIGCONT continues a stopped process whatever that has said about it.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The default action happens.
    Act(Action),
    Handler,
    /// Nothing happens, as to any process.
    Ignored,
    /// Nothing happens: it is protected as its namespace's init.
    Protected,
}

pub const SIGKILL: i32 = 9;
pub const SIGCONT: i32 = 18;
pub const SIGSTOP: i32 = 19;

/// As signal(7) lists them, by the numbers that x86 and arm64 share.
pub fn default_action(signal: i32) -> Action {
    match signal {
        3..=8 | 11 | 24 | 25 | 31 => Action::Core,
        19..=22 => Action::Stop,
        17 | 18 | 23 | 28 => Action::Nothing,
        _ => Action::Terminate,
    }
}

/// What a signal does when it is taken: at once, if it is not blocked and no tracer sees it first.
pub fn judge(rule: Rule, signal: i32, sender: Sender, disposition: Disposition) -> Outcome {
    let action = default_action(signal);
    match (disposition, action) {
        (Disposition::Handler, _) => return Outcome::Handler,
        (Disposition::Ignored, _) | (_, Action::Nothing) => return Outcome::Ignored,
        _ => {}
    }
    let only_from_outside = matches!(signal, SIGKILL | SIGSTOP);
    let acts = match (rule, sender) {
        (Rule::Ordinary, _) => true,
        (Rule::Mainline, sender) => only_from_outside && sender == Sender::Ancestor,
        (Rule::TwoSided, Sender::Ancestor) => true,
        (Rule::TwoSided, Sender::Itself) => !only_from_outside,
        (Rule::TwoSided, Sender::Inside) => false,
    };
    if acts {
        Outcome::Act(action)
    } else {
        Outcome::Protected
    }
}

/// The module's own.
#[cfg(test)]
#[allow(dead_code)]
#[path = "../../../src/signal/verdict.rs"]
mod verdict;

#[cfg(test)]
mod tests {
    use super::*;

    const DISPOSITIONS: [(Disposition, verdict::Disposition); 3] = [
        (Disposition::Default, verdict::Disposition::Default),
        (Disposition::Ignored, verdict::Disposition::Ignored),
        (Disposition::Handler, verdict::Disposition::Handler),
    ];
    const SENDERS: [(Sender, verdict::Sender); 3] = [
        (Sender::Inside, verdict::Sender::Inside),
        (Sender::Ancestor, verdict::Sender::Ancestor),
        (Sender::Itself, verdict::Sender::Itself),
    ];

    #[test]
    fn every_cell_is_the_modules() {
        let mut cells = 0;
        for (rule, two_sided) in [(Rule::Mainline, false), (Rule::TwoSided, true)] {
            for signal in 1..=64 {
                for (sender, theirs) in SENDERS {
                    for (disposition, said) in DISPOSITIONS {
                        let outcome = judge(rule, signal, sender, disposition);
                        let verdict = verdict::judge(two_sided, signal, Some(theirs), said, false);
                        let expected = match verdict {
                            verdict::Verdict::Drop => Outcome::Protected,
                            verdict::Verdict::Act => Outcome::Act(default_action(signal)),
                            verdict::Verdict::Deliver => Outcome::Handler,
                            verdict::Verdict::Ignore => Outcome::Ignored,
                            verdict::Verdict::Keep => unreachable!("it is not held"),
                        };
                        let cell = format!("{rule:?}, {signal} from {sender:?}, {disposition:?}");
                        assert_eq!(outcome, expected, "{cell}");
                        cells += 1;
                    }
                }
            }
        }
        assert_eq!(cells, 2 * 64 * 3 * 3);
    }

    #[test]
    fn every_default_action_is_the_modules() {
        for signal in 1..=64 {
            let expected = match verdict::default_action(signal) {
                verdict::Action::Terminate => Action::Terminate,
                verdict::Action::Core => Action::Core,
                verdict::Action::Stop => Action::Stop,
                verdict::Action::Nothing => Action::Nothing,
            };
            assert_eq!(default_action(signal), expected, "signal {signal}");
        }
    }

    #[test]
    fn an_ordinary_process_asks_nobody_where_it_came_from() {
        for signal in 1..=64 {
            for (sender, _) in SENDERS {
                let outcome = |disposition| judge(Rule::Ordinary, signal, sender, disposition);
                assert_eq!(outcome(Disposition::Handler), Outcome::Handler);
                assert_eq!(outcome(Disposition::Ignored), Outcome::Ignored);
                let by_default = match default_action(signal) {
                    Action::Nothing => Outcome::Ignored,
                    action => Outcome::Act(action),
                };
                assert_eq!(outcome(Disposition::Default), by_default, "signal {signal}");
            }
        }
    }
}
