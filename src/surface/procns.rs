// SPDX-License-Identifier: GPL-2.0

//! `/proc/PID/ns/pid` and `pid_for_children` (`fs/proc/namespaces.c`).
//!
//! Such a link's inode points to operations of the module, and procfs caches inodes for as long as
//! it likes. So when the module goes, it makes bad inodes of those that are left: [`Links`].

use crate::{
    bindings::{
        self, delayed_call, dentry, dir_context, file, inode, proc_ns_operations, super_block,
        task_struct,
    },
    hook::{self, kernel_fn, original, Guest, Inside, NS_OPERATIONS, PROC_NS_INSTANTIATE},
    namespace::operations,
    surface::task::Task,
};
use core::{
    ffi::CStr,
    mem, ptr, slice,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{container_of, prelude::*};

/// Whether there may be inodes that point to operations of the module.
static USED: AtomicBool = AtomicBool::new(false);

type Instantiate =
    unsafe extern "C" fn(*mut dentry, *mut task_struct, *const c_void) -> *mut dentry;

/// What the links of pid namespaces lead to.
fn ours() -> [*const proc_ns_operations; 2] {
    [operations::own(), operations::for_children()]
}

/// The task whose directory `inode` is in, if it was not reaped yet.
///
/// # Safety
///
/// `inode` must be one of procfs, below a task's directory.
unsafe fn task_of(inode: *mut inode) -> Option<Task> {
    // SAFETY: Such an inode holds the task's pid.
    unsafe { Task::of(bindings::pidns_proc_pid(inode)) }
}

/// The name of a link to what `operations` name.
///
/// # Safety
///
/// `operations` must be valid.
unsafe fn name_of(operations: *const proc_ns_operations) -> &'static [u8] {
    // SAFETY: The caller's promise; names are static strings.
    unsafe { CStr::from_char_ptr((*operations).name).to_bytes() }
}

/// Wraps `proc_ns_dir_lookup`.
///
/// # Safety
///
/// The kernel's: `dir` is a task's `ns` directory, `entry` is new in it. May sleep.
pub(crate) unsafe extern "C" fn proc_ns_dir_lookup(
    dir: *mut inode,
    entry: *mut dentry,
    flags: c_uint,
) -> *mut dentry {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise; a name that is looked up does not change.
    unsafe {
        let wanted = (*entry).__bindgen_anon_1.d_name;
        let length = wanted.__bindgen_anon_1.__bindgen_anon_1.len as usize;
        let name = slice::from_raw_parts(wanted.name, length);
        let Some(ns_operations) = ours()
            .into_iter()
            .find(|o| hook::armed() && name_of(*o) == name)
        else {
            return original::proc_ns_dir_lookup(dir, entry, flags);
        };
        let Some(task) = task_of(dir) else {
            return ENOENT.to_ptr();
        };
        USED.store(true, Ordering::Relaxed);
        kernel_fn::proc_ns_instantiate(entry, task.as_ptr(), ns_operations.cast())
    }
}

/// Wraps `proc_ns_dir_readdir`, whose table has no pid namespaces: replaced while the module is
/// neither coming nor going.
///
/// # Safety
///
/// The kernel's: `directory` is an open `ns` directory of a task. May sleep.
pub(crate) unsafe extern "C" fn proc_ns_dir_readdir(
    directory: *mut file,
    context: *mut dir_context,
) -> c_int {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise. `proc_ns_instantiate` has this type.
    unsafe {
        if !hook::armed() {
            return original::proc_ns_dir_readdir(directory, context);
        }
        let Some(task) = task_of((*directory).f_inode) else {
            return ENOENT.to_errno();
        };
        if !bindings::pidns_dir_emit_dots(directory, context) {
            return 0;
        }
        let instantiate = mem::transmute::<*mut c_void, Instantiate>(PROC_NS_INSTANTIATE.get());
        USED.store(true, Ordering::Relaxed);
        let mut position = 2;
        for kind in &NS_OPERATIONS {
            let entries = match kind {
                Some(kind) => [kind.get().cast_const(), ptr::null()],
                None => ours(),
            };
            for entry in entries {
                if entry.is_null() {
                    continue;
                }
                if position >= (*context).pos {
                    if !emit(directory, context, instantiate, &task, entry) {
                        return 0;
                    }
                    (*context).pos += 1;
                }
                position += 1;
            }
        }
    }
    0
}

/// Lists one link; whether there is room for more.
///
/// # Safety
///
/// `directory` must be an open `ns` directory of `task`, `context` that of its reader, and
/// `operations` valid.
unsafe fn emit(
    directory: *mut file,
    context: *mut dir_context,
    instantiate: Instantiate,
    task: &Task,
    operations: *const proc_ns_operations,
) -> bool {
    // SAFETY: The caller's promise.
    unsafe {
        let name = name_of(operations);
        kernel_fn::proc_fill_cache(
            directory,
            context,
            name.as_ptr().cast(),
            name.len() as c_uint,
            Some(instantiate),
            task.as_ptr(),
            operations.cast(),
        )
    }
}

/// Wraps `proc_ns_get_link`: counts those who follow a link of ours.
///
/// # Safety
///
/// The kernel's. May sleep.
pub(crate) unsafe extern "C" fn proc_ns_get_link(
    entry: *mut dentry,
    inode: *mut inode,
    done: *mut delayed_call,
) -> *const c_char {
    let _guest = Guest::enter();
    // SAFETY: The caller's promise.
    unsafe { original::proc_ns_get_link(entry, inode, done) }
}

/// Wraps `proc_ns_readlink`: the same for those who read one.
///
/// # Safety
///
/// The kernel's. May sleep.
pub(crate) unsafe extern "C" fn proc_ns_readlink(
    entry: *mut dentry,
    buffer: *mut c_char,
    length: c_int,
) -> c_int {
    let _guest = Guest::enter();
    // SAFETY: The caller's promise.
    unsafe { original::proc_ns_readlink(entry, buffer, length) }
}

/// On drop, when no new link can be made: takes the links out of procfs. Those that somebody has
/// open (`O_PATH`) give `EIO` from then on. May sleep.
pub(super) struct Links;

impl Drop for Links {
    fn drop(&mut self) {
        if !USED.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: `forget_all` may sleep, and so may we. Somebody who took the address of
        // `proc_ns_get_link` or `proc_ns_readlink` from a good inode has not slept since, and is in
        // the hook, which counts him, after a Tasks RCU grace period; whoever comes later finds a bad
        // inode. Those counted are gone when the hooks are.
        unsafe {
            forget_all();
            bindings::synchronize_rcu_tasks();
        }
    }
}

/// Takes the module's links out of every procfs.
///
/// # Safety
///
/// No new one may come. May sleep.
unsafe fn forget_all() {
    // SAFETY: The callback has the type wanted, procfs is always there, and `active` has a reference
    // to the superblock, which is given back.
    unsafe {
        let procfs = bindings::get_fs_type(c"proc".as_char_ptr());
        loop {
            // Names go without `s_umount`, under which they are found: what is mounted on them takes
            // other locks.
            let mut active: *mut super_block = ptr::null_mut();
            let slot = (&raw mut active).cast();
            bindings::iterate_supers_type(procfs, Some(find_links), slot);
            if active.is_null() {
                break;
            }
            for_links(active, |inode| forget(inode));
            bindings::deactivate_super(active);
        }
    }
}

/// Keeps the first superblock in which there is a link of the module.
///
/// # Safety
///
/// `sb` must be a superblock of procfs, `slot` a place for one, null at first.
unsafe extern "C" fn find_links(sb: *mut super_block, slot: *mut c_void) {
    let slot: *mut *mut super_block = slot.cast();
    let mut any = false;
    // SAFETY: The caller's promise.
    unsafe {
        if (*slot).is_null() {
            for_links(sb, |_| any = true);
            if any && bindings::pidns_super_active(sb) {
                *slot = sb;
            }
        }
    }
}

/// Runs `f` on every good inode of `sb` that is a link of the module, held.
///
/// # Safety
///
/// `sb` must be a superblock of procfs, held. May sleep.
unsafe fn for_links(sb: *mut super_block, mut f: impl FnMut(*mut inode)) {
    // SAFETY: The lock protects the list. An inode that is held stays in the list, so the walk can
    // go on from it; the one before is let go when its successor is known, without the lock, since
    // that may sleep.
    unsafe {
        let list = &raw mut (*sb).s_inodes;
        let lock = &raw mut (*sb).s_inode_list_lock;
        let mut before: *mut inode = ptr::null_mut();
        let mut walked = 0_usize;
        bindings::pidns_spin_lock(lock);
        let mut link = (*list).next;
        while link != list {
            let inode: *mut inode = container_of!(link, inode, i_sb_list);
            let wanted = is_link(inode);
            walked = walked.wrapping_add(1);
            // A procfs may have very many inodes.
            let rest = walked % 1024 == 0;
            if (wanted || rest) && !bindings::igrab(inode).is_null() {
                bindings::pidns_spin_unlock(lock);
                if wanted {
                    f(inode);
                }
                bindings::iput(before);
                before = inode;
                bindings::pidns_cond_resched();
                bindings::pidns_spin_lock(lock);
            }
            link = (*link).next;
        }
        bindings::pidns_spin_unlock(lock);
        bindings::iput(before);
    }
}

/// Whether `inode` is a good one that points to operations of the module.
///
/// # Safety
///
/// `inode` must be one of procfs, in the list of its superblock, which is locked.
unsafe fn is_link(inode: *mut inode) -> bool {
    // SAFETY: The caller's promise.
    unsafe {
        ours().contains(&bindings::pidns_proc_ns_ops(inode)) && !bindings::is_bad_inode(inode)
    }
}

/// Makes an inode bad and removes its names.
///
/// # Safety
///
/// `inode` must be held. May sleep.
unsafe fn forget(inode: *mut inode) {
    // SAFETY: The caller's promise. `d_find_alias` gives a reference to a name that is still to be
    // found, and `d_invalidate` makes it none.
    unsafe {
        bindings::make_bad_inode(inode);
        loop {
            let alias = bindings::d_find_alias(inode);
            if alias.is_null() {
                break;
            }
            bindings::d_invalidate(alias);
            bindings::dput(alias);
        }
    }
}
