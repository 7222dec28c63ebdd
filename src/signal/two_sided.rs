// SPDX-License-Identifier: GPL-2.0

//! Whether inits have two sides, or mainline's one: `two_sided_init` at load, the sysctl
//! `kernel.pidns_two_sided_init` afterwards.

use crate::sysctl::setting;

setting!("two_sided_init", c"pidns_two_sided_init", 1);

/// Whether a signal from outside acts on an init as on any process. Each signal is judged by the answer
/// of one moment when it is sent, and of another when it is taken.
#[inline]
pub(super) fn is_on() -> bool {
    value() != 0
}
