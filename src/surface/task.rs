// SPDX-License-Identifier: GPL-2.0

//! A task that is held.

use crate::bindings::{self, pid, task_struct};

pub(super) struct Task(*mut task_struct);

impl Task {
    /// The task that has a pid, if it was not reaped yet.
    ///
    /// # Safety
    ///
    /// `pid` must be held.
    pub(super) unsafe fn of(pid: *mut pid) -> Option<Self> {
        // SAFETY: The caller's promise.
        let task = unsafe { bindings::get_pid_task(pid, bindings::pid_type_PIDTYPE_PID) };
        (!task.is_null()).then(|| Self(task))
    }

    pub(super) fn as_ptr(&self) -> *mut task_struct {
        self.0
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: `get_pid_task` took the reference.
        unsafe { bindings::put_task_struct(self.0) };
    }
}
