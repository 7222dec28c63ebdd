// SPDX-License-Identifier: GPL-2.0

//! Functions that the kernel exports, macros and inline functions of its headers: those that are safe to call with
//! whatever has the types of their signature.

use crate::{
    bindings,
    edge::exports,
    object::{
        File,
        NsCommon,
        Pid,
        PidNs,
        PidType,
        Task,
        UserNs, //
    },
};
use kernel::prelude::*;

exports! {
    // Queries of the current task.
    in_task() -> bool = pidns_in_task;
    current_uid() -> bindings::kuid_t = pidns_current_uid;
    ns_capable(owner: &UserNs, capability: c_int) -> bool = ns_capable;
    // Whether whoever opened a file had it.
    file_ns_capable(file: &File, owner: &UserNs, capability: c_int) -> bool = file_ns_capable;
    ns_capable_noaudit(owner: &UserNs, capability: c_int) -> bool = ns_capable_noaudit;

    // Whether it is one more reference to a namespace: it had a user of whom user space knows.
    ns_get_unless_inactive(ns: &NsCommon) -> bool = pidns_ns_get_unless_inactive;
    // Any context in which it is not held.
    task_lock(task: &Task) = pidns_task_lock;

    // A slab cache with a copy of the name, or null. May sleep.
    cache_create(name: &CStr, size: u32) -> *mut bindings::kmem_cache = pidns_cache_create;

    // Lookups. A task that is found by a pid, too, is valid for an RCU grace period.
    find_pid_ns<'rcu>(nr: i32, ns: &PidNs) -> Option<&'rcu Pid> = find_pid_ns;
    pid_task<'rcu>(pid: &Pid, kind: PidType) -> Option<&'rcu Task> = pid_task;

    // Queries of a task, about words that others write.
    fatal_signal_pending(task: &Task) -> bool = pidns_fatal_signal_pending;
    task_sigpending(task: &Task) -> bool = pidns_task_sigpending;

    // Conversions of numbers; a user that has none in `user_ns` is nobody.
    from_kuid_munged(user_ns: &UserNs, uid: bindings::kuid_t) -> u32 = from_kuid_munged;
    make_kuid(user_ns: &UserNs, uid: u32) -> bindings::kuid_t = make_kuid;

    // Arithmetic of addresses: what it returns is not followed.

    // May sleep.
    cond_resched() = pidns_cond_resched;
    rcu_barrier_tasks() = rcu_barrier_tasks;

    // It only reads the current task.
    log_memfd_refused(scope: c_int) = pidns_log_memfd_refused;

    // Any context.
    random() -> u32 = pidns_random;

    // The current task's own state.
    schedule() = schedule;
    schedule_timeout(jiffies: c_long) -> c_long = schedule_timeout;
    set_current_idle() = pidns_set_current_idle;
    set_current_running() = pidns_set_current_running;
    clear_sigpending() = pidns_clear_sigpending;
    #[cfg(not(CONFIG_PID_NS))] // new in 7.3
    no_notify_signal_save() -> u32 = pidns_no_notify_signal_save;
    #[cfg(not(CONFIG_PID_NS))]
    no_notify_signal_restore(flags: u32) = pidns_no_notify_signal_restore;

    // The number of a task in a namespace, 0 if it has none. It takes RCU by itself.
    task_pid_nr_ns(task: &Task, kind: PidType, ns: &PidNs) -> i32 = __task_pid_nr_ns;

    // The number by which namespaces are ordered, which is never used twice.
    ns_id(ns: &PidNs) -> u64 = pidns_ns_id;

    // Whether the current task may lose the processor here.
    preemptible() -> bool = pidns_preemptible;
    // Whether a task executes a program; the bit is the task's own.
    is_in_execve(task: &Task) -> bool = pidns_is_in_execve;
}
