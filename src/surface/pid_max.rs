// SPDX-License-Identifier: GPL-2.0

//! `kernel.pid_max` of a namespace, which is not registered before somebody in it looks for it (`namespace::sysctls`).

use crate::{
    bindings::{
        dentry,
        dir_context,
        inode, //
    },
    hook::{
        when,
        wrap, //
    },
    module::Inside,
    object::{
        Dentry,
        File, //
    },
    sysctl::directory,
    task::Current,
};
use kernel::prelude::*;

when! {
    /// Whether `proc_sys_lookup` looks for one that is not registered. Any context.
    pub(crate) fn is_missing(entry: &Dentry = 1) {
        entry.name() == b"pid_max" && Current::get().active_ns().lacks_sysctls()
    }
}

wrap! {
    /// Wraps `fs/proc/proc_sysctl.c: proc_sys_lookup`, of such a name. May sleep.
    fn proc_sys_lookup(dir: *mut inode, entry: *mut dentry, flags: c_uint) -> *mut dentry, original => {
        let _inside = Inside::enter();
        let me = Current::get();
        match me.active_ns().register_sysctls(&me) {
            Ok(()) => original(),
            Err(error) => error.to_ptr(),
        }
    }

    /// Wraps `fs/proc/proc_sysctl.c: proc_sys_readdir`, of a directory in which there are sysctls of the module's. Without memory
    /// this one is not listed, as no other is then for which there is none.
    fn proc_sys_readdir(directory: &File, context: *mut dir_context) -> c_int, original => {
        directory::list(|| {
            if directory::is_kernel(directory) {
                let me = Current::get();
                let _ = me.active_ns().register_sysctls(&me);
            }
            original()
        })
    }
}
