// SPDX-License-Identifier: GPL-2.0

//! A signal that is queued and must not end its target at once.
//!
//! `kernel/signal.c: complete_signal` ends a process by a fatal signal as soon as a thread could take it, and does not ask
//! whether that is an init; `sig_ignored` throws away what an init has no handler for. Neither is so where there is a handler.
//! So for as long as the `siglock` is held for the send, there seems to be one: whoever looks for a handler holds that lock.
//!
//! Only an `execve` resets handlers without it, when no other thread runs code of its own. (Between the end of those and that it takes the
//! lock once, for its timers: `fs/exec.c: begin_new_exec`. So what is not in an `execve` yet, or not alone, does not come there
//! before the lock is let go.) Then the signal is blocked as by `sigtimedwait`, which another task may do of a thread only
//! there: a child that is forked has a copy of that set, and whoever runs a virtual machine writes it without the lock.

use super::{
    siglock::{
        Siglocked,
        Thread, //
    },
    sigset::Sigset, //
};
use crate::{
    bindings::__sighandler_t,
    imports::kernel_fn, //
};
use kernel::prelude::*;

/// Keeps the kernel from ending a process, or throwing the signal away, when it queues a signal.
pub(super) struct Shield<'l> {
    pub(super) target: Siglocked<'l>,
    sig: c_int,
    how: How<'l>,
}

enum How<'l> {
    /// The handler that the process has.
    Handler(__sighandler_t),
    /// The target and this thread block it.
    Blocked(&'l Thread),
}

/// Never called: who takes a signal finds the real one.
extern "C" fn handler(_sig: c_int) {}

impl<'l> Shield<'l> {
    pub(super) fn raise(target: Siglocked<'l>, sig: c_int) -> Self {
        let t = target.thread();
        let executes = |t: &&Thread| kernel_fn::is_in_execve(t);
        let how = match t.process().only_thread().filter(executes) {
            // Whether it is ignored is asked of the target, which may be one that exits; whether it ends the process, of
            // the thread that is chosen.
            Some(only) => {
                t.real_blocked().add(sig);
                only.real_blocked().add(sig);
                How::Blocked(only)
            }
            None => How::Handler(t.handler_place(sig).replace(Some(handler))),
        };
        Self { target, sig, how }
    }
}

impl Drop for Shield<'_> {
    fn drop(&mut self) {
        let t = self.target.thread();
        match self.how {
            How::Handler(real) => t.handler_place(self.sig).set(real),
            How::Blocked(only) => {
                t.real_blocked().remove(self.sig);
                only.real_blocked().remove(self.sig);
            }
        }
    }
}
