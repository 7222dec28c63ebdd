// SPDX-License-Identifier: GPL-2.0

//! A namespace's own sysctl, `kernel.pid_max`.
//!
//! Mainline registers it when it makes the namespace. That is half of what a namespace costs, and few are ever asked for
//! it. So here it is registered when somebody in the namespace first looks for it (`surface::pid_max`): until then nobody
//! can have found it, and what it tells, `pid_max`, is there from the beginning.

use crate::{
    bindings,
    hook::msleep,
    imports::kernel_fn,
    object::{
        fields,
        Object,
        PidNs, //
    },
    task::Current,
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::Relaxed, //
};

/// How long a member waits for another one before it looks again.
const PAUSE_MS: u32 = 1;

fields! {
    PidNs {
        /// Its sysctls; null if nobody has looked for them.
        once sysctls: *mut bindings::ctl_table_header = sysctls;
    }
}

impl PidNs {
    /// Whether its sysctls are not registered.
    #[inline]
    pub(crate) fn lacks_sysctls(&self) -> bool {
        self.sysctls().is_null()
    }

    /// Registers its sysctls for a member, if nobody has. May sleep; for memory as long as that member's limits have it wait,
    /// so nobody but other members waits for it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINTR` if `me` is killed while another member does it.
    pub(crate) fn register_sysctls(&self, me: &Current) -> Result {
        while self.lacks_sysctls() {
            // Given back only if that failed.
            let claim = &self.in_work().sysctls_claim;
            if claim.xchg(1, Relaxed) == 0 {
                // SAFETY: It has none, and nobody else makes them.
                let made = to_result(unsafe { kernel_fn::register_pidns_sysctls(self.as_ptr()) });
                return made.inspect_err(|_| claim.store(0, Relaxed));
            }
            if kernel_fn::fatal_signal_pending(me) {
                return Err(EINTR);
            }
            msleep(PAUSE_MS);
        }
        Ok(())
    }
}
