// SPDX-License-Identifier: GPL-2.0

//! How long the members of a namespace may take to end by themselves when a signal from outside has ended its init:
//! `grace_ms` at load, the sysctl `kernel.pidns_grace_ms` afterwards. At most an hour.

use crate::sysctl::setting;

setting!("grace_ms", c"pidns_grace_ms", 3_600_000);

/// In milliseconds; 0 is none, as in mainline.
#[inline]
pub(super) fn ms() -> u32 {
    value()
}
