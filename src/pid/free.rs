// SPDX-License-Identifier: GPL-2.0

//! `free_pid`: the end of a chain, in two steps. Its numbers go when the last task left it; its
//! memory, and its reference to its namespace, when the last pointer to it is gone.

use super::{is_first, map::Pidmap, ns_of, numbers};
use crate::{
    bindings::{self, pid},
    hook::{kernel_fn, original, DELAYED_PUT_PID},
    namespace::Reference,
};
use core::{ffi::c_void, mem, slice};

/// Replaces `kernel/pid.c: free_pid`.
///
/// # Safety
///
/// The kernel's: no task is attached to `pid`, and it is freed once. `tasklist_lock` is not held.
pub(crate) unsafe extern "C" fn free_pid(pid: *mut pid) {
    // SAFETY: The caller's promise.
    unsafe { release(pid) }
}

/// Takes the numbers of `pid` back, and drops the allocator's reference after a grace period.
///
/// Sleeps never.
///
/// # Safety
///
/// As for [`free_pid`].
pub(super) unsafe fn release(pid: *mut pid) {
    // SAFETY: `pid` is valid until the reference is dropped, and holds its namespace.
    unsafe {
        let ns = ns_of(pid);
        if !is_first(ns) {
            kernel_fn::__ns_ref_active_put(&raw mut (*ns).ns);
        }
        let mut map = Pidmap::lock();
        for upid in slice::from_raw_parts(numbers(pid), (*pid).level as usize + 1) {
            map.uncount(upid.ns);
            map.give_back(upid.ns, upid.nr);
        }
        drop(map);
        kernel_fn::pidfs_remove_pid(pid);
        // The kernel's own callback, so that none of ours is pending when the module goes.
        bindings::call_rcu(
            &raw mut (*pid).rcu,
            Some(mem::transmute::<*mut c_void, RcuCallback>(
                DELAYED_PUT_PID.get(),
            )),
        );
    }
}

type RcuCallback = unsafe extern "C" fn(*mut bindings::callback_head);

/// Wraps `fs/pidfs.c: pidfs_free_pid`, which `put_pid` calls when the last reference is gone, to
/// drop the one that `pid` has on its namespace.
///
/// `put_pid` still reads the namespace's `pid_cachep` after this returns, which is why a
/// namespace's memory waits for Tasks RCU and RCU (see `namespace::destroy`).
///
/// Any context; sleeps never.
///
/// # Safety
///
/// The kernel's: the last reference to `pid` is gone.
pub(crate) unsafe extern "C" fn pidfs_free_pid(pid: *mut pid) {
    // SAFETY: The caller's promise; a `pid` of a namespace of ours came from `alloc_pid` above,
    // which left the reference with it.
    unsafe {
        let ns = ns_of(pid);
        original::pidfs_free_pid(pid);
        drop(Reference::adopt(ns));
    }
}
