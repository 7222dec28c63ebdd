// SPDX-License-Identifier: GPL-2.0

//! A namespace's own sysctl, `kernel.pid_max`.
//!
//! Mainline registers it when it makes the namespace. That is half of what a namespace costs, and few are ever asked for
//! it. So here it is registered when somebody in the namespace first looks for it (`surface::pid_max`): until then nobody
//! can have found it, and what it tells, `pid_max`, is there from the beginning.

use super::memory;
use crate::{
    bindings,
    imports::kernel_fn,
    object::{
        fields,
        Object,
        PidNs, //
    },
};
use kernel::{
    error::to_result,
    prelude::*, //
};

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

    /// Registers its sysctls, if nobody has. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn register_sysctls(&self) -> Result {
        if !self.lacks_sysctls() {
            return Ok(());
        }
        let _making = memory::making();
        if !self.lacks_sysctls() {
            return Ok(());
        }
        // SAFETY: It has none, and nobody else makes them.
        to_result(unsafe { kernel_fn::register_pidns_sysctls(self.as_ptr()) })
    }
}
