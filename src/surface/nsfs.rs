// SPDX-License-Identifier: GPL-2.0

//! Files of namespaces (`fs/nsfs.c`): what is not right by the operations alone.
//!
//! A file of the initial namespace has no reference to it, so each keeps the module loaded instead:
//! its operations are the module's.

use crate::{
    bindings::{
        self,
        dentry,
        fid,
        path, //
    },
    hook::wrap,
    imports::{
        kernel_fn,
        NSFS_MNT, //
    },
    module::{
        self,
        Inside,
        Loaded, //
    },
    namespace::{
        initial,
        operations,
        Reference, //
    },
    object::{
        fields,
        GoneInode,
        Inode,
        NsCommon,
        Object,
        SuperBlock, //
    },
    task::Current,
};
use core::{
    ptr,
    slice, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::rcu, //
};

fields! {
    GoneInode {
        /// What its file system knows it by.
        fixed private: *mut c_void = i_private;
    }
}

wrap! {
    /// Wraps `nsfs_init_inode`: a file of the namespace `data` is being made. May sleep.
    ///
    /// Whoever makes one of the initial namespace has another file of a pid namespace, which keeps the
    /// module, or counted itself as inside and *then* asked `module::is_live`, which was true. For the latter
    /// `module::Live` waits before any hook goes. So the module's end may begin before this, but this and
    /// `nsfs_evict` below, which sees what failed here, are hooked until the task is out again.
    fn nsfs_init_inode(inode: &Inode, data: *mut c_void) -> c_int, original => {
        let _inside = Inside::enter();
        if data.cast() == initial::common().as_ptr() {
            match Loaded::get() {
                Some(loaded) => loaded.into_raw(),
                None => return ENOENT.to_errno(),
            }
        }
        // It cannot fail.
        original()
    }

    /// Wraps `nsfs_evict`: a namespace's file is gone, and `inode` nobody's any more. May sleep.
    fn nsfs_evict(inode: &GoneInode), original => {
        let _inside = Inside::enter();
        let data = inode.private();
        if data.is_null() {
            // `nsfs_init_inode` failed for this one, so it has nothing.
            return kernel_fn::clear_inode(inode);
        }
        // SAFETY: A file of the initial namespace has a reference to the module from `nsfs_init_inode`.
        let loaded = (data.cast() == initial::common().as_ptr()).then(|| unsafe { Loaded::from_raw() });
        original();
        drop(loaded);
    }

    /// Wraps `is_current_namespace`, which knows no pid namespaces. Any context.
    fn is_current_namespace(ns: &NsCommon) -> bool, original => {
        match ns.pid_ns() {
            Some(ns) => ns.is(Current::get().active_ns()),
            None => original(),
        }
    }

    /// Wraps `nsfs_fh_to_dentry`: opens a namespace by its file handle, which has `length` words. For a pid namespace
    /// the original fails and forgets a reference, so it is called for others only. May sleep.
    fn nsfs_fh_to_dentry(
        sb: &SuperBlock,
        handle: *mut fid,
        length: c_int,
        kind: c_int,
    ) -> *mut dentry, original => {
        let _inside = Inside::enter();
        if kind != bindings::PIDNS_FILEID_NSFS {
            return ptr::null_mut();
        }
        let length = usize::try_from(length).unwrap_or(0);
        // SAFETY: The kernel passes a handle of that many words.
        let words = unsafe { slice::from_raw_parts(handle.cast::<u32>(), length) };
        match Handle::parse(words).map_or(Found::Nothing, |wanted| wanted.find()) {
            Found::Nothing => ptr::null_mut(),
            // Numbers are not used again, so the original will not meet a pid namespace.
            Found::Other => original(),
            Found::Ours(ns) => open(ns).unwrap_or_else(|error| error.to_ptr()),
        }
    }
}

/// A handle that is well formed (`struct nsfs_file_handle`).
struct Handle {
    id: u64,
    kind: u32,
    inum: u32,
}

enum Found {
    Nothing,
    /// A namespace of another kind.
    Other,
    Ours(Reference),
}

impl Handle {
    const WORDS: usize = size_of::<bindings::nsfs_file_handle>() / size_of::<u32>();

    fn parse(words: &[u32]) -> Option<Self> {
        let (&[first, second, kind, inum], _) = words.split_first_chunk()?;
        let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
        let id = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        // The kernel counts words and looks at as many bytes.
        let mut rest = words
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .take(words.len())
            .skip(Self::WORDS);
        let whole = (inum == 0) == (kind == 0);
        (id != 0 && whole && rest.all(|byte| byte == 0)).then_some(Self { id, kind, inum })
    }

    /// What it means, if that is in use.
    fn find(&self) -> Found {
        let rcu = rcu::read_lock();
        let Some(common) = kernel_fn::ns_tree_lookup_rcu(self.id, self.kind as i32, &rcu) else {
            return Found::Nothing;
        };
        let Some(ns) = common.pid_ns() else {
            return Found::Other;
        };
        let is = |wanted, real| wanted == 0 || wanted == real;
        if !is(self.inum, ns.inum()) || !is(self.kind, common.ns_type()) {
            return Found::Nothing;
        }
        Reference::get_active(ns, &rcu).map_or(Found::Nothing, Found::Ours)
    }
}

/// The file of `ns`, if the current task may have it.
fn open(ns: Reference) -> Result<*mut dentry> {
    if !module::is_live() {
        return Ok(ptr::null_mut());
    }
    let refused = if ns.is(Current::get().active_ns()) {
        ns.child_reaper().is_null()
    } else {
        !kernel_fn::may_see_all_namespaces()
    };
    if refused {
        return Err(EPERM);
    }
    let mut path = path::default();
    // SAFETY: `path_from_stashed` takes the reference over, whatever it says. If it does not fail, the file's mount and
    // name come with references: the first is given back.
    unsafe {
        let common = operations::into_common(ns);
        let stash = &raw mut (*common).stashed;
        to_result(kernel_fn::path_from_stashed(
            stash,
            *NSFS_MNT.get(),
            common.cast(),
            &mut path,
        ))?;
        bindings::mntput(path.mnt);
    }
    Ok(path.dentry)
}
