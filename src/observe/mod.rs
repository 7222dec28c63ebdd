// SPDX-License-Identifier: GPL-2.0

//! What can be seen of the module's work: tracepoints (`pidns:*`), two counts for each namespace, and
//! a list of all namespaces in debugfs.

#[cfg(CONFIG_PID_NS)]
pub(crate) mod life;
#[cfg(CONFIG_DEBUG_FS)]
mod namespaces;

#[cfg(CONFIG_DEBUG_FS)]
pub(crate) use namespaces::Tree;
