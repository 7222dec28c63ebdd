// SPDX-License-Identifier: GPL-2.0

//! `/proc/PID/ns/pid` and `pid_for_children` (`fs/proc/namespaces.c`).
//!
//! Such a link's inode points to operations of the module, and procfs caches inodes for as long as
//! it likes. So when the module goes, it makes bad inodes of those that are left: [`Links`].

use crate::{
    bindings::{
        self,
        delayed_call,
        dentry,
        inode,
        proc_ns_operations,
        task_struct, //
    },
    edge::{
        exports,
        Passed, //
    },
    held::Held,
    hook::{
        callbacks,
        when,
        wrap,
        wrap_kept,
        Data, //
    },
    imports::{
        kernel_fn,
        NS_OPERATIONS,
        PROC_NS_INSTANTIATE, //
    },
    module::{
        self,
        Inside,
        Loaded, //
    },
    namespace::operations,
    object::{
        fields,
        Dentry,
        DirContext,
        File,
        Inode,
        Object,
        ProcInode,
        SuperBlock,
        Task, //
    },
};
use core::{
    cell::OnceCell,
    ffi::CStr,
    mem, ptr, slice,
    sync::atomic::{
        AtomicI64,
        Ordering, //
    },
};
use kernel::{
    container_of,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// Whether there may be inodes that point to operations of the module.
static USED: Atomic<bool> = Atomic::new(false);

type Instantiate =
    unsafe extern "C" fn(*mut dentry, *mut task_struct, *const c_void) -> *mut dentry;

/// What a link to a namespace of some kind leads to: a static of the kernel's, or ours.
#[derive(Clone, Copy)]
struct Operations(*const proc_ns_operations);

impl Operations {
    /// Those of the links of pid namespaces.
    fn ours() -> [Self; 2] {
        [
            Self(operations::own()),
            Self(operations::for_children()), //
        ]
    }

    /// Those of all links, in the order in which they are listed.
    fn all() -> impl Iterator<Item = Self> {
        let of_kind = |kind: &'static Option<Data<_>>| match kind {
            Some(kind) => [Some(Self(kind.get())), None],
            None => Self::ours().map(Some),
        };
        NS_OPERATIONS.iter().flat_map(of_kind).flatten()
    }

    /// The name of such a link.
    fn name(self) -> &'static [u8] {
        // SAFETY: They are static, and so is their name.
        unsafe { CStr::from_char_ptr((*self.0).name).to_bytes() }
    }

    /// Makes the inode of such a link of `task`, and has `entry` be its name. May sleep.
    fn instantiate(self, entry: &Dentry, task: &Task) -> *mut dentry {
        USED.store(true, Relaxed);
        // SAFETY: As the kernel does for its own; `entry` is new.
        unsafe { kernel_fn::proc_ns_instantiate(entry.as_ptr(), task.as_ptr(), self.0.cast()) }
    }

    /// Lists such a link of `task`; whether there is room for more. May sleep.
    fn emit(self, directory: &File, context: &DirContext, task: &Task) -> bool {
        USED.store(true, Relaxed);
        let name = self.name();
        // SAFETY: `proc_ns_instantiate` has this type, and wants operations. The name is static.
        unsafe {
            let instantiate = mem::transmute::<*mut c_void, Instantiate>(PROC_NS_INSTANTIATE.get());
            kernel_fn::proc_fill_cache(
                directory.as_ptr(),
                context.as_ptr(),
                name.as_ptr().cast(),
                name.len() as c_uint,
                Some(instantiate),
                task.as_ptr(),
                self.0.cast(),
            )
        }
    }
}

fields! {
    DirContext {
        /// How many entries were listed.
        part position: &AtomicI64 = pos;
    }
}

impl Dentry {
    /// The name that is looked up.
    pub(super) fn name(&self) -> &[u8] {
        // SAFETY: It does not change while it is looked up.
        unsafe {
            let name = (*self.as_ptr()).__bindgen_anon_1.d_name;
            slice::from_raw_parts(
                name.name,
                name.__bindgen_anon_1.__bindgen_anon_1.len as usize,
            )
        }
    }
}

/// The task whose directory `inode` is in, if it was not reaped yet.
fn task_of(inode: &Inode) -> Option<Held<Task>> {
    let pid = kernel_fn::proc_pid(ProcInode::of(inode)?)?;
    pid.get_task()
}

wrap! {
    /// Wraps `proc_ns_dir_lookup`: `dir` is a task's `ns` directory, `entry` is new in it. May sleep.
    fn proc_ns_dir_lookup(dir: &Inode, entry: &Dentry, flags: c_uint) -> *mut dentry, original => {
        let _inside = Inside::enter();
        let is_wanted = |ours: &Operations| module::is_live() && ours.name() == entry.name();
        let Some(ours) = Operations::ours().into_iter().find(is_wanted) else {
            return original();
        };
        match task_of(dir) {
            Some(task) => ours.instantiate(entry, &task),
            None => ENOENT.to_ptr(),
        }
    }
}

wrap_kept! {
    /// Wraps `proc_ns_dir_readdir`, whose table has no pid namespaces. `directory` is an open `ns` directory of a task. May sleep.
    fn proc_ns_dir_readdir(directory: &File, context: &DirContext) -> c_int, original => {
        let Some(task) = task_of(directory.inode()) else {
            return ENOENT.to_errno();
        };
        if !kernel_fn::dir_emit_dots(directory, context) {
            return 0;
        }
        let position = context.position();
        for (nr, link) in Iterator::zip(2.., Operations::all()) {
            if nr >= position.load(Ordering::Relaxed) {
                if !link.emit(directory, context, &task) {
                    return 0;
                }
                position.fetch_add(1, Ordering::Relaxed);
            }
        }
        0
    }
}

exports! {
    // The inode that a name stands for.
    inode_of(entry: &Dentry) -> &Inode = pidns_inode_of;
}

when! {
    /// Whether `proc_ns_get_link` follows a link of the module's, also one that was made bad meanwhile: who took the function
    /// from a good one still comes. Any context.
    pub(crate) fn follows_own(inode: &Inode = 1) {
        is_own(inode)
    }

    /// The same, of `proc_ns_readlink`.
    pub(crate) fn reads_own(entry: &Dentry = 0) {
        is_own(inode_of(entry))
    }
}

wrap! {
    /// Wraps `proc_ns_get_link`, of a link of ours: the module stays as long as somebody follows it, which may wait for an
    /// `execve` to end. May sleep.
    fn proc_ns_get_link(
        entry: Option<&Dentry>,
        inode: &Inode,
        done: *mut delayed_call,
    ) -> *const c_char, original => {
        match Loaded::get() {
            Some(_loaded) => original(),
            None => EIO.to_ptr(),
        }
    }

    /// Wraps `proc_ns_readlink`: the same for those who read one, into memory that may take for ever. May sleep.
    fn proc_ns_readlink(entry: &Dentry, buffer: *mut c_char, length: c_int) -> c_int, original => {
        match Loaded::get() {
            Some(_loaded) => original(),
            None => EIO.to_errno(),
        }
    }
}

/// On drop, when no new link can be made: takes the links out of procfs. Those that somebody has
/// open (`O_PATH`) return `EIO` from then on. May sleep.
pub(super) struct Links;

impl Drop for Links {
    fn drop(&mut self) {
        if !USED.load(Relaxed) {
            return;
        }
        // What is mounted on a name takes other locks than that under which superblocks are found.
        while let Some(sb) = next_with_links() {
            for_links(&sb, forget);
        }
        // Somebody that took the address of `proc_ns_get_link` or `proc_ns_readlink` from a good inode has not slept
        // since, and has come to the hook, which refuses it, after a Tasks RCU grace period; whoever comes later finds a
        // bad inode's.
        module::synchronize_rcu_tasks();
    }
}

/// A superblock of procfs in which there is a link of the module. May sleep.
fn next_with_links() -> Option<Held<SuperBlock>> {
    let found = Found::new();
    // SAFETY: procfs is always there. The function has the type wanted, and gets what it wants.
    unsafe {
        let procfs = bindings::get_fs_type(c"proc".as_char_ptr());
        let found = (&raw const found).cast_mut().cast();
        bindings::iterate_supers_type(procfs, Some(keep_first), found);
    }
    found.into_inner()
}

type Found = OnceCell<Held<SuperBlock>>;

callbacks! {
    /// Keeps the first superblock in which there is a link of the module. May sleep.
    fn keep_first(sb: &SuperBlock, found: Passed<'_, Found>) {
        let found = found.0;
        if found.get().is_some() {
            return;
        }
        let mut any = false;
        for_links(sb, |_| any = true);
        if let Some(sb) = any.then(|| kernel_fn::super_active(sb)).flatten() {
            // It is none yet.
            let _ = found.set(sb);
        }
    }
}

/// Runs `f` on every good inode of `sb` that is a link of the module. May sleep.
fn for_links(sb: &SuperBlock, mut f: impl FnMut(&Inode)) {
    let mut last = None;
    // The one before is let go when its successor is known.
    while let Some(inode) = sb.next_held(last.as_deref()) {
        if is_link(&inode) {
            f(&inode);
        }
        last = Some(inode);
        kernel_fn::cond_resched();
    }
}

/// Whether `inode` is a good one that points to operations of the module.
fn is_link(inode: &Inode) -> bool {
    is_own(inode) && !kernel_fn::is_bad_inode(inode)
}

/// Whether `inode` points to operations of the module. A bad one still does.
fn is_own(inode: &Inode) -> bool {
    let Some(procfs) = ProcInode::of(inode) else {
        return false;
    };
    let operations = kernel_fn::proc_ns_ops(procfs);
    let mut ours = Operations::ours().into_iter();
    ours.any(|ours| ptr::eq(ours.0, operations))
}

impl SuperBlock {
    /// The next inode, behind one that is held, that is a link of the module, or some other after many: a procfs may
    /// have very many.
    fn next_held(&self, behind: Option<&Inode>) -> Option<Held<Inode>> {
        let mut found = None;
        // SAFETY: The lock protects the list. An inode that is held stays in it, so the walk can go on from that.
        unsafe {
            let list = &raw mut (*self.as_ptr()).s_inodes;
            let lock = &raw mut (*self.as_ptr()).s_inode_list_lock;
            bindings::pidns_spin_lock(lock);
            let mut link = behind.map_or(list, |inode| &raw mut (*inode.as_ptr()).i_sb_list);
            for walked in 1_usize.. {
                link = (*link).next;
                if link == list || found.is_some() {
                    break;
                }
                let inode = Inode::from_ptr(container_of!(link, inode, i_sb_list));
                if is_link(inode) || walked % 1024 == 0 {
                    found = kernel_fn::igrab(inode);
                }
            }
            bindings::pidns_spin_unlock(lock);
        }
        found
    }
}

/// Makes an inode bad and removes its names. May sleep.
fn forget(inode: &Inode) {
    kernel_fn::make_bad_inode(inode);
    while let Some(alias) = kernel_fn::d_find_alias(inode) {
        kernel_fn::d_invalidate(&alias);
    }
}
