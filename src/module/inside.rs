// SPDX-License-Identifier: GPL-2.0

//! Who is inside the module, so that its text does not go from under them.

use crate::edge::exports;
use kernel::{
    ffi::c_int,
    types::NotThreadSafe, //
};

exports! {
    // SRCU, whose readers are the tasks inside: a reader begins, and says by which number it ends again.
    inside_enter() -> c_int = pidns_inside_enter;
    inside_leave(number: c_int) = pidns_inside_leave;
    // Waits for the readers. May sleep.
    inside_wait() = pidns_inside_wait;
}

/// A task inside a function of the module that may sleep, but not for as long as user space likes: an unload waits for
/// it. Where user space decides how long it takes, a function is `kept` ([`crate::hook::hooks`]).
///
/// Functions that cannot sleep need none: [`drain`] waits for them by Tasks RCU.
pub(crate) struct Inside(c_int, NotThreadSafe);

impl Inside {
    /// Enters. Any context in which an SRCU reader may start.
    #[inline]
    pub(crate) fn enter() -> Self {
        Self(inside_enter(), NotThreadSafe)
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        inside_leave(self.0);
    }
}

/// Waits for the tasks that are inside now and counted themselves. May sleep.
pub(super) fn wait() {
    inside_wait();
}

exports! {
    // Each waits for a grace period. May sleep.
    synchronize_rcu_tasks() = synchronize_rcu_tasks;
    synchronize_rcu() = synchronize_rcu;
}

/// Waits for those that are inside and do not sleep. May sleep.
fn wait_for_sleepless() {
    synchronize_rcu_tasks();
    synchronize_rcu();
}

/// Waits until no task is inside the module. Call it when no function is hooked any more.
///
/// 1. A task that came by a patched site before it was given back may not have counted itself
///    yet, but it has not slept since: Tasks RCU waits for it, and RCU for one in an interrupt
///    (Tasks RCU does not watch the idle task under it).
/// 2. Those that counted themselves may sleep: SRCU waits for them.
/// 3. They may still have a few instructions to go after they left, without sleeping: Tasks RCU
///    and RCU again.
///
/// May sleep.
pub(crate) fn drain() {
    wait_for_sleepless();
    wait();
    wait_for_sleepless();
}
