// SPDX-License-Identifier: GPL-2.0

//! A procfs mount shows one namespace, and keeps it (`fs/proc/root.c`). What it shows is right
//! without us: it reads the chain and the number tables.

use crate::{
    bindings::{fs_context, pid_namespace, proc_fs_info, super_block},
    hook::{original, Inside},
    namespace::{holder, Holder},
};
use kernel::prelude::*;

/// The namespace that a procfs shows (`include/linux/proc_fs.h: proc_pid_ns`).
///
/// # Safety
///
/// `sb` must be a superblock of procfs, held.
pub(super) unsafe fn ns_of(sb: *mut super_block) -> *mut pid_namespace {
    // SAFETY: The caller's promise.
    unsafe { (*(*sb).s_fs_info.cast::<proc_fs_info>()).pid_ns }
}

/// Wraps `proc_init_fs_context`: a mount of the current task's namespace begins.
///
/// # Safety
///
/// The kernel's: `context` is new. May sleep.
pub(crate) unsafe extern "C" fn proc_init_fs_context(context: *mut fs_context) -> c_int {
    let _inside = Inside::enter();
    let holder = match Holder::of_current() {
        Ok(holder) => holder,
        Err(error) => return error.to_errno(),
    };
    // SAFETY: The caller's promise.
    let result = unsafe { original::proc_init_fs_context(context) };
    if result == 0 {
        holder.hold(context);
    }
    result
}

/// Wraps `proc_fs_context_free`: the mount was made, or given up.
///
/// # Safety
///
/// The kernel's: `context` is nobody else's any more. May sleep.
pub(crate) unsafe extern "C" fn proc_fs_context_free(context: *mut fs_context) {
    let _inside = Inside::enter();
    let held = holder::take(context);
    // SAFETY: The caller's promise.
    unsafe { original::proc_fs_context_free(context) };
    drop(held);
}

/// Wraps `proc_fill_super`: the mount's superblock keeps what its context kept.
///
/// # Safety
///
/// The kernel's: both are the current task's. May sleep.
pub(crate) unsafe extern "C" fn proc_fill_super(
    sb: *mut super_block,
    context: *mut fs_context,
) -> c_int {
    let _inside = Inside::enter();
    match holder::another(context) {
        // `proc_kill_sb` follows also when the original fails.
        Ok(holder) => holder.hold(sb),
        Err(error) => return error.to_errno(),
    }
    // SAFETY: The caller's promise.
    unsafe { original::proc_fill_super(sb, context) }
}

/// Wraps `proc_kill_sb`: the last mount of the superblock is gone.
///
/// # Safety
///
/// The kernel's: `sb` is nobody else's any more. May sleep.
pub(crate) unsafe extern "C" fn proc_kill_sb(sb: *mut super_block) {
    let _inside = Inside::enter();
    let held = holder::take(sb);
    // SAFETY: The caller's promise.
    unsafe { original::proc_kill_sb(sb) };
    drop(held);
}
