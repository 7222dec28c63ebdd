// SPDX-License-Identifier: GPL-2.0

//! What a pidfd tells of pid namespaces (`fs/pidfs.c`).

use super::{
    procfs,
    text::Text, //
};
use crate::{
    bindings,
    compat::eopnotsupp,
    hook::{
        wrap,
        wrap_kept, //
    },
    imports::kernel_fn,
    module::{
        self,
        Inside, //
    },
    namespace::{
        operations::{
            self,
            ReferenceByCommon as ByCommon, //
        },
        Reference, //
    },
    object::{
        File,
        Object,
        SeqFile,
        Task, //
    },
};
use kernel::{
    error::to_result,
    prelude::*, //
};

wrap! {
    /// Wraps `pidfd_show_fdinfo`: adds the line `NSpid`. `file` is a pidfd. May sleep.
    fn pidfd_show_fdinfo(seq: &SeqFile, file: &File), original => {
        let _inside = Inside::enter();
        let (mut text, ()) = Text::after(seq, original);
        // Zero if the process is not in the reader's view, -1 if it is no more; as just said.
        let Some(nr) = text.number_behind(b"Pid:\t") else {
            return;
        };
        text.add_number(c"NSpid:\t", nr);
        let shown = seq.file().and_then(|info| procfs::ns_of(info.inode().sb()));
        if let (true, Some(ns), Ok(pid)) = (nr > 0, shown, kernel_fn::pidfd_pid(file)) {
            for upid in pid.numbers_from(ns.level() + 1) {
                text.add_number(c"\t", upid.nr());
            }
        }
        text.add_word(c"\n");
    }
}

wrap_kept! {
    /// Wraps `pidfd_ioctl`: opens the namespaces that the kernel was compiled not to know. `file` is a pidfd. May
    /// sleep.
    fn pidfd_ioctl(file: &File, command: c_uint, arg: c_ulong) -> c_long, original => {
        let which = match command {
            bindings::PIDNS_GET_PID_NS if module::is_live() => Which::Own,
            bindings::PIDNS_GET_PID_NS_FOR_CHILDREN if module::is_live() => Which::ForChildren,
            _ => return original(),
        };
        match namespace_of(file, which, arg) {
            Ok(ns) => operations::open_namespace(ByCommon(ns)) as c_long,
            Err(error) => error.to_errno() as c_long,
        }
    }
}

enum Which {
    Own,
    ForChildren,
}

fn namespace_of(pidfd: &File, which: Which, arg: c_ulong) -> Result<Reference> {
    let pid = kernel_fn::pidfd_pid(pidfd)?;
    let task = pid.get_task().ok_or(ESRCH)?;
    if arg != 0 {
        return Err(EINVAL);
    }
    with_credentials_kept(&task, || {
        if !kernel_fn::ptrace_may_access(&task, bindings::PTRACE_MODE_READ_FSCREDS) {
            return Err(EACCES);
        }
        // A task that has no namespaces for children exits: it is as if it did not exist.
        match (operations::for_children_of(&task), which) {
            (None, _) => Err(ESRCH),
            (Some(ns), Which::ForChildren) => Ok(ns),
            (Some(_), Which::Own) => operations::of_task(&task).ok_or_else(eopnotsupp),
        }
    })
}

/// Runs `f` while `task` does not change its credentials by `execve`: between a check and a look. May sleep.
///
/// # Errors
///
/// Those of `f`; `EINTR` if the current task is killed meanwhile.
fn with_credentials_kept<T>(task: &Task, f: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: A task has its `signal` for as long as it is held. The lock is taken once, and given back.
    unsafe {
        let lock = &raw mut (*(*task.as_ptr()).signal).exec_update_lock;
        to_result(bindings::down_read_killable(lock))?;
        let result = f();
        bindings::up_read(lock);
        result
    }
}
