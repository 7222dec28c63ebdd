// SPDX-License-Identifier: GPL-2.0

//! The number tables and counts of all namespaces: what is done with them under the lock.
//!
//! They are the kernel's: its `alloc_pid` and `free_pid` may still run on another CPU while ours
//! take over or go, and its lookups (`find_pid_ns`) read the same tables all the time.

use super::{
    leaf,
    node::Numbers,
    number::{
        self,
        Refusal,
        Request, //
    },
    pidmap::Pidmap, //
};
use crate::{
    bindings,
    edge::exports,
    imports::arguments::Null,
    object::{
        fields,
        setters,
        Object,
        Pid,
        PidNs,
        Upid, //
    },
};
use kernel::prelude::*;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutOfRange | Refusal::NotInit => EINVAL,
            Refusal::InUse => EEXIST,
            Refusal::Full => EAGAIN,
        }
    }
}

fields! {
    PidNs {
        /// Where the search for the next number begins: one behind the one that was given last.
        once cursor: u32 = idr.idr_next;
    }
}

setters! {
    PidNs {
        // `ns_last_pid` writes it, and `/proc/loadavg` reads it, without the lock.
        pub(crate) set_cursor(u32) = idr.idr_next;
        set_pid_allocated(u32, under Pidmap) = pid_allocated;
    }
}

exports! {
    // Takes a number of a range, for which lookups find nothing yet: the lowest, or the next from the cursor on.
    idr_alloc(table: &Numbers, pid: Null<c_void>, start: c_int, end: c_int, flags: u32) -> c_int = idr_alloc;
    idr_alloc_cyclic(table: &Numbers, pid: Null<c_void>, start: c_int, end: c_int, flags: u32) -> c_int = idr_alloc_cyclic;
}

impl Pidmap {
    /// Takes a number in `ns`, for which lookups find nothing yet.
    pub(crate) fn take(&mut self, ns: &PidNs, request: Request) -> Result<i32> {
        let (table, flags) = (ns.numbers(), bindings::GFP_ATOMIC);
        let nr = match request {
            Request::Exactly(nr) => idr_alloc(table, Null::new(), nr, nr + 1, flags),
            Request::Next { min, max } => idr_alloc_cyclic(table, Null::new(), min, max, flags),
        };
        if nr >= 0 {
            Ok(nr)
        } else if nr == ENOSPC.to_errno() {
            Err(request.no_room().into())
        } else {
            Err(Error::from_errno(nr))
        }
    }

    /// The number that a task of `ns` gets next, if it is in the leaf that is kept. Nobody has it before
    /// [`Pidmap::publish`].
    #[inline(always)]
    pub(crate) fn next(&self, ns: &PidNs) -> Option<u32> {
        let nr = leaf::next(&ns.number_table(self), ns.cursor())?;
        // Number 0 is never given, and free for ever.
        (nr.wrapping_sub(1) < (ns.pid_max() as u32).wrapping_sub(1)).then_some(nr)
    }

    /// The same, where it is in another leaf: lets the kernel find it, and keeps that leaf.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if all are in use, `ENOMEM`: with memory reserved, one table's next number is found without.
    #[cold]
    #[inline(never)]
    pub(crate) fn advance(&mut self, ns: &PidNs) -> Result<u32> {
        let nr = self.take(ns, number::next(ns.cursor(), ns.pid_max()))? as u32;
        leaf::keep(&ns.number_table(self), nr);
        // Who looks again finds it again.
        ns.set_cursor(nr);
        Ok(nr)
    }

    /// No leaf of `ns` is kept any more.
    pub(crate) fn let_go(&mut self, ns: &PidNs) {
        leaf::let_go(&ns.number_table(self));
    }

    /// A number that was looked for is used up, even if nobody gets it.
    #[inline(always)]
    pub(crate) fn use_up(&mut self, upid: &Upid) {
        upid.ns().set_cursor((upid.nr() as u32).wrapping_add(1));
    }

    /// Gives a number back to its namespace.
    #[inline(always)]
    pub(crate) fn give_back(&mut self, upid: &Upid) {
        leaf::give_back(&upid.ns().number_table(self), upid.nr() as u32);
    }

    /// From now on lookups find `pid` by each of its numbers, and in each of its namespaces it counts as a task's.
    /// Unless the numbers are `TAKEN`, they are what [`Pidmap::next`] found, and taken now.
    ///
    /// # Safety
    ///
    /// `pid` must be complete, its numbers found for it since the lock was taken, or taken, and [`Pidmap::retire`] must come
    /// before its memory goes.
    #[inline(always)]
    pub(crate) unsafe fn publish<const TAKEN: bool>(&mut self, pid: &Pid) {
        for upid in pid.numbers().iter().rev() {
            let (ns, nr, pid) = (upid.ns(), upid.nr() as u32, pid.as_ptr().cast());
            if TAKEN {
                leaf::show(&ns.number_table(self), nr, pid);
            } else {
                leaf::give(&ns.number_table(self), nr, pid);
                self.use_up(upid);
            }
            ns.set_pid_allocated(ns.pid_allocated().wrapping_add(1), self);
        }
    }

    /// Lookups do not find `pid`, which is going, any more, and nobody counts it.
    ///
    /// # Safety
    ///
    /// `pid` must have been published, and not yet retired.
    #[inline(always)]
    pub(crate) unsafe fn retire(&mut self, pid: &Pid) {
        for upid in pid.numbers() {
            self.uncount(upid.ns());
            self.give_back(upid);
        }
    }

    /// Uncounts a pid of `ns`, and wakes its reaper, which may wait in `zap`, when only the reaper's
    /// own are left: one, or two when its first thread left before its last.
    #[inline]
    fn uncount(&mut self, ns: &PidNs) {
        let left = ns.pid_allocated().wrapping_sub(1);
        ns.set_pid_allocated(left, self);
        if matches!(left, 1 | 2) {
            // SAFETY: A namespace that had a pid has a reaper. It is alive, or not yet freed: it is not before it
            // waited for this lock's sections to end (RCU), or is the kernel's static first task.
            unsafe { bindings::wake_up_process(ns.child_reaper()) };
        }
    }

    /// Lets `ns` begin with number 1 again if no task has ever lived in it.
    #[inline]
    pub(crate) fn rewind_if_unused(&mut self, ns: &PidNs) {
        if ns.pid_allocated() == bindings::PIDNS_ADDING {
            ns.set_cursor(0);
        }
    }

    /// Whether `ns` takes no more tasks.
    #[inline]
    pub(crate) fn is_dead(&self, ns: &PidNs) -> bool {
        ns.pid_allocated() & bindings::PIDNS_ADDING == 0
    }

    /// `ns` takes no more tasks (`kernel/pid.c: disable_pid_allocation`), and looks for no more numbers.
    pub(crate) fn close(&mut self, ns: &PidNs) {
        self.let_go(ns);
        ns.set_pid_allocated(ns.pid_allocated() & !bindings::PIDNS_ADDING, self);
    }
}
