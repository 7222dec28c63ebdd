// SPDX-License-Identifier: GPL-2.0

//! The memory of namespaces and pids: slab caches, one for namespaces, one for the pids of each level, named as in
//! `kernel/pid_namespace.c`.

use crate::{
    bindings::{
        self,
        kmem_cache,
        pid_namespace, //
    },
    imports::{cache_alloc, kernel_fn},
    object::FromC,
};
use core::{
    ffi::c_uint,
    mem::{
        self,
        offset_of,
        size_of, //
    },
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering, //
    },
};
use kernel::{
    prelude::*,
    str::CString, //
};

const LEVELS: usize = bindings::MAX_PID_NS_LEVEL as usize;

/// A slab cache, made when it is wanted.
struct Cache(AtomicPtr<kmem_cache>);

impl Cache {
    const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The cache; null if it is not made.
    fn get(&self) -> *mut kmem_cache {
        self.0.load(Ordering::Acquire)
    }

    /// Makes it, for objects of `size`. May sleep. One at a time: two must not have the same name.
    fn make(&self, name: &CStr, size: usize) -> Result<*mut kmem_cache> {
        let cache = kernel_fn::cache_create(name, size as c_uint);
        if cache.is_null() {
            return Err(ENOMEM);
        }
        self.0.store(cache, Ordering::Release);
        Ok(cache)
    }
}

/// The pid caches of levels 1 to 32; each is made when the first namespace of its level is.
static PIDS: [Cache; LEVELS] = [const { Cache::new() }; LEVELS];

static NAMESPACES: Cache = Cache::new();

kernel::sync::global_lock! {
    // SAFETY: Initialised in `Caches::new`, before the first namespace.
    unsafe(uninit) static MAKING: Mutex<()> = ();
}

/// The cache for pids of namespaces at `level` (1 to 32). May sleep.
///
/// # Errors
///
/// `ENOMEM`.
pub(super) fn pids(level: usize) -> Result<*mut kmem_cache> {
    let cache = PIDS.get(level.wrapping_sub(1)).ok_or(EINVAL)?;
    let made = cache.get();
    if !made.is_null() {
        return Ok(made);
    }
    let _making = MAKING.lock();
    let made = cache.get();
    if !made.is_null() {
        return Ok(made);
    }
    let name = CString::try_from_fmt(fmt!("pid_{}", level + 1))?;
    let size = offset_of!(bindings::pid, numbers) + (level + 1) * size_of::<bindings::upid>();
    cache.make(&name, size)
}

/// The memory of a namespace that nobody can reach: in the making, or at its end. Dropping frees it.
///
/// # Invariants
///
/// It is of the cache of namespaces, and nobody else's.
pub(super) struct Blank(*mut pid_namespace);

impl Blank {
    /// Zeroes.
    pub(super) fn new() -> Result<Self> {
        let flags = bindings::GFP_KERNEL | bindings::__GFP_ZERO;
        // SAFETY: The cache exists while the module is loaded.
        let memory = unsafe { cache_alloc(NAMESPACES.get(), flags) };
        if memory.is_null() {
            return Err(ENOMEM);
        }
        Ok(Self(memory.cast()))
    }

    /// What is in it.
    pub(super) fn get(&mut self) -> &mut pid_namespace {
        // SAFETY: By the invariant. Zeroes are a value of every field.
        unsafe { &mut *self.0 }
    }

    /// It is complete, and the caller's to keep.
    pub(super) fn into_raw(self) -> *mut pid_namespace {
        let ns = self.0;
        mem::forget(self);
        ns
    }
}

/// Nobody can reach the namespace any more.
impl FromC for Blank {
    type C = *mut pid_namespace;

    unsafe fn from_c(ns: *mut pid_namespace) -> Self {
        // INVARIANT: The caller's promise.
        Self(ns)
    }
}

impl Drop for Blank {
    fn drop(&mut self) {
        // SAFETY: By the invariant; its number table is empty.
        unsafe { bindings::kmem_cache_free(NAMESPACES.get(), self.0.cast()) };
    }
}

/// The caches; dropping destroys them, when nothing of them is left in use.
pub(super) struct Caches(());

impl Caches {
    /// May sleep.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: Called once, when the module is loaded.
        unsafe { MAKING.init() };
        NAMESPACES.make(c"pid_namespace", size_of::<pid_namespace>())?;
        Ok(Self(()))
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        for cache in Iterator::chain(PIDS.iter(), [&NAMESPACES]) {
            // SAFETY: Every object was freed: the queue of destruction went first. Null is allowed.
            unsafe {
                bindings::kmem_cache_destroy(cache.0.swap(ptr::null_mut(), Ordering::Relaxed))
            };
        }
    }
}
