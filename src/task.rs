// SPDX-License-Identifier: GPL-2.0

//! Tasks.

mod children;
#[cfg(not(CONFIG_PID_NS))]
mod supply;

use crate::{
    bindings,
    object::{
        fields,
        Cred,
        IntoC,
        Object,
        Pid,
        SignalStruct,
        Task, //
    },
};
use core::ops::Deref;

/// The current task. It is there for as long as this: nobody else can have it, so it is not sent anywhere.
pub(crate) struct Current(*mut bindings::task_struct);

impl Current {
    /// The current task; in an interrupt, the one that it has met.
    #[inline(always)]
    pub(crate) fn get() -> Self {
        Self(kernel::task::Task::current_raw())
    }
}

impl Deref for Current {
    type Target = Task;

    #[inline(always)]
    fn deref(&self) -> &Task {
        // SAFETY: The current task does not go while it runs, and a `Current` stays on its stack.
        unsafe { Task::from_ptr(self.0) }
    }
}

impl IntoC for &Current {
    type C = *mut bindings::task_struct;

    #[inline(always)]
    fn into_c(self) -> *mut bindings::task_struct {
        self.0
    }
}

fields! {
    Task {
        /// Its process's number in the initial namespace.
        fixed tgid_nr: i32 = tgid;
        /// Its `PF_` flags. Only the task itself writes them.
        once flags: u32 = flags;
        /// Who is told when it ends: who made it, or who traces it. Written under `tasklist_lock`.
        once parent: *mut bindings::task_struct = parent;
        /// The first thread of its process. An `execve` that changes it has made sure that there is no other.
        once group_leader: *mut bindings::task_struct = group_leader;
        /// What its process's threads share of signals. A task has it until its memory goes.
        fixed signal: &SignalStruct = signal;
    }
}

fields! {
    Task {
        /// The thread's pid, if it was not reaped yet.
        once pid<'rcu>: Option<&'rcu Pid> = thread_pid;
        /// As `parent`, to be looked at.
        once parent_task<'rcu>: &'rcu Task = parent;
        /// As whom others see it.
        once_shared real_cred<'rcu>: &'rcu Cred = real_cred;
    }
}

fields! {
    SignalStruct {
        /// How many threads have not exited.
        once live: i32 = live.counter;
        /// How many were not reaped. Written under the `siglock`.
        once nr_threads: i32 = nr_threads;
        /// The pid by which the process is known, until its last thread was reaped.
        once tgid<'rcu>: Option<&'rcu Pid> = pids[bindings::pid_type_PIDTYPE_TGID as usize];
        /// The process group's pid. Written under `tasklist_lock`.
        once group: *mut bindings::pid = pids[bindings::pid_type_PIDTYPE_PGID as usize];
        /// The memory of a process that the OOM killer wants back; else null.
        once oom_mm: *mut bindings::mm_struct = oom_mm;
        /// The session's pid. Written under `tasklist_lock`.
        once session: *mut bindings::pid = pids[bindings::pid_type_PIDTYPE_SID as usize];
    }
}

fields! {
    Current {
        /// The pid by which its process is known, until the last thread was reaped.
        fixed tgid: &Pid = *signal, pids[bindings::pid_type_PIDTYPE_TGID as usize];
        /// As whom it acts. Only the task itself changes that.
        shared cred<'rcu>: &'rcu Cred = cred;
    }
}

#[cfg(not(CONFIG_PID_NS))]
impl Current {
    /// Whether it is the first thread of its process.
    pub(crate) fn is_group_leader(&self) -> bool {
        self.group_leader() == self.as_ptr()
    }
}

impl SignalStruct {
    /// Whether the OOM killer waits for its memory (`include/linux/oom.h: tsk_is_oom_victim`).
    pub(crate) fn is_oom_victim(&self) -> bool {
        !self.oom_mm().is_null()
    }
}

impl Task {
    /// Whether some thread of its process has not exited.
    #[cfg_attr(not(CONFIG_DEBUG_FS), allow(dead_code))]
    pub(crate) fn is_process_alive(&self) -> bool {
        self.signal().live() != 0
    }

    /// The first processor's idle task, which never goes.
    #[cfg(pidns_kunit)]
    pub(crate) fn boot() -> &'static Self {
        // SAFETY: A static of the kernel's.
        unsafe { Self::from_ptr(&raw const bindings::init_task) }
    }
}
