// SPDX-License-Identifier: GPL-2.0

//! `/proc/sysvipc/*`: an open file shows numbers as its opener saw them (`ipc/util.c`).

use crate::{
    bindings::file,
    edge::exports,
    hook::{
        wrap, //
    },
    module::Inside,
    namespace::holder::{
        self,
        Going,
        Holder, //
    },
    object::{
        objects,
        Inode,
        PidNs, //
    },
};
use kernel::prelude::*;

objects! {
    /// An open file of SysV IPC.
    IpcFile(file);
}

exports! {
    // The namespace in the file's `struct ipc_proc_iter`, once that is there.
    sysvipc_ns(file: &IpcFile) -> Option<&PidNs> = pidns_sysvipc_ns;
}

// SAFETY: It never changes.
unsafe impl Holder for IpcFile {
    fn ns(&self) -> Option<&PidNs> {
        sysvipc_ns(self)
    }
}

wrap! {
    /// Wraps `sysvipc_proc_open`: the current task opens `file`. May sleep.
    fn sysvipc_proc_open(inode: &Inode, file: &IpcFile) -> c_int, original => {
        let _inside = Inside::enter();
        let result = original();
        if result == 0 {
            holder::hold(file);
        }
        result
    }

    /// Wraps `sysvipc_proc_release`: `file` is closed for the last time. May sleep.
    fn sysvipc_proc_release(inode: &Inode, file: Going<IpcFile>) -> c_int, original => {
        let _inside = Inside::enter();
        original()
    }
}
