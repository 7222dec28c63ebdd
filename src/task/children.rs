// SPDX-License-Identifier: GPL-2.0

//! The children of a task that ends.

use super::Current;
use crate::{
    bindings,
    imports::{
        arguments::Null,
        kernel_fn, //
    },
    object::Object,
};
#[cfg(not(CONFIG_PID_NS))]
use core::mem;
use kernel::{
    ffi::c_ulong,
    prelude::*, //
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

    /// Takes back the SIGKILL by which the end of its process was told to it, as `get_signal` does on the usual way: who
    /// finds one pending sends no other.
    pub(crate) fn forget_sigkill(&self) {
        const SIGKILL: u64 = 1 << (bindings::SIGKILL - 1);
        let me = self.as_ptr();
        // SAFETY: As above; the lock protects what is pending.
        unsafe {
            let siglock = &raw mut (*(*me).sighand).siglock;
            let flags = bindings::pidns_spin_lock_irqsave(siglock);
            (*me).pending.signal.sig[0] &= !SIGKILL as c_ulong;
            bindings::pidns_spin_unlock_irqrestore(siglock, flags);
        }
    }
}
