//! The init of a cell: each of its threads is an agent, and so is whoever signals it from inside.

use super::cell::{Sender, Shape};
use crate::agent::obey;
use crate::channel::Channel;
use crate::process::{fork, lead_group, new_ns, Child};
use crate::signal_state;

/// Starts an init with a channel to each of its threads, the leader's first, and one to its sender if
/// that is a process inside.
pub fn start(shape: Shape) -> (i32, Vec<Channel>, Option<Channel>) {
    let (mut mine, theirs): (Vec<Channel>, Vec<Channel>) =
        (1..shape.threads).map(|_| Channel::pair()).unzip();
    let (to_sender, of_sender) = Channel::pair();
    let Child { pid, channel } = new_ns(|channel| {
        lead_group();
        signal_state::reset();
        signal_state::unblock_all();
        match shape.sender {
            Sender::Child => drop(fork(|_| {
                lead_group();
                send_on_demand(&of_sender);
            })),
            Sender::Nested => drop(new_ns(|_| send_on_demand(&of_sender))),
            Sender::Itself | Sender::Ancestor => {}
        }
        for channel in theirs {
            std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || obey(&channel))
                .expect("a thread");
        }
        obey(channel);
    });
    mine.insert(0, channel);
    let inside = matches!(shape.sender, Sender::Child | Sender::Nested);
    (pid, mine, inside.then_some(to_sender))
}

fn send_on_demand(channel: &Channel) {
    channel.send(0);
    obey(channel);
}
