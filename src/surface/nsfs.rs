// SPDX-License-Identifier: GPL-2.0

//! Files of namespaces (`fs/nsfs.c`): what is not right by the operations alone.
//!
//! A file of the first namespace has no reference to it, so each keeps the module loaded instead:
//! its operations are the module's.

use crate::{
    bindings::{self, dentry, fid, inode, ns_common, nsfs_file_handle, path, super_block},
    hook::{self, kernel_fn, original, Inside, Loaded, NSFS_MNT},
    namespace::{
        first,
        operations::{self, of_common},
        Reference,
    },
    pid::current_ns,
};
use core::{mem::size_of, ptr, slice};
use kernel::{error::to_result, prelude::*};

/// Wraps `nsfs_init_inode`: a namespace's file is being made.
///
/// Whoever makes one of the first namespace has another file of a pid namespace, which keeps the
/// module, or counted himself as inside and *then* asked `hook::armed`, which was true. For the latter
/// `hook::Doors` wait before any hook goes. So the module's end may begin before this, but this and
/// `nsfs_evict` below, which sees what failed here, are hooked until the task is out again.
///
/// # Safety
///
/// The kernel's: `inode` is new, `data` a namespace that is held. May sleep.
pub(crate) unsafe extern "C" fn nsfs_init_inode(inode: *mut inode, data: *mut c_void) -> c_int {
    let _inside = Inside::enter();
    if data.cast() == first::common() {
        match Loaded::get() {
            Some(loaded) => loaded.leave(),
            None => return ENOENT.to_errno(),
        }
    }
    // SAFETY: The caller's promise. The original cannot fail.
    unsafe { original::nsfs_init_inode(inode, data) }
}

/// Wraps `nsfs_evict`: a namespace's file is gone.
///
/// # Safety
///
/// The kernel's: `inode` is nobody's any more. May sleep.
pub(crate) unsafe extern "C" fn nsfs_evict(inode: *mut inode) {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise. A file of the first namespace has a reference to the module from
    // `nsfs_init_inode`, and one for which that failed has nothing.
    unsafe {
        let data = (*inode).i_private;
        if data.is_null() {
            return bindings::clear_inode(inode);
        }
        let loaded = (data.cast() == first::common()).then(|| Loaded::adopt());
        original::nsfs_evict(inode);
        drop(loaded);
    }
}

/// Wraps `is_current_namespace`, which knows no pid namespaces. Any context.
///
/// # Safety
///
/// The kernel's: `ns` is valid.
pub(crate) unsafe extern "C" fn is_current_namespace(ns: *mut ns_common) -> bool {
    // SAFETY: The caller's promise.
    unsafe {
        if is_pid_ns(ns) {
            return of_common(ns) == current_ns();
        }
        original::is_current_namespace(ns)
    }
}

/// # Safety
///
/// `ns` must be valid.
unsafe fn is_pid_ns(ns: *mut ns_common) -> bool {
    // SAFETY: The caller's promise.
    unsafe { (*ns).ns_type == bindings::CLONE_NEWPID }
}

/// Wraps `nsfs_fh_to_dentry`: opens a namespace by its file handle. For a pid namespace the original
/// fails and forgets a reference, so it is called for others only.
///
/// # Safety
///
/// The kernel's: `handle` has `length` words. May sleep.
pub(crate) unsafe extern "C" fn nsfs_fh_to_dentry(
    sb: *mut super_block,
    handle: *mut fid,
    length: c_int,
    kind: c_int,
) -> *mut dentry {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise.
    let found = unsafe {
        match Handle::parse(handle.cast(), length, kind) {
            Some(wanted) => wanted.find(),
            None => return ptr::null_mut(),
        }
    };
    match found {
        Found::Nothing => ptr::null_mut(),
        // SAFETY: The caller's promise. Numbers are not used again, so this will not meet a pid
        // namespace.
        Found::Other => unsafe { original::nsfs_fh_to_dentry(sb, handle, length, kind) },
        Found::Ours(ns) => open(ns).unwrap_or_else(|error| error.to_ptr()),
    }
}

/// A handle that is well formed.
struct Handle(nsfs_file_handle);

enum Found {
    Nothing,
    /// A namespace of another type.
    Other,
    Ours(Reference),
}

impl Handle {
    /// The handle's words and the number of bytes behind them that the kernel looks at.
    const WORDS: usize = size_of::<nsfs_file_handle>() / size_of::<u32>();

    /// # Safety
    ///
    /// `words` must have `length` words.
    unsafe fn parse(words: *const u32, length: c_int, kind: c_int) -> Option<Self> {
        let length = usize::try_from(length).ok()?;
        if length < Self::WORDS || kind != bindings::PIDNS_FILEID_NSFS {
            return None;
        }
        // SAFETY: The caller's promise. The kernel counts words and looks at as many bytes.
        let (rest, handle) = unsafe {
            let bytes = slice::from_raw_parts(words.cast::<u8>(), length * size_of::<u32>());
            let rest = bytes.get(Self::WORDS..length)?;
            (rest, words.cast::<nsfs_file_handle>().read_unaligned())
        };
        let whole = (handle.ns_inum == 0) == (handle.ns_type == 0);
        (handle.ns_id != 0 && whole && rest.iter().all(|byte| *byte == 0)).then_some(Self(handle))
    }

    /// What it means, if that is in use.
    fn find(&self) -> Found {
        let wanted = &self.0;
        let _rcu = kernel::sync::rcu::read_lock();
        // SAFETY: What is in the tree is valid for an RCU grace period.
        unsafe {
            let ns = kernel_fn::ns_tree_lookup_rcu(wanted.ns_id, wanted.ns_type as c_int);
            if ns.is_null() {
                return Found::Nothing;
            }
            if !is_pid_ns(ns) {
                return Found::Other;
            }
            let is = |wanted, real| wanted == 0 || wanted == real;
            if !is(wanted.ns_inum, (*ns).inum) || !is(wanted.ns_type, (*ns).ns_type) {
                return Found::Nothing;
            }
            Reference::get_active(of_common(ns)).map_or(Found::Nothing, Found::Ours)
        }
    }
}

/// The file of `ns`, if the current task may have it.
fn open(ns: Reference) -> Result<*mut dentry> {
    if !hook::armed() {
        return Ok(ptr::null_mut());
    }
    let raw = ns.as_ptr();
    // SAFETY: `ns` holds it. `path_from_stashed` takes the reference over, whatever it says.
    unsafe {
        let refused = if raw == current_ns() {
            ptr::read_volatile(&raw const (*raw).child_reaper).is_null()
        } else {
            !kernel_fn::may_see_all_namespaces()
        };
        if refused {
            return Err(EPERM);
        }
        let mut path = path::default();
        let common = operations::into_common(ns);
        to_result(kernel_fn::path_from_stashed(
            &raw mut (*common).stashed,
            *NSFS_MNT.get(),
            common.cast(),
            &mut path,
        ))?;
        bindings::mntput(path.mnt);
        Ok(path.dentry)
    }
}
