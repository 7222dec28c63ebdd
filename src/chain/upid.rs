// SPDX-License-Identifier: GPL-2.0

//! `struct pid`: one `upid` for each level, from the initial namespace to its own.

use crate::object::{
    fields,
    Object,
    Pid,
    PidNs,
    Upid, //
};
use core::slice;

fields! {
    Pid {
        /// The level of the namespace in which it was allocated.
        fixed level: u32 = level;
    }
}

// One is always part of a pid, which holds its innermost namespace, and that those above.
fields! {
    Upid {
        /// The number.
        fixed nr: i32 = nr;
        /// The namespace in which that is the number.
        fixed ns: &PidNs = ns;
    }
}

impl Pid {
    /// Its numbers, from level 0 to its own.
    ///
    /// The chain does not change once the pid can be found; a pid is an [`Object`] from then on
    /// (`pid::draft` makes one of raw memory).
    #[inline]
    pub(crate) fn numbers(&self) -> &[Upid] {
        // SAFETY: A pid was allocated with a number for each of its levels, in the flexible array at its end;
        // `Upid` is transparent.
        unsafe {
            let first = (&raw const (*self.as_ptr()).numbers).cast();
            slice::from_raw_parts(first, self.level() as usize + 1)
        }
    }

    /// Its numbers from `level` to its own; none if that is above.
    #[inline]
    pub(crate) fn numbers_from(&self, level: u32) -> &[Upid] {
        self.numbers().get(level as usize..).unwrap_or(&[])
    }

    /// Its number in its own namespace, which is the last.
    #[inline]
    fn innermost(&self) -> &Upid {
        &self.numbers()[self.level() as usize]
    }

    /// The namespace in which it was allocated (`include/linux/pid.h: ns_of_pid`).
    #[inline]
    pub(crate) fn ns(&self) -> &PidNs {
        self.innermost().ns()
    }

    /// Whether it is that of its namespace's init (`include/linux/pid.h: is_child_reaper`).
    #[inline]
    pub(crate) fn is_init(&self) -> bool {
        self.innermost().nr() == 1
    }

    /// Whether it has no number in `ns`: it is not in there, nor below
    /// (`kernel/pid.c: pid_nr_ns`).
    #[inline]
    pub(crate) fn is_outside(&self, ns: &PidNs) -> bool {
        self.numbers_from(ns.level())
            .first()
            .is_none_or(|upid| !upid.ns().is(ns))
    }
}
