// SPDX-License-Identifier: GPL-2.0

//! What can be seen of the module's work: tracepoints (`pidns:*`), two counts for each namespace, and
//! a list of all namespaces in debugfs.

pub(crate) mod events;
#[cfg(CONFIG_PID_NS)]
pub(crate) mod life;
pub(crate) mod signal;
#[cfg(CONFIG_DEBUG_FS)]
mod tree;

#[cfg(CONFIG_DEBUG_FS)]
pub(crate) use tree::Tree;
