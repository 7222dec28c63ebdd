// SPDX-License-Identifier: GPL-2.0

//! `CLONE_NEWPID`, in `unshare`, `clone` and `clone3`.

use crate::{
    bindings::{self, fs_struct, nsproxy, task_struct, user_namespace},
    hook::{original, Inside},
    namespace,
    pid::current_ns,
};
use kernel::{error::from_err_ptr, prelude::*};

const CLONE_NEWPID: u64 = bindings::CLONE_NEWPID as u64;

/// Wraps `kernel/nsproxy.c: create_new_namespaces`, whose part for pid namespaces was compiled to
/// "`EINVAL` if one is wanted".
///
/// # Safety
///
/// The kernel's: `task` is the current task or its child that is being born, `user_ns` is held.
/// Called without locks, may sleep.
pub(crate) unsafe extern "C" fn create_new_namespaces(
    flags: u64,
    task: *mut task_struct,
    user_ns: *mut user_namespace,
    new_fs: *mut fs_struct,
) -> *mut nsproxy {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise.
    unsafe {
        if flags & CLONE_NEWPID == 0 {
            return original::create_new_namespaces(flags, task, user_ns, new_fs);
        }
        match with_new_pid_ns(flags, task, user_ns, new_fs) {
            Ok(proxy) => proxy,
            Err(error) => error.to_ptr(),
        }
    }
}

/// # Safety
///
/// As above.
unsafe fn with_new_pid_ns(
    flags: u64,
    task: *mut task_struct,
    user_ns: *mut user_namespace,
    new_fs: *mut fs_struct,
) -> Result<*mut nsproxy> {
    // SAFETY: The caller's promise. The new namespace is held until the current task returns to
    // user space, so it is not ours to free when the rest fails.
    unsafe {
        let parent = (*(*task).nsproxy).pid_ns_for_children;
        if current_ns() != parent {
            return Err(EINVAL);
        }
        let ns = namespace::create(user_ns, parent)?;
        let proxy = from_err_ptr(original::create_new_namespaces(
            flags & !CLONE_NEWPID,
            task,
            user_ns,
            new_fs,
        ))?;
        (*proxy).pid_ns_for_children = ns;
        Ok(proxy)
    }
}
