// SPDX-License-Identifier: GPL-2.0

//! The life of a namespace: created, held, reaped, destroyed.

mod create;
mod destroy;
pub(crate) mod holder;
pub(crate) mod initial;
mod memory;
pub(crate) mod nsproxy;
pub(crate) mod operations;
pub(crate) mod reaper;
mod reference;
mod sysctls;

pub(crate) use create::create;
pub(crate) use destroy::note_who_puts;
pub(crate) use reference::Reference;

use crate::{
    bindings,
    chain::Pidmap,
    object::{
        fields,
        Object,
        PidNs, //
    },
};
use core::{
    iter, ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    },
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// The `struct pid` of the machine's first process: the kernel allocated it, and it never dies.
static BOOT_PID: AtomicPtr<bindings::pid> = AtomicPtr::new(ptr::null_mut());

/// A `struct pid` that the kernel's own code made, for what only that knows (lock classes).
#[inline]
pub(crate) fn boot_pid() -> *mut bindings::pid {
    BOOT_PID.load(Ordering::Relaxed)
}

/// What namespaces need while the module is loaded; dropping frees what the dead left behind, and gives the initial
/// namespace's number table back as it was.
pub(crate) struct Namespaces {
    /// First to go: waits for namespaces that are being destroyed.
    _queue: reference::DestroyQueue,
    _caches: memory::Caches,
    _kept_leaf: KeptLeaf,
}

/// That of the initial namespace. On drop nobody looks for numbers in it any more but the kernel, which knows of none.
struct KeptLeaf;

impl Drop for KeptLeaf {
    fn drop(&mut self) {
        Pidmap::lock().let_go(PidNs::initial());
    }
}

impl Namespaces {
    /// May sleep.
    pub(crate) fn new() -> Result<Self> {
        // The first process never dies, so neither does its pid.
        let pid = PidNs::initial()
            .find(1, &rcu::read_lock())
            .map(Object::as_ptr);
        BOOT_PID.store(pid.ok_or(ESRCH)?, Ordering::Relaxed);
        let caches = memory::Caches::new()?;
        Ok(Self {
            _queue: reference::DestroyQueue::new()?,
            _caches: caches,
            _kept_leaf: KeptLeaf,
        })
    }
}

/// How strict `ns` is about executable memory files: as the strictest from itself to the root
/// (`include/linux/pid_namespace.h: pidns_memfd_noexec_scope`).
#[cfg(CONFIG_MEMFD_CREATE)]
pub(crate) fn memfd_noexec_scope(ns: &PidNs) -> c_int {
    iter::successors(Some(ns), |ns| ns.parent())
        .map(PidNs::memfd_noexec_scope)
        .fold(0, c_int::max)
}

#[cfg(CONFIG_MEMFD_CREATE)]
fields! {
    PidNs {
        /// `vm.memfd_noexec`, which is a sysctl.
        once memfd_noexec_scope: c_int = memfd_noexec_scope;
    }
}
