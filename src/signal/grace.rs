// SPDX-License-Identifier: GPL-2.0

//! How long the members of a namespace may take to end by themselves when a signal from outside has ended its init:
//! `grace_ms` at load, the sysctl `kernel.pidns_grace_ms` afterwards.

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
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};
use kernel::prelude::*;

/// The longest: an hour.
const MOST_MS: u32 = 3_600_000;

static GRACE_MS: AtomicU32 = AtomicU32::new(0);

/// In milliseconds; 0 is none, as in mainline.
#[inline]
pub(super) fn ms() -> u32 {
    GRACE_MS.load(Ordering::Relaxed)
}

/// Sets it, when the module is loaded.
///
/// # Errors
///
/// `EINVAL` if it is out of range; the log says so.
pub(crate) fn set(ms: u32) -> Result {
    if ms > MOST_MS {
        pr_err!("not loaded: grace_ms is {ms}, and at most {MOST_MS}\n");
        return Err(EINVAL);
    }
    GRACE_MS.store(ms, Ordering::Relaxed);
    Ok(())
}

/// The sysctl; dropping takes it away.
pub(crate) struct Setting {
    _header: Header,
}

impl Setting {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn register() -> Result<Self> {
        Ok(Self {
            _header: Header::register(c"kernel", &SETTING)?,
        })
    }
}

static SETTING: Table = table(c"pidns_grace_ms", 0o644, setting);

handler! {
    /// Everybody may read it, the initial namespace's root write it.
    setting, access_setting
}

/// For the namespace `ns` of the current task.
fn access_setting(access: &Access, ns: &PidNs) -> c_int {
    let allowed = || ns.is_initial() && kernel_fn::capable(bindings::CAP_SYS_ADMIN as c_int);
    access.of(allowed, ms() as c_int, (0, MOST_MS as c_int), |ms| {
        GRACE_MS.store(ms as u32, Ordering::Relaxed);
    })
}
