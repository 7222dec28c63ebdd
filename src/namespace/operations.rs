// SPDX-License-Identifier: GPL-2.0

//! What the kernel's common namespace code may ask of a pid namespace, the initial one included
//! (`kernel/pid_namespace.c: pidns_operations`).

use super::Reference;
use crate::{
    bindings::{
        self,
        ns_common,
        pid_namespace,
        proc_ns_operations,
        task_struct,
        user_namespace, //
    },
    edge::exports,
    hook::callbacks,
    imports::kernel_fn,
    module,
    object::{
        by_part,
        Cred,
        IntoC,
        NsSet,
        Object,
        PidNs,
        Task,
        UserNs, //
    },
    task::Current,
};
use core::{
    ffi::CStr,
    ptr, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// Never written.
struct Operations(proc_ns_operations);

// SAFETY: Never written.
unsafe impl Sync for Operations {}

type Get = unsafe extern "C" fn(*mut task_struct) -> *mut ns_common;

const fn operations(name: &'static CStr, real_name: *const c_char, get: Get) -> Operations {
    Operations(proc_ns_operations {
        name: name.to_bytes_with_nul().as_ptr(),
        real_ns_name: real_name,
        get: Some(get),
        put: Some(put),
        install: Some(install),
        owner: Some(owner),
        get_parent: Some(parent),
    })
}

static OWN: Operations = operations(c"pid", ptr::null(), get);
static FOR_CHILDREN: Operations = operations(
    c"pid_for_children",
    c"pid".to_bytes_with_nul().as_ptr(),
    get_for_children,
);

/// Those of the namespace that a task is in; every pid namespace has them.
pub(crate) fn own() -> *const proc_ns_operations {
    &raw const OWN.0
}

/// Those of the namespace that the next children of a task will be in.
pub(crate) fn for_children() -> *const proc_ns_operations {
    &raw const FOR_CHILDREN.0
}

/// Gives a reference away as the kernel's namespace code wants it.
pub(crate) fn into_common(ns: Reference) -> *mut ns_common {
    let common = ns.common().as_ptr();
    ns.into_raw();
    common
}

/// The namespace that `task` is in, if it was not reaped yet. Never sleeps.
pub(crate) fn of_task(task: &Task) -> Option<Reference> {
    // A pid's namespace stays valid for an RCU grace period after the task let go of it.
    let rcu = rcu::read_lock();
    task.pid(&rcu).map(|pid| Reference::get(pid.ns()))
}

/// The namespace that the next children of `task` will be in, if it did not exit. Never sleeps.
pub(crate) fn for_children_of(task: &Task) -> Option<Reference> {
    let locked = task.lock();
    locked
        .nsproxy()
        .map(|proxy| Reference::get(proxy.pid_ns_for_children()))
}

/// Whether the current task has `CAP_SYS_ADMIN` in `user_ns`.
pub(crate) fn is_admin(user_ns: &UserNs) -> bool {
    kernel_fn::ns_capable(user_ns, bindings::CAP_SYS_ADMIN as c_int)
}

/// Gives a namespace of a task away, for a file of it. None while the module comes or goes: a file
/// of the initial namespace would not keep it then (`surface::nsfs`).
fn give(ns: Option<Reference>) -> *mut ns_common {
    ns.filter(|_| module::is_live())
        .map_or(ptr::null_mut(), into_common)
}

by_part! {
    /// A pid namespace, as the kernel's common namespace code passes it: by its `ns`.
    ByCommon<'a>(&'a PidNs) = pid_namespace, ns: ns_common;
    /// A reference to one, in the same way.
    pub(crate) ReferenceByCommon(Reference) = pid_namespace, ns: ns_common;
}

impl IntoC for ReferenceByCommon {
    type C = *mut ns_common;

    #[inline(always)]
    fn into_c(self) -> *mut ns_common {
        into_common(self.0)
    }
}

exports! {
    // Opens the file of a namespace for the current task: a descriptor, or an error. May sleep.
    open_namespace(ns: ReferenceByCommon) -> c_int = __SCT__pidns_open_namespace;
}

callbacks! {
    /// `pidns_get`. The current task is in a hooked function that counts it.
    fn get(task: &Task) -> *mut ns_common {
        give(of_task(task))
    }

    /// `pidns_for_children_get`. As above.
    fn get_for_children(task: &Task) -> *mut ns_common {
        give(for_children_of(task))
    }

    /// `pidns_put`. Any context.
    fn put(ns: ReferenceByCommon) {
        drop(ns.0);
    }

    /// `pidns_install`: what `setns` of the current task checks and does.
    ///
    /// The `nsproxy` is not installed yet, so it takes no reference of its own: the caller keeps the
    /// namespace until it is (see `namespace::nsproxy`).
    fn install(set: &NsSet, ns: ByCommon<'_>) -> c_int {
        let ns = ns.0;
        // SAFETY: The set is the current task's, and so are the `nsproxy` and the rights in it.
        let (cred, slot) = unsafe {
            let set = &*set.as_ptr();
            (Cred::from_ptr(set.cred), &mut (*set.nsproxy).pid_ns_for_children)
        };
        if !is_admin(ns.user_ns()) || !is_admin(cred.user_ns()) {
            return EPERM.to_errno();
        }
        // No task leaves the namespace that it is in, and a fork gives a number that it can use.
        if !ns.is_within(Current::get().active_ns()) {
            return EINVAL.to_errno();
        }
        *slot = ns.as_ptr();
        0
    }

    /// `pidns_owner`.
    fn owner(ns: ByCommon<'_>) -> *mut user_namespace {
        ns.0.user_ns().as_ptr()
    }

    /// `pidns_get_parent`: `EPERM` if the parent is not in the current task's view.
    fn parent(ns: ByCommon<'_>) -> *mut ns_common {
        match ns.0.parent() {
            Some(parent) if parent.is_within(Current::get().active_ns()) => into_common(Reference::get(parent)),
            _ => EPERM.to_ptr(),
        }
    }
}
