// SPDX-License-Identifier: GPL-2.0

//! What can be seen of the module's work: tracepoints (`pidns:*`), two counts for each namespace, and lists of all
//! namespaces, for programs in procfs and for developers in debugfs.

#[cfg(CONFIG_DEBUG_FS)]
mod debugfs;
#[cfg(CONFIG_PID_NS)]
pub(crate) mod life;
mod procfs;
mod walk;

#[cfg(CONFIG_DEBUG_FS)]
pub(crate) use debugfs::Tree;
pub(crate) use procfs::List;
