// SPDX-License-Identifier: GPL-2.0

//! Who has a number: the kernel's lookups, by the shortest way through the number tables. `find_pid_ns` is also inlined in
//! some of its callers in `kernel/pid.c`, which look in the same tables.

use crate::{
    bindings,
    hook::callbacks,
    object::{
        FromC,
        IntoC,
        PidNs,
        RcuReader, //
    },
    task::Current,
};
use kernel::prelude::*;

/// The number that a caller of a lookup asks about. It looks at what is found, so it is in an RCU section, or holds a lock
/// that is one.
pub(crate) struct Sought(i32);

impl FromC for Sought {
    type C = c_int;

    #[inline(always)]
    unsafe fn from_c(nr: c_int) -> Self {
        Self(nr)
    }
}

// SAFETY: As said.
unsafe impl RcuReader for Sought {}

callbacks! {
    /// Replaces `kernel/pid.c: find_vpid`. Any context in which RCU is read; never sleeps.
    pub(crate) fn find_vpid(nr: Sought) -> *mut bindings::pid {
        Current::get().active_ns().find_pid(nr.0, &nr).into_c()
    }

    /// Replaces `kernel/pid.c: find_pid_ns`. As above.
    pub(crate) fn find_pid_ns(nr: Sought, ns: &PidNs) -> *mut bindings::pid {
        ns.find_pid(nr.0, &nr).into_c()
    }

    /// Replaces `kernel/pid.c: find_ge_pid`. As above.
    pub(crate) fn find_ge_pid(nr: Sought, ns: &PidNs) -> *mut bindings::pid {
        ns.find_ge_pid(nr.0, &nr).into_c()
    }
}
