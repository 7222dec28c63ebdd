// SPDX-License-Identifier: GPL-2.0

//! The birth and the end of a `struct pid`.

mod alloc;
mod draft;
mod free;

pub(crate) use alloc::{alloc_pid, may_choose};
pub(crate) use free::{free_pid, pidfs_free_pid};
