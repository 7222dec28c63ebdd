// SPDX-License-Identifier: GPL-2.0

//! A namespace's birth.

use super::{
    memory::{
        self,
        Blank, //
    },
    operations,
    Reference, //
};
use crate::{
    bindings::{
        self,
        callback_head,
        pid_namespace, //
    },
    chain::InWork,
    events,
    hook::callbacks,
    imports::{
        arguments::PidNamespaces,
        kernel_fn,
        PID_NS_TREE, //
    },
    module::Loaded,
    object::{
        by_part,
        Object,
        PidNs,
        UserNs, //
    },
    task::Current,
};
use kernel::{
    error::to_result,
    prelude::*,
    task::Kuid, //
};

/// Creates a child namespace of `parent`, owned by `user_ns`
/// (`kernel/pid_namespace.c: create_pid_namespace`).
///
/// It lives at least until the current task runs its task work, on its way to user space or, in
/// `kernel_clone`, at a stop for a tracer (`kernel/signal.c: ptrace_notify`): by then whatever the
/// system call built it for has it, or has failed. So it stays while the caller runs.
///
/// May sleep.
///
/// # Errors
///
/// `EINVAL` if `user_ns` is not the owner of `parent` or below, `ENOSPC` at the 33rd level or the
/// user's limit, `ENOMEM`.
pub(crate) fn create<'task>(
    me: &'task Current,
    user_ns: &UserNs,
    parent: &PidNs,
) -> Result<&'task PidNs> {
    // What a kernel without pid namespaces says.
    let loaded = Loaded::get().ok_or(EINVAL)?;
    if !kernel_fn::in_userns(parent.user_ns(), user_ns) {
        return Err(EINVAL);
    }
    let level = parent.level() + 1;
    if level > bindings::MAX_PID_NS_LEVEL {
        return Err(ENOSPC);
    }
    let euid = Kuid::current_euid().into_raw();
    let counted = kernel_fn::inc_ucount(user_ns, euid, PidNamespaces).ok_or(ENOSPC)?;
    let mut blank = Blank::new()?;
    let ns = blank.get();
    ns.pid_cachep = memory::pids(level as usize)?;
    ns.pid_max = bindings::PIDNS_PID_MAX_LIMIT;
    let (kind, operations) = (bindings::CLONE_NEWPID, operations::own());
    // SAFETY: `ns` is zeroed and ours alone.
    unsafe {
        bindings::pidns_idr_init(&raw mut ns.idr);
        to_result(kernel_fn::__ns_common_init(
            &raw mut ns.ns,
            kind,
            operations,
            0,
        ))?;
    }
    ns.level = level;
    ns.parent = Reference::get(parent).into_raw();
    ns.user_ns = kernel_fn::get_user_ns(user_ns).into_raw();
    #[cfg(CONFIG_MEMFD_CREATE)]
    {
        ns.memfd_noexec_scope = super::memfd_noexec_scope(parent);
    }
    ns.ucounts = counted.into_raw();
    ns.pid_allocated = bindings::PIDNS_ADDING;
    loaded.into_raw();
    keep_until_task_work(add_to_tree(blank), me)
}

/// A complete namespace becomes known.
fn add_to_tree(blank: Blank) -> Reference {
    let ns = blank.into_raw();
    // SAFETY: `ns` is ours alone until it is added. It was made with a count of 1, which is ours.
    unsafe {
        kernel_fn::__ns_tree_gen_id(&raw mut (*ns).ns, 0);
        kernel_fn::__ns_tree_add_raw(&raw mut (*ns).ns, PID_NS_TREE.get());
        events::ns_create(PidNs::from_ptr(ns));
        Reference::from_raw(ns)
    }
}

/// Leaves the creator's reference to the current task, which drops it in its task work.
fn keep_until_task_work(created: Reference, me: &Current) -> Result<&PidNs> {
    let on_the_way = bindings::task_work_notify_mode_TWA_RESUME;
    let work = created.in_work().created.get();
    // SAFETY: Nobody else uses the callback. The task keeps the reference for longer than anybody that runs in its system
    // call can have a reference to `me`.
    let (queued, kept) = unsafe {
        (*work).func = Some(drop_created);
        let queued = kernel_fn::task_work_add(me.as_ptr(), work, on_the_way);
        (queued, PidNs::from_ptr(created.as_ptr()))
    };
    // It fails for a task that exits, which is not in this system call; then `created` drops it.
    to_result(queued)?;
    created.into_raw();
    Ok(kept)
}

by_part! {
    /// The creator's reference to a namespace, as its task work.
    ByCreated(Reference) = pid_namespace, work as InWork.created: callback_head;
}

callbacks! {
    /// The task work that drops the creator's reference.
    fn drop_created(created: ByCreated) {
        drop(created.0);
    }
}
