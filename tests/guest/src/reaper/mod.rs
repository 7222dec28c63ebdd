//! A namespace ends with its init.

pub mod fall;
pub mod orphans;
pub mod outsiders;
pub mod threads;

use crate::process::{fork, sleep_for_ever};

/// Five members with a child each.
fn family() {
    for _ in 0..5 {
        let parent = fork(|talk| {
            fork(|_| sleep_for_ever());
            talk.say(0);
            sleep_for_ever();
        });
        parent.hear();
    }
}
