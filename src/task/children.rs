// SPDX-License-Identifier: GPL-2.0

//! The children of a task that ends.

use super::Current;
use crate::{
    bindings,
    imports::{
        arguments::Null,
        kernel_fn, //
    },
};
use kernel::prelude::*;
#[cfg(not(CONFIG_PID_NS))]
use {
    crate::object::Object,
    core::mem, //
};

impl Current {
    /// Its children that die from now on need nobody to wait for them. Any context in which its `siglock` is not held.
    #[cfg(not(CONFIG_PID_NS))]
    pub(crate) fn ignore_children(&self) {
        // SAFETY: The current task has its `sighand` until it is released. `SIG_IGN` is the address 1.
        unsafe {
            let sighand = (*self.as_ptr()).sighand;
            let flags = bindings::pidns_spin_lock_irqsave(&raw mut (*sighand).siglock);
            (*sighand).action[bindings::SIGCHLD as usize - 1]
                .sa
                .sa_handler = mem::transmute::<usize, bindings::__sighandler_t>(1);
            bindings::pidns_spin_unlock_irqrestore(&raw mut (*sighand).siglock, flags);
        }
    }

    /// Reaps those that are dead, one after another, for as long as it `goes_on`. May sleep, but waits for nobody.
    ///
    /// There may always be another one: whoever makes children can make them die faster than one task reaps.
    pub(crate) fn reap_dead_children(&self, goes_on: impl Fn() -> bool) {
        let options = (bindings::__WALL | bindings::WNOHANG) as c_int;
        while goes_on() && kernel_fn::kernel_wait4(-1, Null::new(), options, Null::new()) > 0 {
            kernel_fn::cond_resched();
        }
    }
}
