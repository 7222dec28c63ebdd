// SPDX-License-Identifier: GPL-2.0

//! Whether a signal gets past the protection of a namespace's init: every combination, against a
//! table that was written down a second time.

use crate::verdict::{
    default_action, force, is_by_name, is_of_kill, is_signal, is_synchronous, judge, judge_taken,
    sender, Action, Disposition, Origin, Scope, Sender, Verdict,
};

/// origin, current task visible, sender, SIGKILL and SIGSTOP act
type Row = (Origin, bool, Option<Sender>, bool);

const BY_KERNEL: Origin = Origin::Named { by_kernel: true };
const BY_TASK: Origin = Origin::Named { by_kernel: false };

#[rustfmt::skip]
const TABLE: [Row; 10] = [
    // kill(2) and the like, without a siginfo
    (Origin::Task,    true,  Some(Sender::Inside),   false),
    (Origin::Task,    false, Some(Sender::Ancestor), true),
    // the kernel, without a siginfo
    (Origin::Kernel,  true,  Some(Sender::Kernel),   true),
    (Origin::Kernel,  false, Some(Sender::Kernel),   true),
    // sigqueue, tgkill, pidfd_send_signal
    (BY_TASK,         true,  Some(Sender::Inside),   false),
    (BY_TASK,         false, Some(Sender::Ancestor), true),
    // the kernel, in the name of a task
    (BY_KERNEL,       true,  Some(Sender::Kernel),   true),
    (BY_KERNEL,       false, Some(Sender::Ancestor), true),
    // faults, timers, files
    (Origin::Unnamed, true,  None,                   false),
    (Origin::Unnamed, false, None,                   false),
];

#[test]
fn every_combination_is_as_in_the_table() {
    let origins = [
        Origin::Task,
        Origin::Kernel,
        BY_TASK,
        BY_KERNEL,
        Origin::Unnamed,
    ];
    let mut rows = 0;
    for origin in origins {
        for visible in [true, false] {
            let row = TABLE
                .iter()
                .find(|row| row.0 == origin && row.1 == visible)
                .expect("a row for every combination");
            let stands = sender(origin, visible);
            assert_eq!(stands, row.2, "{origin:?}, visible: {visible}");
            assert_eq!(force(stands), row.3, "{origin:?}, visible: {visible}");
            rows += 1;
        }
    }
    assert_eq!(rows, TABLE.len());
}

#[test]
fn what_kill_says_names_a_sender() {
    // The kernel's layouts: of the codes from 0 down, a timer's (-2) and a file's (-5) name none.
    let named = |code: i32| code <= 0 && code != -2 && code != -5;
    let known: Vec<i32> = (-1000..=1000).filter(|&code| is_of_kill(code)).collect();
    assert_eq!(known, [-6, -1, 0]);
    assert!(known.into_iter().all(named));
}

/// By which calls a process asks for a signal: scope, the `siginfo` that comes with it, whether that is one.
#[rustfmt::skip]
const BY_NAME: [(Scope, Option<i32>, bool); 16] = [
    (Scope::Process, None,       true),  // kill
    (Scope::Process, Some(0),    true),  // kill on 7.2, pidfd_send_signal
    (Scope::Process, Some(-1),   true),  // rt_sigqueueinfo
    (Scope::Process, Some(-6),   true),
    (Scope::Thread,  Some(-6),   true),  // tkill, tgkill, pidfd_send_signal
    (Scope::Thread,  Some(-1),   true),  // rt_tgsigqueueinfo
    (Scope::Thread,  Some(0),    true),
    (Scope::Thread,  None,       false), // a SIGPIPE, a SIGXFSZ
    (Scope::Process, Some(-2),   false), // what claims to be a timer's
    (Scope::Process, Some(-5),   false), // a file's
    (Scope::Process, Some(128),  false), // the kernel's
    (Scope::Thread,  Some(1),    false), // a fault
    (Scope::Many,    None,       false), // kill of a group
    (Scope::Many,    Some(0),    false),
    (Scope::Many,    Some(-1),   false),
    (Scope::Many,    Some(-6),   false),
];

#[test]
fn an_init_asks_by_name() {
    for (scope, code, expected) in BY_NAME {
        assert_eq!(is_by_name(scope, code), expected, "{scope:?}, {code:?}");
    }
    for sender in [Sender::Inside, Sender::Kernel] {
        assert!(!sender.acts());
    }
    for sender in [Sender::Ancestor, Sender::Itself] {
        assert!(sender.acts());
    }
}

#[test]
fn nobody_inside_gets_past_the_protection() {
    assert!(!force(Some(Sender::Inside)));
    assert!(!force(Some(Sender::Itself)));
    assert!(!force(None));
}

/// The default action of each signal from 1 to 31, as `signal(7)` lists them: T ends the process, C
/// with a core, S stops it, - does nothing. The real-time signals end it.
const DEFAULTS: &[u8; 31] = b"TTCCCCCCTTCTTTTT--SSSS-CCTT-TTC";

#[test]
fn every_default_action_is_as_in_the_manual() {
    for sig in 1..=64 {
        let expected = match DEFAULTS.get(sig as usize - 1) {
            None | Some(b'T') => Action::Terminate,
            Some(b'C') => Action::Core,
            Some(b'S') => Action::Stop,
            _ => Action::Nothing,
        };
        assert_eq!(default_action(sig), expected, "signal {sig}");
    }
}

#[test]
fn signals_have_the_numbers_from_1_to_64() {
    let known: Vec<i32> = (-200..=200).filter(|&sig| is_signal(sig)).collect();
    assert_eq!(known, (1..=64).collect::<Vec<i32>>());
    for wrong in [
        i32::MIN,
        i32::MIN + 1,
        i32::MAX - 1,
        i32::MAX,
        1 << 8 | 9,
        1 << 16 | 9,
    ] {
        assert!(!is_signal(wrong), "{wrong}");
    }
}

/// The signals from 1 to 31 that `kernel/signal.c: SYNCHRONOUS_MASK` has: SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
const SYNCHRONOUS: &[u8; 31] = b"---SS-SS--S-------------------S";

#[test]
fn what_an_instruction_causes_is_as_in_the_kernel() {
    for sig in -200..=200 {
        let place = usize::try_from(sig - 1).ok();
        let expected = place.and_then(|place| SYNCHRONOUS.get(place)) == Some(&b'S');
        assert_eq!(is_synchronous(sig), expected, "signal {sig}");
        // All of them are signals, and dump core.
        if is_synchronous(sig) {
            assert!(is_signal(sig), "signal {sig}");
            assert_eq!(default_action(sig), Action::Core, "signal {sig}");
        }
    }
}

/// What becomes of a signal that is not held and that its init has no handler for and does not ignore.
/// Columns: no sender, the kernel, inside, an ancestor, itself.
#[rustfmt::skip]
const UNASKED: [(&str, bool, [Verdict; 5]); 6] = {
    use Verdict::{Act, Drop, Ignore};
    [
        // SIGKILL and SIGSTOP
        ("only",    false, [Drop,   Act,    Drop,   Act,    Drop]),
        ("only",    true,  [Drop,   Act,    Drop,   Act,    Drop]),
        // whatever else ends or stops a process
        ("deadly",  false, [Drop,   Drop,   Drop,   Drop,   Drop]),
        ("deadly",  true,  [Drop,   Drop,   Drop,   Act,    Act]),
        // what does nothing
        ("nothing", false, [Ignore, Ignore, Ignore, Ignore, Ignore]),
        ("nothing", true,  [Ignore, Ignore, Ignore, Ignore, Ignore]),
    ]
};

#[test]
fn every_verdict_is_as_in_the_table() {
    let senders = [
        None,
        Some(Sender::Kernel),
        Some(Sender::Inside),
        Some(Sender::Ancestor),
        Some(Sender::Itself),
    ];
    for sig in 1..=64 {
        let kind = match (sig, DEFAULTS.get(sig as usize - 1)) {
            (9 | 19, _) => "only",
            (_, Some(b'-')) => "nothing",
            _ => "deadly",
        };
        for two_sided in [false, true] {
            let row = UNASKED
                .iter()
                .find(|row| row.0 == kind && row.1 == two_sided)
                .expect("a row for every combination");
            for (column, sender) in senders.into_iter().enumerate() {
                let judged = |disposition, held| judge(two_sided, sig, sender, disposition, held);
                let told = format!("signal {sig} from {sender:?}, two-sided: {two_sided}");
                for disposition in [
                    Disposition::Default,
                    Disposition::Ignored,
                    Disposition::Handler,
                ] {
                    assert_eq!(judged(disposition, true), Verdict::Keep, "held {told}");
                }
                assert_eq!(judged(Disposition::Default, false), row.2[column], "{told}");
                assert_eq!(
                    judged(Disposition::Ignored, false),
                    Verdict::Ignore,
                    "{told}"
                );
                assert_eq!(
                    judged(Disposition::Handler, false),
                    Verdict::Deliver,
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn what_is_taken_is_judged_by_the_ancestor_and_itself_alone() {
    for sig in 1..=64 {
        let kind = DEFAULTS.get(sig as usize - 1);
        for sender in [
            None,
            Some(Sender::Inside),
            Some(Sender::Ancestor),
            Some(Sender::Itself),
        ] {
            let expected = match (kind, sig, sender) {
                (Some(b'-'), ..) => Verdict::Ignore,
                // Neither is ever marked as sent by the init itself.
                (_, 9 | 19, Some(Sender::Itself)) => Verdict::Drop,
                (_, _, Some(Sender::Itself)) => Verdict::Act,
                (_, _, Some(Sender::Ancestor)) => Verdict::Act,
                (_, 9 | 19, None) => Verdict::Act,
                _ => Verdict::Drop,
            };
            let told = format!("signal {sig} from {sender:?}");
            assert_eq!(
                judge_taken(sig, sender, Disposition::Default),
                expected,
                "{told}"
            );
            assert_eq!(
                judge_taken(sig, sender, Disposition::Ignored),
                Verdict::Ignore,
                "{told}"
            );
            assert_eq!(
                judge_taken(sig, sender, Disposition::Handler),
                Verdict::Deliver,
                "{told}"
            );
        }
    }
}
