// SPDX-License-Identifier: GPL-2.0

//! A perf event records numbers as its opener sees them (`kernel/events/core.c`).

use crate::{
    bindings::{
        self, callback_head, perf_event, perf_event_attr, perf_event_header, perf_ns_link_info,
        perf_overflow_handler_t, task_struct,
    },
    hook::{original, Inside},
    namespace::{holder, Holder},
    pid::active_ns,
};
use kernel::error::from_err_ptr;
use kernel::prelude::*;

/// Wraps `perf_event_alloc`.
///
/// # Safety
///
/// The kernel's. May sleep.
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe extern "C" fn perf_event_alloc(
    attr: *mut perf_event_attr,
    cpu: c_int,
    task: *mut task_struct,
    group_leader: *mut perf_event,
    parent: *mut perf_event,
    overflow_handler: perf_overflow_handler_t,
    context: *mut c_void,
    cgroup_fd: c_int,
) -> *mut perf_event {
    let _inside = Inside::enter();
    let holder = match Holder::of_current() {
        Ok(holder) => holder,
        Err(error) => return error.to_ptr(),
    };
    // SAFETY: The caller's promise.
    let event = unsafe {
        original::perf_event_alloc(
            attr,
            cpu,
            task,
            group_leader,
            parent,
            overflow_handler,
            context,
            cgroup_fd,
        )
    };
    if let Ok(event) = from_err_ptr(event) {
        holder.hold(event);
    }
    event
}

/// Wraps `free_event_rcu`, which frees an event, also one whose allocation failed half-way and
/// which therefore holds nothing.
///
/// # Safety
///
/// The kernel's: an RCU callback for the event's `rcu_head`. Softirq context; sleeps never.
pub(crate) unsafe extern "C" fn free_event_rcu(head: *mut callback_head) {
    // SAFETY: The caller's promise.
    let event = unsafe { bindings::pidns_perf_event_of(head) };
    let held = holder::take(event);
    // SAFETY: The caller's promise.
    unsafe { original::free_event_rcu(head) };
    drop(held);
}

/// `struct perf_namespaces_event`, which is private to its file.
#[repr(C)]
struct NamespacesEvent {
    task: *mut task_struct,
    header: perf_event_header,
    pid: u32,
    tid: u32,
    count: u64,
    links: [perf_ns_link_info; bindings::NR_NAMESPACES as usize],
}

/// Wraps `perf_event_namespaces_output`: the record of a task's namespaces gets the one that was
/// left out. All namespaces have their files on the same device.
///
/// # Safety
///
/// The kernel's: `data` is the current task's record, of itself or of the child that it bears.
/// Sleeps never.
pub(crate) unsafe extern "C" fn perf_event_namespaces_output(
    event: *mut perf_event,
    data: *mut c_void,
) {
    let record: *mut NamespacesEvent = data.cast();
    // SAFETY: The caller's promise; both tasks have pids.
    unsafe {
        if (*record).count == bindings::NR_NAMESPACES.into() {
            let dev = (*record).links[bindings::MNT_NS_INDEX as usize].dev;
            let ino = (*active_ns((*record).task)).ns.inum.into();
            (*record).links[bindings::PID_NS_INDEX as usize] = perf_ns_link_info { dev, ino };
        }
        original::perf_event_namespaces_output(event, data);
    }
}
