//! How a process enters a pid namespace: `setns(2)`.

pub mod children;
pub mod file;
pub mod pidfd;
pub mod privilege;

use crate::process::{fork, unshare_pid, wait_for_message, Child};

/// A process that stays here while its children live in a new namespace, whose init it has made.
#[track_caller]
fn maker() -> Child {
    let maker = fork(|channel| {
        unshare_pid();
        let init = fork(wait_for_message);
        channel.send(0);
        channel.receive_or_end();
        drop(init);
    });
    maker.receive();
    maker
}
