// SPDX-License-Identifier: GPL-2.0

//! A procfs mount shows one namespace, and keeps it (`fs/proc/root.c`). What it shows is right
//! without us: it reads the chain and the number tables.

use crate::{
    bindings::{
        self,
        proc_fs_info, //
    },
    edge::{
        exports,
        FromC, //
    },
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
    // SAFETY: A superblock of procfs gets its `s_fs_info` when it becomes one, and has it for as long as it is held; and that
    // its namespace, which our `proc_fill_super` has it hold.
    unsafe { FromC::from_c((*sb.fs_info().cast::<proc_fs_info>()).pid_ns) }
}

exports! {
    // The namespace that the mount will show; none if it was not given any memory.
    proc_context_ns(context: &FsContext) -> Option<&PidNs> = pidns_proc_context_ns;
}

// SAFETY: It changes in `pidns_option` alone, with the count.
unsafe impl Holder for FsContext {
    fn ns(&self) -> Option<&PidNs> {
        proc_context_ns(self)
    }
}

// SAFETY: What a procfs shows never changes.
unsafe impl Holder for SuperBlock {
    fn ns(&self) -> Option<&PidNs> {
        ns_of(self)
    }
}

wrap! {
    /// Wraps `proc_init_fs_context`: a mount of the current task's namespace begins. May sleep.
    fn proc_init_fs_context(context: &FsContext) -> c_int, original => {
        let _inside = Inside::enter();
        let result = original();
        if result == 0 {
            holder::hold(context);
        }
        result
    }

    /// Wraps `proc_fs_context_free`: the mount was made, or given up. May sleep.
    fn proc_fs_context_free(context: Going<FsContext>), original => {
        let _inside = Inside::enter();
        original();
    }

    /// Wraps `proc_fill_super`: the mount's superblock keeps what its context keeps. May sleep.
    fn proc_fill_super(sb: &SuperBlock, context: &FsContext) -> c_int, original => {
        let _inside = Inside::enter();
        let result = original();
        // `proc_kill_sb` follows also when the original fails.
        holder::hold(sb);
        result
    }

    /// Wraps `proc_kill_sb`: the last mount of the superblock is gone. May sleep.
    fn proc_kill_sb(sb: Going<SuperBlock>), original => {
        let _inside = Inside::enter();
        original();
    }
}
