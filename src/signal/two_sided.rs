// SPDX-License-Identifier: GPL-2.0

//! Whether inits have two sides, or mainline's one: `two_sided_init` at load, the sysctl
//! `kernel.pidns_two_sided_init` afterwards.

use crate::{
    bindings,
    imports::kernel_fn,
    object::PidNs,
    sysctl::{
        handler,
        table,
        Access,
        Header,
        Table, //
    },
};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::prelude::*;

static TWO_SIDED: AtomicBool = AtomicBool::new(true);

/// Whether a signal from outside acts on an init as on any process. Each signal is judged by the answer
/// of one moment when it is sent, and of another when it is taken.
#[inline]
pub(crate) fn is_on() -> bool {
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
    /// Everybody may read it, the initial namespace's root write it.
    switch, access_switch
}

/// For the namespace `ns` of the current task.
fn access_switch(access: &Access, ns: &PidNs) -> c_int {
    let allowed = || ns.is_initial() && kernel_fn::capable(bindings::CAP_SYS_ADMIN as c_int);
    access.of(allowed, is_on().into(), (0, 1), |value| set(value != 0))
}
