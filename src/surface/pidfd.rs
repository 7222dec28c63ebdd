// SPDX-License-Identifier: GPL-2.0

//! What a pidfd tells of pid namespaces (`fs/pidfs.c`).

use crate::{
    bindings::{self, file, pid, seq_file, task_struct},
    compat::eopnotsupp,
    hook::{self, kernel_fn, original, Guest, Inside},
    namespace::{operations, Reference},
    pid::numbers_below,
    surface::{procfs, status::Text, task::Task},
};
use kernel::{error::to_result, prelude::*};

/// Wraps `pidfd_show_fdinfo`: adds the line `NSpid`.
///
/// # Safety
///
/// The kernel's: `seq` is being read by the current task, `file` is a pidfd. May sleep.
pub(crate) unsafe extern "C" fn pidfd_show_fdinfo(seq: *mut seq_file, file: *mut file) {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise.
    unsafe {
        let mut text = Text::after(seq, || original::pidfd_show_fdinfo(seq, file));
        // Zero if the process is not in the reader's view, -1 if it is no more; as just said.
        let Some(nr) = text.number_behind(b"Pid:\t") else {
            return;
        };
        text.add_number(c"NSpid:\t", nr);
        if nr > 0 {
            let ns = procfs::ns_of((*(*(*seq).file).f_inode).i_sb);
            let pid: *mut pid = kernel_fn::pidfd_pid(file);
            for upid in numbers_below(pid, (*ns).level + 1) {
                text.add_number(c"\t", upid.nr);
            }
        }
        text.add_word(c"\n");
    }
}

/// Wraps `pidfd_ioctl`: opens the namespaces that the kernel was compiled not to know.
///
/// # Safety
///
/// The kernel's: `file` is a pidfd, held by the current task. May sleep.
pub(crate) unsafe extern "C" fn pidfd_ioctl(
    file: *mut file,
    command: c_uint,
    arg: c_ulong,
) -> c_long {
    let _guest = Guest::enter();
    let which = match command {
        bindings::PIDNS_GET_PID_NS if hook::armed() => Which::Own,
        bindings::PIDNS_GET_PID_NS_FOR_CHILDREN if hook::armed() => Which::ForChildren,
        // SAFETY: The caller's promise.
        _ => return unsafe { original::pidfd_ioctl(file, command, arg) },
    };
    // SAFETY: The caller's promise. `open_namespace` takes the reference over.
    unsafe {
        match namespace_of(file, which, arg) {
            Ok(ns) => kernel_fn::open_namespace(operations::into_common(ns)) as c_long,
            Err(error) => error.to_errno() as c_long,
        }
    }
}

enum Which {
    Own,
    ForChildren,
}

/// # Safety
///
/// `file` must be a pidfd that is held.
unsafe fn namespace_of(file: *mut file, which: Which, arg: c_ulong) -> Result<Reference> {
    // SAFETY: The caller's promise; a pidfd holds its pid.
    let task = unsafe { Task::of(kernel_fn::pidfd_pid(file)) }.ok_or(ESRCH)?;
    if arg != 0 {
        return Err(EINVAL);
    }
    // SAFETY: `task` is held.
    unsafe { checked_namespace_of(task.as_ptr(), which) }
}

/// # Safety
///
/// `task` must be held.
unsafe fn checked_namespace_of(task: *mut task_struct, which: Which) -> Result<Reference> {
    // SAFETY: The caller's promise. The lock keeps the task from changing its credentials by `execve`
    // between the check and the look.
    unsafe {
        let lock = &raw mut (*(*task).signal).exec_update_lock;
        to_result(bindings::down_read_killable(lock))?;
        let result = if kernel_fn::ptrace_may_access(task, PTRACE_MODE_READ_FSCREDS) {
            // A task that has no namespaces for children exits: it is as if it did not exist.
            match (operations::for_children_of(task), which) {
                (None, _) => Err(ESRCH),
                (Some(ns), Which::ForChildren) => Ok(ns),
                (Some(_), Which::Own) => operations::of_task(task).ok_or_else(eopnotsupp),
            }
        } else {
            Err(EACCES)
        };
        bindings::up_read(lock);
        result
    }
}

const PTRACE_MODE_READ_FSCREDS: c_uint = bindings::PTRACE_MODE_READ | bindings::PTRACE_MODE_FSCREDS;
