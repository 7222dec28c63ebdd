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

/// How often a member looks whether another one has done it, and after how long again: a second, or what the kernel makes of that.
/// Meanwhile it is about to look a name up, and whoever looks up the same in the same procfs waits for it.
const LOOKS: u32 = 250;
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

    /// Registers its sysctls for a member, if nobody has. May sleep; for memory as long as that member's limits have it wait.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if another member finds no memory for long; `EINTR` if `me` is killed while another member does it.
    pub(crate) fn register_sysctls(&self, me: &Current) -> Result {
        for _ in 0..LOOKS {
            if !self.lacks_sysctls() {
                return Ok(());
            }
            // Given back only if that failed.
            let claim = &self.in_work().sysctls_claim;
            if !claim.xchg(true, Relaxed) {
                // SAFETY: It has none, and nobody else makes them.
                let made = to_result(unsafe { kernel_fn::register_pidns_sysctls(self.as_ptr()) });
                return made.inspect_err(|_| claim.store(false, Relaxed));
            }
            if kernel_fn::fatal_signal_pending(me) {
                return Err(EINTR);
            }
            msleep(PAUSE_MS);
        }
        if self.lacks_sysctls() {
            Err(ENOMEM)
        } else {
            Ok(())
        }
    }
}
