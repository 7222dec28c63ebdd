// SPDX-License-Identifier: GPL-2.0

//! Why a signal to a namespace's init acts, or does not.

use crate::{
    bindings::{pid_namespace, task_struct},
    signal::verdict::{Disposition, Sender, Verdict},
};
use kernel::prelude::*;

/// The current task sends `sig` to `t`, which belongs to the init of `ns`. Any context.
///
/// # Safety
///
/// The `siglock` of `t` must be held.
pub(crate) unsafe fn sent(
    _ns: *mut pid_namespace,
    _t: *mut task_struct,
    _sig: c_int,
    _sender: Option<Sender>,
    _disposition: Disposition,
    _verdict: Verdict,
) {
}

/// The current task, the init of `ns`, takes `sig`. Any context.
///
/// # Safety
///
/// The current task's `siglock` must be held.
pub(crate) unsafe fn taken(
    _ns: *mut pid_namespace,
    _me: *mut task_struct,
    _sig: c_int,
    _outside: bool,
    _disposition: Disposition,
) {
}
