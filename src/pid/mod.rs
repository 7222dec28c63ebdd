// SPDX-License-Identifier: GPL-2.0

//! The chain: a `struct pid` with one `upid` for each level, from the root to its own namespace.

#[cfg(not(CONFIG_PID_NS))]
pub(crate) mod alloc;
#[cfg(not(CONFIG_PID_NS))]
pub(crate) mod free;
#[cfg(not(CONFIG_PID_NS))]
mod map;
#[cfg(not(CONFIG_PID_NS))]
mod number;

#[cfg(not(CONFIG_PID_NS))]
pub(crate) use alloc::may_choose;

use crate::bindings::{self, pid, pid_namespace, task_struct, upid};

/// The `upid`s of `pid`, from level 0 to its own.
///
/// # Safety
///
/// `pid` must be valid for as long as the pointer is used, and was allocated with a number for each
/// of its levels.
#[inline]
pub(crate) unsafe fn numbers(pid: *mut pid) -> *mut upid {
    // SAFETY: The caller's promise; the address of the flexible array at the end.
    unsafe { (&raw mut (*pid).numbers).cast() }
}

/// The `upid`s of `pid` from `level` to its own; none if that is above.
///
/// # Safety
///
/// `pid` must be held for as long as they are used.
#[inline]
pub(crate) unsafe fn numbers_below<'a>(pid: *mut pid, level: u32) -> &'a [upid] {
    // SAFETY: The caller's promise. The chain does not change once the pid can be found.
    unsafe {
        let all = core::slice::from_raw_parts(numbers(pid), (*pid).level as usize + 1);
        all.get(level as usize..).unwrap_or(&[])
    }
}

/// The namespace in which `pid` was allocated (`include/linux/pid.h: ns_of_pid`).
///
/// # Safety
///
/// `pid` must be valid.
#[inline]
pub(crate) unsafe fn ns_of(pid: *mut pid) -> *mut pid_namespace {
    // SAFETY: The caller's promise; the chain has `level + 1` entries.
    unsafe { (*numbers(pid).add((*pid).level as usize)).ns }
}

/// Whether `pid` is that of its namespace's init (`include/linux/pid.h: is_child_reaper`).
///
/// # Safety
///
/// `pid` must be valid.
#[inline]
pub(crate) unsafe fn is_init(pid: *mut pid) -> bool {
    // SAFETY: As above.
    unsafe { (*numbers(pid).add((*pid).level as usize)).nr == 1 }
}

/// The namespace that `task` sees itself in (`kernel/pid.c: task_active_pid_ns`).
///
/// # Safety
///
/// `task` must have a pid: be the current task, or one whose `sighand` lock is held.
#[inline]
pub(crate) unsafe fn active_ns(task: *mut task_struct) -> *mut pid_namespace {
    // SAFETY: The caller's promise.
    unsafe { ns_of((*task).thread_pid) }
}

/// The namespace that the current task sees itself in.
#[inline]
pub(crate) fn current_ns() -> *mut pid_namespace {
    // SAFETY: A running task has a pid.
    unsafe { active_ns(bindings::get_current()) }
}

/// Whether `ns` is the first namespace, which is never counted and never dies.
#[inline]
pub(crate) fn is_first(ns: *const pid_namespace) -> bool {
    core::ptr::eq(ns, &raw const bindings::init_pid_ns)
}

/// `ns` takes no more tasks.
///
/// # Safety
///
/// `ns` must be valid.
#[cfg(not(CONFIG_PID_NS))]
pub(crate) unsafe fn close(ns: *mut pid_namespace) {
    // SAFETY: The caller's promise.
    unsafe { map::Pidmap::lock().close(ns) };
}
