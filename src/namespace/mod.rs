// SPDX-License-Identifier: GPL-2.0

//! The life of a namespace: created, held, reaped, destroyed.

mod cache;
mod create;
mod destroy;
pub(crate) mod first;
pub(crate) mod holder;
pub(crate) mod nsproxy;
pub(crate) mod operations;
pub(crate) mod reaper;
mod reference;

pub(crate) use create::create;
pub(crate) use holder::Holder;
pub(crate) use reference::Reference;

use crate::bindings;
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::prelude::*;

/// The `struct pid` of the machine's first process: the kernel allocated it, and it never dies.
static BOOT_PID: AtomicPtr<bindings::pid> = AtomicPtr::new(ptr::null_mut());

/// A `struct pid` that the kernel's own code made, for what only that knows (lock classes).
#[inline]
pub(crate) fn boot_pid() -> *mut bindings::pid {
    BOOT_PID.load(Ordering::Relaxed)
}

/// What namespaces need while the module is loaded; dropping frees what the dead left behind.
pub(crate) struct Namespaces {
    /// First to go: waits for namespaces that are being destroyed.
    _undertaker: destroy::Undertaker,
    _caches: cache::Caches,
}

impl Namespaces {
    /// May sleep.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The first process never dies, so neither does its pid.
        let pid = unsafe { bindings::find_pid_ns(1, &raw mut bindings::init_pid_ns) };
        if pid.is_null() {
            return Err(ESRCH);
        }
        BOOT_PID.store(pid, Ordering::Relaxed);
        let caches = cache::Caches::new()?;
        Ok(Self {
            _undertaker: destroy::Undertaker::new()?,
            _caches: caches,
        })
    }
}

/// How strict `ns` is about executable memory files: as the strictest from itself to the root
/// (`include/linux/pid_namespace.h: pidns_memfd_noexec_scope`).
///
/// # Safety
///
/// `ns` must be valid.
#[cfg(CONFIG_MEMFD_CREATE)]
pub(crate) unsafe fn memfd_noexec_scope(mut ns: *mut bindings::pid_namespace) -> c_int {
    let mut scope = 0;
    while !ns.is_null() {
        // SAFETY: A namespace holds its parent. The field is a sysctl: volatile.
        unsafe {
            scope = scope.max(ptr::read_volatile(&raw const (*ns).memfd_noexec_scope));
            ns = (*ns).parent;
        }
    }
    scope
}
