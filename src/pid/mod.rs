// SPDX-License-Identifier: GPL-2.0

//! The birth and the end of a `struct pid`, and who has its numbers.

mod alloc;
mod draft;
mod free;
mod lookup;

pub(crate) use alloc::{alloc_pid, may_choose};
pub(crate) use free::{free_pid, pidfs_free_pid};
pub(crate) use lookup::{find_ge_pid, find_pid_ns, find_vpid};
