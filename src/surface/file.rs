// SPDX-License-Identifier: GPL-2.0

//! A file that is held.

use crate::bindings::{self, file};
use kernel::{error::from_err_ptr, prelude::*};

pub(super) struct File(*mut file);

impl File {
    /// What a descriptor of the current task stands for; `None` also for `O_PATH`.
    #[cfg(CONFIG_X86_64)]
    pub(super) fn of_descriptor(fd: u32) -> Option<Self> {
        // SAFETY: A query of the current task's descriptors.
        let file = unsafe { bindings::fget(fd) };
        (!file.is_null()).then(|| Self(file))
    }

    /// Takes a reference over.
    ///
    /// # Errors
    ///
    /// The one that `file` is instead of a file.
    ///
    /// # Safety
    ///
    /// `file` must be the caller's to put, or an error.
    pub(super) unsafe fn from_raw(file: *mut file) -> Result<Self> {
        from_err_ptr(file).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut file {
        self.0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: Ours.
        unsafe { bindings::fput(self.0) };
    }
}
