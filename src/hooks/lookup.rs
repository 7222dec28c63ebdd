// SPDX-License-Identifier: GPL-2.0

//! Supply mode: the functions for which the module has a shorter way. Where they cannot be made to jump, the kernel's own does the same.

use crate::{hook::hooks, pid};

hooks! {
    find_vpid => pid::find_vpid, replaced;
    find_pid_ns => pid::find_pid_ns, replaced;
    find_ge_pid => pid::find_ge_pid, replaced;
}
