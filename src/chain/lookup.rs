// SPDX-License-Identifier: GPL-2.0

//! Who has which number: lookups in the kernel's tables, under RCU.

use crate::{
    bindings,
    chain::Tasklist,
    imports::kernel_fn,
    object::{
        fields,
        FromC,
        Pid,
        PidNs,
        PidType,
        Task, //
    },
};
use kernel::sync::rcu;

fields! {
    PidNs {
        /// Its number table.
        part idr: *mut bindings::idr = idr;
    }
}

#[cfg_attr(not(CONFIG_DEBUG_FS), allow(dead_code))]
impl PidNs {
    /// The first pid with a number from `nr` on, and that number (`kernel/pid.c: find_ge_pid`).
    pub(crate) fn find_from<'a>(
        &self,
        mut nr: i32,
        _rcu: &'a rcu::Guard,
    ) -> Option<(i32, &'a Pid)> {
        // SAFETY: RCU keeps the table's nodes, and the pids that are found in it.
        let pid: Option<&Pid> =
            unsafe { FromC::from_c(bindings::idr_get_next(self.idr(), &raw mut nr).cast()) };
        pid.map(|pid| (nr, pid))
    }

    /// Lets `f` see each task that has a pid with a number here, but for 1, as this type of pid.
    pub(crate) fn for_each_member(
        &self,
        type_: PidType,
        rcu: &rcu::Guard,
        _: &Tasklist,
        mut f: impl FnMut(&Pid, &Task),
    ) {
        let mut nr = 2;
        while let Some((found, pid)) = self.find_from(nr, rcu) {
            if let Some(task) = pid.task_of_type(type_, rcu) {
                f(pid, task);
            }
            nr = found + 1;
        }
    }

    /// The pid with this number.
    pub(crate) fn find<'a>(&self, nr: i32, rcu: &'a rcu::Guard) -> Option<&'a Pid> {
        kernel_fn::find_pid_ns(nr, self, rcu)
    }
}

#[cfg_attr(not(CONFIG_DEBUG_FS), allow(dead_code))]
impl Pid {
    /// The task that has it as this type of pid, if that was not reaped yet.
    pub(crate) fn task_of_type<'a>(&self, type_: PidType, rcu: &'a rcu::Guard) -> Option<&'a Task> {
        kernel_fn::pid_task(self, type_, rcu)
    }
}
