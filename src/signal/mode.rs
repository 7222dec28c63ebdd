// SPDX-License-Identifier: GPL-2.0

//! Whether inits have two sides, or mainline's one: `two_sided_init` at load, the sysctl
//! `kernel.pidns_two_sided_init` afterwards.

use crate::{
    bindings::{self, pid_namespace},
    pid::is_first,
    sysctl::{handler, table, Access, Header, Table},
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::prelude::*;

static TWO_SIDED: AtomicBool = AtomicBool::new(true);

/// Whether a signal from outside acts on an init as on any process. Each signal is judged by the answer
/// of one moment when it is sent, and of another when it is taken.
#[inline]
pub(crate) fn two_sided() -> bool {
    TWO_SIDED.load(Ordering::Relaxed)
}

pub(crate) fn set(two_sided: bool) {
    TWO_SIDED.store(two_sided, Ordering::Relaxed);
}

/// The sysctl; dropping takes it away.
pub(crate) struct Switch {
    _header: Header,
}

impl Switch {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn register() -> Result<Self> {
        Ok(Self {
            _header: Header::register(c"kernel", &SWITCH)?,
        })
    }
}

static SWITCH: Table = table(c"pidns_two_sided_init", 0o644, switch);

handler! {
    /// Everybody may read it, the first namespace's root write it.
    switch, access_switch
}

/// # Safety
///
/// `access` must be what the kernel gave to a handler, `ns` the current task's.
unsafe fn access_switch(access: &Access, ns: *mut pid_namespace) -> c_int {
    // SAFETY: The caller's promise; `capable` asks about the current task.
    unsafe {
        let allowed = || is_first(ns) && bindings::capable(bindings::CAP_SYS_ADMIN as c_int);
        access.of(allowed, two_sided().into(), (0, 1), |value| set(value != 0))
    }
}
