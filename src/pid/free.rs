// SPDX-License-Identifier: GPL-2.0

//! `free_pid`: the end of a chain, in two steps. Its numbers go when the last task left it; its
//! memory, and its reference to its namespace, when the last pointer to it is gone.

use crate::{
    bindings,
    chain::Pidmap,
    hook::{
        callbacks,
        wrap, //
    },
    imports::{
        kernel_fn,
        DELAYED_PUT_PID, //
    },
    namespace::{
        holder::{
            Going,
            Holder, //
        },
        note_who_puts, //
    },
    object::{
        Object,
        Pid,
        PidNs, //
    },
};
use core::{
    ffi::c_void,
    mem, //
};

callbacks! {
    /// Replaces `kernel/pid.c: free_pid`: no task is attached to `pid`, and it is freed once. `tasklist_lock` is not
    /// held. Never sleeps.
    pub(crate) fn free_pid(pid: &Pid) {
        // SAFETY: As said.
        unsafe { release(pid) }
    }
}

/// Takes the numbers of `pid` back, and drops the allocator's reference after a grace period.
///
/// Never sleeps.
///
/// # Safety
///
/// No task may be attached to `pid`, and it must be released once.
pub(super) unsafe fn release(pid: &Pid) {
    let ns = pid.ns();
    if !ns.is_initial() {
        kernel_fn::__ns_ref_active_put(ns.common());
    }
    // SAFETY: The caller's promise. `pid` is valid until the reference is dropped: by the kernel's own callback, so that
    // none of ours is pending when the module goes.
    unsafe {
        Pidmap::lock().retire(pid);
        kernel_fn::pidfs_remove_pid(pid.as_ptr());
        let callback = mem::transmute::<*mut c_void, RcuCallback>(DELAYED_PUT_PID.get());
        bindings::call_rcu(&raw mut (*pid.as_ptr()).rcu, Some(callback));
    }
}

type RcuCallback = unsafe extern "C" fn(*mut bindings::callback_head);

// SAFETY: A pid's namespace never changes. One of a namespace of ours came from `alloc_pid`, which left the reference with
// it.
unsafe impl Holder for Pid {
    #[inline(always)]
    fn ns(&self) -> Option<&PidNs> {
        Some(Pid::ns(self))
    }
}

wrap! {
    /// Wraps `fs/pidfs.c: pidfs_free_pid`, which `put_pid` calls when the last reference is gone, to
    /// drop the one that `pid` has on its namespace.
    ///
    /// `put_pid` still reads the namespace's `pid_cachep` after this returns, for which the namespace's memory waits
    /// (`namespace::destroy`).
    ///
    /// Any context; never sleeps.
    fn pidfs_free_pid(pid: Going<Pid>), original => {
        note_who_puts(pid.ns());
        original();
    }
}
