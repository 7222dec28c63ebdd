//! How a process enters a pid namespace: `setns(2)`.

pub mod file;
pub mod members;
pub mod pidfd;
pub mod privilege;

use crate::process::{fork, unshare_pid, wait_for_word, Child};

/// A process that stays here while its children live in a new namespace, whose init it has made.
#[track_caller]
fn maker() -> Child {
    let maker = fork(|talk| {
        unshare_pid();
        let init = fork(wait_for_word);
        talk.say(0);
        talk.hear_or_end();
        drop(init);
    });
    maker.hear();
    maker
}
