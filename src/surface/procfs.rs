// SPDX-License-Identifier: GPL-2.0

//! A procfs mount shows one namespace, and keeps it (`fs/proc/root.c`). What it shows is right
//! without us: it reads the chain and the number tables.

use crate::{
    bindings::{
        self,
        proc_fs_info, //
    },
    hook::wrap,
    module::Inside,
    namespace::{
        holder,
        Holder, //
    },
    object::{
        FromC,
        FsContext,
        Inode,
        Object,
        PidNs,
        ProcInode,
        SuperBlock, //
    },
};
use kernel::prelude::*;

impl SuperBlock {
    /// Whether it is one of procfs.
    fn is_procfs(&self) -> bool {
        self.magic() == bindings::PROC_SUPER_MAGIC as c_ulong
    }
}

impl ProcInode {
    /// The same inode, if it is one of procfs.
    pub(super) fn of(inode: &Inode) -> Option<&Self> {
        // SAFETY: It is.
        let same = || unsafe { Self::from_ptr(inode.as_ptr()) };
        inode.sb().is_procfs().then(same)
    }
}

/// The namespace that a procfs shows (`include/linux/proc_fs.h: proc_pid_ns`); `None` of any other file system.
pub(super) fn ns_of(sb: &SuperBlock) -> Option<&PidNs> {
    if !sb.is_procfs() {
        return None;
    }
    // SAFETY: A superblock of procfs has its `s_fs_info` for as long as it is held, and that its namespace, which
    // our `proc_fill_super` has it hold.
    unsafe { FromC::from_c((*sb.fs_info().cast::<proc_fs_info>()).pid_ns) }
}

wrap! {
    /// Wraps `proc_init_fs_context`: a mount of the current task's namespace begins. May sleep.
    fn proc_init_fs_context(context: &FsContext) -> c_int, original => {
        let _inside = Inside::enter();
        let holder = match Holder::of_current() {
            Ok(holder) => holder,
            Err(error) => return error.to_errno(),
        };
        let result = original();
        if result == 0 {
            holder.hold(context.as_ptr());
        }
        result
    }

    /// Wraps `proc_fs_context_free`: the mount was made, or given up. May sleep.
    fn proc_fs_context_free(context: &FsContext), original => {
        let _inside = Inside::enter();
        let held = holder::take(context.as_ptr());
        original();
        drop(held);
    }

    /// Wraps `proc_fill_super`: the mount's superblock keeps what its context kept. May sleep.
    fn proc_fill_super(sb: &SuperBlock, context: &FsContext) -> c_int, original => {
        let _inside = Inside::enter();
        match holder::another(context.as_ptr()) {
            // `proc_kill_sb` follows also when the original fails.
            Ok(holder) => holder.hold(sb.as_ptr()),
            Err(error) => return error.to_errno(),
        }
        original()
    }

    /// Wraps `proc_kill_sb`: the last mount of the superblock is gone. May sleep.
    fn proc_kill_sb(sb: &SuperBlock), original => {
        let _inside = Inside::enter();
        let held = holder::take(sb.as_ptr());
        original();
        drop(held);
    }
}
