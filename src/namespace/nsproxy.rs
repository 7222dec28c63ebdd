// SPDX-License-Identifier: GPL-2.0

//! The reference that an `nsproxy` has on the namespace of its task's children.
//!
//! The kernel frees an `nsproxy` in several places, some of them inlined. But every installed one
//! passes `nsproxy_ns_active_get` once, when it is installed, and `nsproxy_ns_active_put` once,
//! when its last task leaves it, and both live in another file than their callers. One that is not
//! installed yet needs no reference of its own: its namespace is that of the current task's
//! installed `nsproxy`, which stays until after the new one is counted, or it was created by the
//! current system call, which holds it until it returns (`namespace::create`), or `setns` was given a
//! file or a process of it, which it keeps until the new one is installed.

use super::holder::{
    self,
    Going,
    Holder, //
};
use crate::{
    hook::wrap,
    object::{
        NsProxy,
        PidNs, //
    },
};

// SAFETY: What an `nsproxy` has does not change while it is installed.
unsafe impl Holder for NsProxy {
    #[inline(always)]
    fn ns(&self) -> Option<&PidNs> {
        Some(self.pid_ns_for_children())
    }
}

wrap! {
    /// Wraps `fs/nsfs.c: nsproxy_ns_active_get`: `proxy` is being installed in a task. Never sleeps.
    fn nsproxy_ns_active_get(proxy: &NsProxy), original => {
        holder::hold(proxy);
        original();
    }

    /// Wraps `fs/nsfs.c: nsproxy_ns_active_put`: the last task has left `proxy`, which was installed. Never sleeps.
    fn nsproxy_ns_active_put(proxy: Going<NsProxy>), original => {
        original();
    }
}
