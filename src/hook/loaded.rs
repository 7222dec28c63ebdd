// SPDX-License-Identifier: GPL-2.0

//! References to the module: while there is one it cannot go.

use super::armed;
use crate::bindings;
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::prelude::*;

static MODULE: AtomicPtr<bindings::module> = AtomicPtr::new(ptr::null_mut());

/// Says which module this is, before the first reference.
pub(crate) fn set_module(module: &'static ThisModule) {
    MODULE.store(module.as_ptr(), Ordering::Relaxed);
}

/// A reference to the module. Every namespace of ours has one, and every file of the first
/// namespace. Any context.
pub(crate) struct Loaded(());

impl Loaded {
    /// `None` while the module comes or goes.
    pub(crate) fn get() -> Option<Self> {
        // SAFETY: The module is ours, and we are in it.
        if armed() && unsafe { bindings::try_module_get(MODULE.load(Ordering::Relaxed)) } {
            return Some(Self(()));
        }
        None
    }

    /// Leaves the reference to somebody; see [`Loaded::adopt`].
    pub(crate) fn leave(self) {
        core::mem::forget(self);
    }

    /// Takes a reference over.
    ///
    /// # Safety
    ///
    /// It must have been left, and nobody else may take it.
    pub(crate) unsafe fn adopt() -> Self {
        Self(())
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: Taken in `get`.
        unsafe { bindings::module_put(MODULE.load(Ordering::Relaxed)) };
    }
}
