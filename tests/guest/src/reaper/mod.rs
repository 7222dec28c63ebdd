//! A namespace ends with its init.

pub mod init_exit;
pub mod orphans;
pub mod outside_parents;
pub mod threads;

use crate::process::{fork, sleep_for_ever};

/// Five members with a child each.
fn family() {
    for _ in 0..5 {
        let parent = fork(|channel| {
            fork(|_| sleep_for_ever());
            channel.send(0);
            sleep_for_ever();
        });
        parent.receive();
    }
}
