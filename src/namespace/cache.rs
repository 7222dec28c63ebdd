// SPDX-License-Identifier: GPL-2.0

//! Slab caches: one for namespaces, one for the pids of each level, named as in
//! `kernel/pid_namespace.c`.

use super::create::Namespace;
use crate::bindings::{self, kmem_cache};
use core::{
    ffi::c_uint,
    mem::size_of,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{prelude::*, str::CString};

const LEVELS: usize = bindings::MAX_PID_NS_LEVEL as usize;

/// The pid caches of levels 1 to 32; each is made when the first namespace of its level is.
static PIDS: [AtomicPtr<kmem_cache>; LEVELS] = [const { AtomicPtr::new(ptr::null_mut()) }; LEVELS];

static NAMESPACES: AtomicPtr<kmem_cache> = AtomicPtr::new(ptr::null_mut());

kernel::sync::global_lock! {
    // SAFETY: Initialised in `Caches::new`, before the first namespace.
    unsafe(uninit) static MAKING: Mutex<()> = ();
}

/// The cache of namespaces.
pub(super) fn namespaces() -> *mut kmem_cache {
    NAMESPACES.load(Ordering::Acquire)
}

/// The cache for pids of namespaces at `level` (1 to 32). May sleep.
///
/// # Errors
///
/// `ENOMEM`.
pub(super) fn pids(level: usize) -> Result<*mut kmem_cache> {
    let slot = PIDS.get(level.wrapping_sub(1)).ok_or(EINVAL)?;
    let made = slot.load(Ordering::Acquire);
    if !made.is_null() {
        return Ok(made);
    }
    // Two caches must not have the same name: one at a time.
    let _making = MAKING.lock();
    let made = slot.load(Ordering::Acquire);
    if !made.is_null() {
        return Ok(made);
    }
    let name = CString::try_from_fmt(fmt!("pid_{}", level + 1))?;
    let size =
        core::mem::offset_of!(bindings::pid, numbers) + (level + 1) * size_of::<bindings::upid>();
    let cache = create(&name, size)?;
    slot.store(cache, Ordering::Release);
    Ok(cache)
}

fn create(name: &CStr, size: usize) -> Result<*mut kmem_cache> {
    // SAFETY: The cache keeps a copy of the name.
    let cache = unsafe { bindings::pidns_cache_create(name.as_char_ptr(), size as c_uint) };
    if cache.is_null() {
        return Err(ENOMEM);
    }
    Ok(cache)
}

/// The caches; dropping destroys them, when nothing of them is left in use.
pub(super) struct Caches(());

impl Caches {
    /// May sleep.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: Called once, when the module is loaded.
        unsafe { MAKING.init() };
        NAMESPACES.store(
            create(c"pid_namespace", size_of::<Namespace>())?,
            Ordering::Release,
        );
        Ok(Self(()))
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        for slot in Iterator::chain(PIDS.iter(), [&NAMESPACES]) {
            // SAFETY: Every object was freed: the undertaker went first. Null is allowed.
            unsafe { bindings::kmem_cache_destroy(slot.swap(ptr::null_mut(), Ordering::Relaxed)) };
        }
    }
}
