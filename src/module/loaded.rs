// SPDX-License-Identifier: GPL-2.0

//! References to the module: while there is one it cannot go.

use super::is_live;
use crate::{bindings, compat::this_module, object::Registers};

/// The condition of functions that are hooked as `kept`: leaves a reference to the module, unless that comes or goes. Any
/// context.
#[cfg_attr(
    CONFIG_PID_NS,
    allow(dead_code, reason = "all of them have conditions of their own")
)]
pub(crate) fn keep(_registers: &Registers) -> bool {
    Loaded::get().map(Loaded::into_raw).is_some()
}

/// A reference to the module. Every namespace of ours has one, and every file of the first
/// namespace. Any context.
pub(crate) struct Loaded(());

impl Loaded {
    /// `None` while the module comes or goes.
    pub(crate) fn get() -> Option<Self> {
        // SAFETY: The module is ours, and we are in it.
        if is_live() && unsafe { bindings::try_module_get(this_module()) } {
            return Some(Self(()));
        }
        None
    }

    /// Leaves the reference to somebody; see [`Loaded::from_raw`].
    pub(crate) fn into_raw(self) {
        core::mem::forget(self);
    }

    /// Takes a reference over.
    ///
    /// # Safety
    ///
    /// It must have been left, and nobody else may take it.
    pub(crate) unsafe fn from_raw() -> Self {
        Self(())
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: Taken in `get`.
        unsafe { bindings::module_put(this_module()) };
    }
}
