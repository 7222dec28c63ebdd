// SPDX-License-Identifier: GPL-2.0

//! `CLONE_NEWPID`, in `unshare`, `clone` and `clone3`.

use crate::{
    bindings::{
        self,
        fs_struct,
        nsproxy, //
    },
    hook::wrap,
    imports::original,
    module::Inside,
    namespace,
    object::{
        NsProxy,
        Object,
        Task,
        UserNs, //
    },
    task::Current,
};
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

const CLONE_NEWPID: u64 = bindings::CLONE_NEWPID as u64;

wrap! {
    /// Wraps `kernel/nsproxy.c: create_new_namespaces`, whose part for pid namespaces was compiled to
    /// "`EINVAL` if one is wanted".
    ///
    /// `task` is the current task or its child that is being born. Called without locks, may sleep.
    fn create_new_namespaces(
        flags: u64,
        task: &Task,
        user_ns: &UserNs,
        new_fs: *mut fs_struct,
    ) -> *mut nsproxy, original => {
        let _inside = Inside::enter();
        if flags & CLONE_NEWPID == 0 {
            return original();
        }
        with_new_pid_ns(flags, task, user_ns, new_fs).unwrap_or_else(|error| error.to_ptr())
    }
}

fn with_new_pid_ns(
    flags: u64,
    task: &Task,
    user_ns: &UserNs,
    new_fs: *mut fs_struct,
) -> Result<*mut nsproxy> {
    // SAFETY: It is the current task's, or its child's that nobody else knows.
    let parent = unsafe { NsProxy::from_ptr((*task.as_ptr()).nsproxy) }.pid_ns_for_children();
    let me = Current::get();
    if !me.active_ns().is(parent) {
        return Err(EINVAL);
    }
    // It is held until the current task runs its task work, so it is not ours to free when the rest fails.
    let ns = namespace::create(&me, user_ns, parent)?;
    let others = flags & !CLONE_NEWPID;
    // SAFETY: These are the arguments but for the flag. The nsproxy is new.
    unsafe {
        let (task, user_ns) = (task.as_ptr(), user_ns.as_ptr());
        let proxy = original::create_new_namespaces(others, task, user_ns, new_fs);
        (*from_err_ptr(proxy)?).pid_ns_for_children = ns.as_ptr();
        Ok(proxy)
    }
}
