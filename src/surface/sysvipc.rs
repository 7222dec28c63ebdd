// SPDX-License-Identifier: GPL-2.0

//! `/proc/sysvipc/*`: an open file shows numbers as its opener saw them (`ipc/util.c`).

use crate::{
    bindings::{file, inode},
    hook::{original, Inside},
    namespace::{holder, Holder},
};
use kernel::prelude::*;

/// Wraps `sysvipc_proc_open`.
///
/// # Safety
///
/// The kernel's: `file` is being opened by the current task. May sleep.
pub(crate) unsafe extern "C" fn sysvipc_proc_open(inode: *mut inode, file: *mut file) -> c_int {
    let _inside = Inside::enter();
    let holder = match Holder::of_current() {
        Ok(holder) => holder,
        Err(error) => return error.to_errno(),
    };
    // SAFETY: The caller's promise.
    let result = unsafe { original::sysvipc_proc_open(inode, file) };
    if result == 0 {
        holder.hold(file);
    }
    result
}

/// Wraps `sysvipc_proc_release`.
///
/// # Safety
///
/// The kernel's: `file` is being closed for the last time. May sleep.
pub(crate) unsafe extern "C" fn sysvipc_proc_release(inode: *mut inode, file: *mut file) -> c_int {
    let _inside = Inside::enter();
    let held = holder::take(file);
    // SAFETY: The caller's promise.
    let result = unsafe { original::sysvipc_proc_release(inode, file) };
    drop(held);
    result
}
