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
    edge::Passed,
    hook::wrap,
    imports::kernel_fn,
    module::Inside,
    namespace::{
        holder,
        Holder, //
    },
    object::Task,
};
use core::cell::Cell;
use kernel::{
    error::from_err_ptr,
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

wrap! {
    /// Wraps `perf_event_alloc`. May sleep.
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
        let _inside = Inside::enter();
        let holder = match Holder::of_current() {
            Ok(holder) => holder,
            Err(error) => return error.to_ptr(),
        };
        let event = original();
        if let Ok(event) = from_err_ptr(event) {
            holder.hold(event);
        }
        event
    }

    /// Wraps `free_event_rcu`, which frees an event, also one whose allocation failed half-way and which therefore
    /// holds nothing. `head` is the event's `rcu_head`. Softirq context; never sleeps.
    fn free_event_rcu(head: *mut callback_head), original => {
        let held = holder::take(kernel_fn::perf_event_of(head));
        original();
        drop(held);
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
