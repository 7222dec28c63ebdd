// SPDX-License-Identifier: GPL-2.0

//! Tasks, as supply mode needs them: held, locked, and the current one's process.

use crate::{
    bindings,
    held::Held,
    imports::kernel_fn,
    object::{
        fields,
        setters,
        NsProxy,
        Object,
        Pid,
        PidType,
        SignalStruct,
        Task, //
    },
};
use core::ops::Deref;

setters! {
    SignalStruct {
        pub(crate) set_group_exit_code(i32) = group_exit_code;
    }
}

impl Pid {
    /// The thread that has it, if that was not reaped yet. Never sleeps.
    pub(crate) fn get_task(&self) -> Option<Held<Task>> {
        kernel_fn::get_pid_task(self, PidType::Pid)
    }
}

/// `task_lock` of a task is held.
pub(crate) struct Locked<'a>(&'a Task);

impl Task {
    /// Takes the lock. Never sleeps.
    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_> {
        kernel_fn::task_lock(self);
        Locked(self)
    }
}

impl Deref for Locked<'_> {
    type Target = Task;

    #[inline(always)]
    fn deref(&self) -> &Task {
        self.0
    }
}

fields! {
    Locked<'_> {
        /// The namespaces that the task has, unless it exits. The lock keeps them installed, and so they are held.
        fixed nsproxy: Option<&NsProxy> = nsproxy;
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Taken in `lock`.
        unsafe { bindings::pidns_task_unlock(self.0.as_ptr()) };
    }
}
