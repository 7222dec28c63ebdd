// SPDX-License-Identifier: GPL-2.0

//! Which namespace: of whom, above what.

use crate::{
    bindings,
    object::{
        fields,
        Cred,
        NsCommon,
        NsProxy,
        Object,
        Pid,
        PidNs,
        Task,
        UserNs, //
    },
    task::Current,
};
use core::ops::Deref;
use kernel::container_of;

fields! {
    PidNs {
        /// How far it is from the initial namespace.
        fixed level: u32 = level;
        /// The namespace above it, which it holds; the initial one has none.
        fixed parent: Option<&PidNs> = parent;
        /// The namespace of users that owns it, which it holds.
        fixed user_ns: &UserNs = user_ns;
        /// The number of its file, by which user space knows it.
        fixed inum: u32 = ns.inum;
        /// The task that orphans go to; null before the init is born. Written under `tasklist_lock`.
        once child_reaper: *mut bindings::task_struct = child_reaper;
        /// How many numbers are in use, and `PIDNS_ADDING`. Written under `pidmap_lock`.
        once pid_allocated: u32 = pid_allocated;
        /// One more than the highest number.
        once pid_max: i32 = pid_max;
        /// What its init shall seem to have been ended by, if `reboot(2)` was called in it.
        once reboot: i32 = reboot;
        /// The slab cache of pids that are allocated in it.
        fixed pid_cachep: *mut bindings::kmem_cache = pid_cachep;
        /// How many references there are. Nobody counts those of the initial namespace in supply mode.
        once reference_count: i32 = ns.__bindgen_anon_1.__ns_ref.refs.counter;
        /// Its part in the kernel's code for all kinds of namespaces.
        part common: &NsCommon = ns;
    }
}

impl PidNs {
    /// The initial namespace, which is never counted and never dies.
    #[inline(always)]
    pub(crate) fn initial() -> &'static Self {
        // SAFETY: A static of the kernel's.
        unsafe { Self::from_ptr(&raw const bindings::init_pid_ns) }
    }

    /// Whether it is the initial namespace.
    #[inline(always)]
    pub(crate) fn is_initial(&self) -> bool {
        self.is(Self::initial())
    }

    /// Whether it is `ancestor` or below it (`kernel/pid_namespace.c: pidns_is_ancestor`).
    pub(crate) fn is_within(&self, ancestor: &Self) -> bool {
        let mut above = self;
        while above.level() > ancestor.level() {
            match above.parent() {
                Some(parent) => above = parent,
                None => return false,
            }
        }
        above.is(ancestor)
    }
}

fields! {
    UserNs {
        /// The number of its file, by which user space knows it.
        fixed inum: u32 = ns.inum;
    }
}

fields! {
    Cred {
        /// The namespace of users in which these are rights.
        fixed user_ns: &UserNs = user_ns;
    }
}

impl PidNs {
    /// Whether somebody holds it: false for one that was found under RCU and is going.
    pub(crate) fn has_references(&self) -> bool {
        self.reference_count() != 0
    }
}

impl NsCommon {
    /// The pid namespace that it is part of, if it is one's.
    #[inline]
    pub(crate) fn pid_ns(&self) -> Option<&PidNs> {
        if self.ns_type() != bindings::CLONE_NEWPID {
            return None;
        }
        // SAFETY: That is the type of pid namespaces, all of which are part of a `struct pid_namespace`.
        Some(unsafe { PidNs::from_ptr(container_of!(self.as_ptr(), bindings::pid_namespace, ns)) })
    }
}

fields! {
    NsCommon {
        /// Which kind of namespace it is: a `CLONE_NEW` flag.
        fixed ns_type: u32 = ns_type;
    }
}

/// A task that has a pid, and keeps it for as long as this is borrowed.
///
/// # Safety
///
/// It must be so.
pub(crate) unsafe trait HasPid: Deref<Target = Task> {
    /// The namespace that the task sees itself in (`kernel/pid.c: task_active_pid_ns`).
    #[inline(always)]
    fn active_ns(&self) -> &PidNs {
        // SAFETY: A pid holds its namespace.
        unsafe { Pid::from_ptr((*self.as_ptr()).thread_pid).ns() }
    }
}

// SAFETY: A task that runs has one, until it reaps itself at the end of `do_exit`, from where no function that asks is called.
// (The idle tasks have one of their own.)
unsafe impl HasPid for Current {}

impl Current {
    /// The namespace that the current task sees itself in.
    #[inline]
    pub(crate) fn active_ns(&self) -> &PidNs {
        HasPid::active_ns(self)
    }
}

fields! {
    NsProxy {
        /// The namespace that the next children of its tasks will be in.
        fixed pid_ns_for_children: &PidNs = pid_ns_for_children;
    }
}
