// SPDX-License-Identifier: GPL-2.0

//! Which signals a namespace's init receives: from inside what it asked for, from outside whatever any
//! process would.
//!
//! `SIGNAL_UNKILLABLE` is how the kernel knows an init, and it stays set for as long as the init lives:
//! every path that the module does not touch goes on protecting it. What comes from outside is led
//! around it, in the two places that ask for it: where a signal is sent ([`send`]) and where it is
//! taken ([`take`], [`ptrace`]). Between the two, each queued signal itself tells where it came
//! from ([`queue`]).

#[cfg(CONFIG_AUDIT)]
mod audit;
mod default_action;
mod dequeue;
mod exit;
mod fall;
mod info;
mod kept;
mod orphan;
mod pending;
mod protected;
mod ptrace;
mod queue;
mod report;
mod send;
mod sender;
pub(crate) mod settings;
mod shield;
mod siginfo;
mod siglock;
mod sigset;
mod take;
mod target;
pub(crate) mod terminal;
mod to_init;
mod verdict;
mod window;

pub(crate) use report::counts;
/// What replaces the kernel's functions.
pub(crate) use {
    dequeue::dequeue_signal,
    exit::exit_signals,
    orphan::do_notify_parent,
    ptrace::{ptrace_stop, shows_signal},
    send::send_signal_locked,
};
