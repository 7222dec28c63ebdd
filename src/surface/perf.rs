// SPDX-License-Identifier: GPL-2.0

//! A perf event records numbers as its opener sees them (`kernel/events/core.c`).

use crate::{
    bindings::{
        self,
        callback_head,
        perf_event,
        perf_event_attr,
        perf_event_header,
        perf_overflow_handler_t,
        task_struct, //
    },
    edge::{
        exports,
        FromC,
        Passed, //
    },
    hook::{
        wrap,
        wrap_kept, //
    },
    namespace::{
        holder::{
            Going,
            Holder, //
        },
        Reference, //
    },
    object::{
        objects,
        PidNs,
        Task, //
    },
};
use core::cell::Cell;
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// `struct perf_ns_link_info`: where the file of a namespace is.
#[repr(C)]
pub(crate) struct Link {
    dev: Cell<u64>,
    ino: Cell<u64>,
}

/// The record of a task's namespaces in the making: `struct perf_namespaces_event`, which is private to its file.
#[repr(C)]
pub(crate) struct Record<'a> {
    /// The current task, or the child that it bears.
    task: &'a Task,
    header: perf_event_header,
    pid: u32,
    tid: u32,
    /// How many namespaces were listed.
    count: u64,
    links: [Link; bindings::NR_NAMESPACES as usize],
}

impl Record<'_> {
    /// Adds the namespace that was left out. All namespaces have their files on the same device.
    fn complete(&self) {
        if self.count != bindings::NR_NAMESPACES.into() {
            return;
        }
        let rcu = rcu::read_lock();
        let Some(pid) = self.task.pid(&rcu) else {
            return;
        };
        let link = &self.links[bindings::PID_NS_INDEX as usize];
        link.dev
            .set(self.links[bindings::MNT_NS_INDEX as usize].dev.get());
        link.ino.set(pid.ns().inum().into());
    }
}

objects! {
    /// An event.
    PerfEvent(perf_event);
    /// The same, by its `rcu_head`, when it goes: also one whose allocation failed half-way, which counts nothing.
    GoingPerfEvent(callback_head);
}

exports! {
    // The namespace that an event keeps, whose count is the caller's to take: the event says from then on that it has one.
    // To be called of one that was allocated just now.
    perf_event_mark(event: &PerfEvent) -> &PidNs = pidns_perf_event_mark;
    // That namespace, if the event says so.
    perf_event_marked(head: &GoingPerfEvent) -> Option<&PidNs> = pidns_perf_event_marked;
}

// SAFETY: An event's namespace never changes, and who is counted is marked once.
unsafe impl Holder for GoingPerfEvent {
    fn ns(&self) -> Option<&PidNs> {
        perf_event_marked(self)
    }
}

wrap_kept! {
    /// Wraps `perf_event_alloc`. May sleep, for as long as it takes to look up what a uprobe names.
    #[allow(clippy::too_many_arguments)]
    fn perf_event_alloc(
        attr: *mut perf_event_attr,
        cpu: c_int,
        task: *mut task_struct,
        group_leader: *mut perf_event,
        parent: *mut perf_event,
        overflow_handler: perf_overflow_handler_t,
        context: *mut c_void,
        cgroup_fd: c_int,
    ) -> *mut perf_event, original => {
        let event = original();
        // SAFETY: What is no error is a new event, which is the caller's.
        if let Ok(new) = unsafe { Result::<&PerfEvent>::from_c(event) } {
            Reference::get(perf_event_mark(new)).into_raw();
        }
        event
    }
}

wrap! {
    /// Wraps `free_event_rcu`, which frees an event. Softirq context; never sleeps.
    fn free_event_rcu(head: Going<GoingPerfEvent>), original => {
        original();
    }

    /// Wraps `perf_event_namespaces_output`, which writes a record for `event`. Never sleeps.
    fn perf_event_namespaces_output(
        event: *mut perf_event,
        record: Passed<'_, Record<'_>>,
    ), original => {
        record.0.complete();
        original();
    }
}
