// SPDX-License-Identifier: GPL-2.0

//! A line of the trace: a verdict on a signal, or that some were lost.

use serde::Serialize;

#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Verdict(Verdict),
    /// How many, if the kernel knows.
    Lost {
        events: Option<u64>,
        cpu: u32,
    },
}

/// The trace event `pidns:signal_verdict`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The name of the task that was there: the sender, if it is a task's signal; or the init that takes it.
    pub task: String,
    pub sig: i32,
    pub at: String,
    pub relation: String,
    pub disposition: String,
    pub verdict: String,
    pub sender: i32,
    pub sender_global: i32,
    pub sender_ns: u64,
    pub target: i32,
    pub target_global: i32,
    pub target_ns: u64,
}

/// What a line of `trace_pipe` says, if it says anything about signals.
pub fn parse(line: &str) -> Option<Line> {
    lost(line).or_else(|| verdict(line).map(Line::Verdict))
}

/// `CPU:1 [LOST 42 EVENTS]`, or `CPU:1 [LOST EVENTS]`
fn lost(line: &str) -> Option<Line> {
    let (cpu, rest) = line.trim().strip_prefix("CPU:")?.split_once(' ')?;
    let events = rest.strip_prefix("[LOST ")?.strip_suffix("EVENTS]")?;
    let events = match events.trim() {
        "" => None,
        number => Some(number.parse().ok()?),
    };
    Some(Line::Lost {
        events,
        cpu: cpu.parse().ok()?,
    })
}

/// `   my bash-1234    [001] d..2.   12.345678: signal_verdict: sig=15 at=send …`
fn verdict(line: &str) -> Option<Verdict> {
    let (head, fields) = line.split_once(": signal_verdict: ")?;
    let (task, _) = head.rsplit_once(" [")?;
    let (task, _) = task.rsplit_once('-')?;
    let mut it = Verdict {
        task: task.trim().to_owned(),
        ..Verdict::default()
    };
    for field in fields.split_whitespace() {
        let (name, value) = field.split_once('=')?;
        match name {
            "sig" => it.sig = value.parse().ok()?,
            "at" => it.at = value.to_owned(),
            "relation" => it.relation = value.to_owned(),
            "disposition" => it.disposition = value.to_owned(),
            "verdict" => it.verdict = value.to_owned(),
            "sender" => it.sender = value.parse().ok()?,
            "sender_global" => it.sender_global = value.parse().ok()?,
            "sender_ns" => it.sender_ns = value.parse().ok()?,
            "target" => it.target = value.parse().ok()?,
            "target_global" => it.target_global = value.parse().ok()?,
            "target_ns" => it.target_ns = value.parse().ok()?,
            // A newer module may say more.
            _ => {}
        }
    }
    (it.sig != 0).then_some(it)
}

impl Verdict {
    /// As a sentence: `init` is the name of the one that is signalled, `place` that of its container, and `tells` whether
    /// only mainline's rule acts there (`two_sided_init=2`).
    pub fn sentence(&self, signal: &str, init: &str, place: &str, tells: bool) -> String {
        let target = format!("{init}, pid {} of {place}", self.target);
        let outcome = self.outcome(tells);
        if self.at == "take" {
            return format!("{signal} taken by {target}: {outcome}");
        }
        let task = || format!("{} ({})", self.task, self.sender_global);
        let sender = match self.relation.as_str() {
            "kernel" => "the kernel".to_owned(),
            _ if self.sender_global == 0 => "nobody in particular".to_owned(),
            "itself" => "itself".to_owned(),
            _ => task(),
        };
        format!("{signal} from {sender} to {target}: {outcome}")
    }

    fn outcome(&self, tells: bool) -> String {
        let is_only_told = tells && !matches!(self.sig, 9 | 19) && self.verdict == "act";
        match (self.verdict.as_str(), self.disposition.as_str()) {
            ("act", _) if is_only_told => {
                format!(
                    "would act by the two-sided rule, {}; two_sided_init=2 only tells",
                    self.origin()
                )
            }
            ("act", _) => format!("acted, {}", self.origin()),
            ("drop", _) => format!("dropped, {} to an init without a handler", self.origin()),
            ("deliver", _) => "its handler runs".to_owned(),
            ("ignore", "ignored") => "nothing, it ignores that".to_owned(),
            ("ignore", _) => "nothing, as by default".to_owned(),
            ("keep", _) => "pending, it is blocked or a tracer sees it first".to_owned(),
            (other, _) => other.to_owned(),
        }
    }

    fn origin(&self) -> &str {
        match self.relation.as_str() {
            "inside" => "sent from inside",
            "ancestor" => "sent from outside",
            "itself" => "sent by itself",
            "kernel" => "sent by the kernel",
            _ => "sent by nobody in particular",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "          my-sh x-1234    [001] d..2.    12.345678: signal_verdict: sig=15 at=send relation=ancestor \
        disposition=default verdict=act sender=1234 sender_global=1234 sender_ns=4026531836 target=1 target_global=812 \
        target_ns=4026532190";

    fn verdict() -> Verdict {
        match parse(LINE) {
            Some(Line::Verdict(it)) => it,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_with_a_verdict() {
        let it = verdict();
        assert_eq!(
            (it.task.as_str(), it.sig, it.at.as_str()),
            ("my-sh x", 15, "send")
        );
        assert_eq!((it.sender_global, it.sender_ns), (1234, INITIAL));
        assert_eq!(
            (it.target, it.target_global, it.target_ns),
            (1, 812, 4026532190)
        );
    }

    const INITIAL: u64 = crate::namespace::INITIAL;

    #[test]
    fn a_newer_module_may_say_more() {
        assert!(parse(&format!("{LINE} more=things")).is_some());
    }

    #[test]
    fn lost_lines_are_told() {
        for (line, events) in [
            ("CPU:1 [LOST 42 EVENTS]", Some(42)),
            ("CPU:1 [LOST EVENTS]", None),
        ] {
            assert_eq!(parse(line), Some(Line::Lost { events, cpu: 1 }), "{line}");
        }
        for other in [
            "",
            "CPU:1",
            "CPU:x [LOST 1 EVENTS]",
            "# tracer: nop",
            "x: signal_verdict: sig",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn sentences() {
        let say = |it: &Verdict, tells| it.sentence("SIGTERM", "sleep", "web", tells);
        let mut it = verdict();
        assert_eq!(
            say(&it, false),
            "SIGTERM from my-sh x (1234) to sleep, pid 1 of web: acted, sent from outside"
        );
        assert!(say(&it, true).contains("would act"));
        it.relation = "inside".to_owned();
        it.verdict = "drop".to_owned();
        let dropped = "SIGTERM from my-sh x (1234) to sleep, pid 1 of web: dropped, sent from inside to an init without a handler";
        assert_eq!(say(&it, true), dropped);
        it.at = "take".to_owned();
        it.verdict = "deliver".to_owned();
        assert_eq!(
            say(&it, false),
            "SIGTERM taken by sleep, pid 1 of web: its handler runs"
        );
        it.at = "send".to_owned();
        it.relation = "kernel".to_owned();
        assert_eq!(
            say(&it, false),
            "SIGTERM from the kernel to sleep, pid 1 of web: its handler runs"
        );
    }
}
