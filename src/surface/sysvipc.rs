// SPDX-License-Identifier: GPL-2.0

//! `/proc/sysvipc/*`: an open file shows numbers as its opener saw them (`ipc/util.c`).

use crate::{
    hook::wrap,
    module::Inside,
    namespace::{holder, Holder},
    object::{File, Inode, Object},
};
use kernel::prelude::*;

wrap! {
    /// Wraps `sysvipc_proc_open`: the current task opens `file`. May sleep.
    fn sysvipc_proc_open(inode: &Inode, file: &File) -> c_int, original => {
        let _inside = Inside::enter();
        let holder = match Holder::of_current() {
            Ok(holder) => holder,
            Err(error) => return error.to_errno(),
        };
        let result = original();
        if result == 0 {
            holder.hold(file.as_ptr());
        }
        result
    }

    /// Wraps `sysvipc_proc_release`: `file` is closed for the last time. May sleep.
    fn sysvipc_proc_release(inode: &Inode, file: &File) -> c_int, original => {
        let _inside = Inside::enter();
        let held = holder::take(file.as_ptr());
        let result = original();
        drop(held);
        result
    }
}
