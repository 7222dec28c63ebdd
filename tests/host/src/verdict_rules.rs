// SPDX-License-Identifier: GPL-2.0

//! Whether a signal gets past the protection of a namespace's init: every combination, against a
//! table that was written down a second time.

use crate::verdict::{force, hides_sender, sender, Origin, Sender};

/// origin, current task visible, sender, SIGKILL and SIGSTOP act, the sender's number is hidden
type Row = (Origin, bool, Option<Sender>, bool, bool);

const BY_KERNEL: Origin = Origin::Named { by_kernel: true };
const BY_TASK: Origin = Origin::Named { by_kernel: false };

#[rustfmt::skip]
const TABLE: [Row; 10] = [
    // kill(2) and the like, without a siginfo
    (Origin::Task,    true,  Some(Sender::Inside),   false, false),
    (Origin::Task,    false, Some(Sender::Ancestor), true,  false),
    // the kernel, without a siginfo
    (Origin::Kernel,  true,  Some(Sender::Kernel),   true,  false),
    (Origin::Kernel,  false, Some(Sender::Kernel),   true,  false),
    // sigqueue, tgkill, pidfd_send_signal
    (BY_TASK,         true,  Some(Sender::Inside),   false, false),
    (BY_TASK,         false, Some(Sender::Ancestor), true,  true),
    // the kernel, in the name of a task
    (BY_KERNEL,       true,  Some(Sender::Kernel),   true,  false),
    (BY_KERNEL,       false, Some(Sender::Ancestor), true,  true),
    // faults, timers, files
    (Origin::Unnamed, true,  None,                   false, false),
    (Origin::Unnamed, false, None,                   false, false),
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
            assert_eq!(
                hides_sender(origin, stands),
                row.4,
                "{origin:?}, visible: {visible}"
            );
            rows += 1;
        }
    }
    assert_eq!(rows, TABLE.len());
}

#[test]
fn nobody_inside_gets_past_the_protection() {
    assert!(!force(Some(Sender::Inside)));
    assert!(!force(None));
}
