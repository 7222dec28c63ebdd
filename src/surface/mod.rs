// SPDX-License-Identifier: GPL-2.0

//! What user space touches: system calls, procfs, namespace files, and the other places that keep
//! a namespace.

#[cfg(CONFIG_BPF_SYSCALL)]
pub(crate) mod bpf;
mod file;
#[cfg(CONFIG_FUSE_FS = "y")]
pub(crate) mod fuse;
#[cfg(CONFIG_MEMFD_CREATE)]
pub(crate) mod memfd;
#[cfg(CONFIG_MEMFD_CREATE)]
mod noexec;
pub(crate) mod nsfs;
#[cfg(CONFIG_PERF_EVENTS)]
pub(crate) mod perf;
pub(crate) mod pid_max;
pub(crate) mod pidfd;
pub(crate) mod pidns_option;
pub(crate) mod procfs;
pub(crate) mod procns;
pub(crate) mod reboot;
pub(crate) mod setns;
pub(crate) mod status;
pub(crate) mod syscall;
mod sysctl;
#[cfg(CONFIG_SYSVIPC)]
pub(crate) mod sysvipc;
mod text;
pub(crate) mod unshare;

use crate::namespace::initial;
use kernel::prelude::*;

/// What user space finds beside the hooked functions; dropping takes it away.
///
/// The fields are dropped in this order.
pub(crate) struct Surface {
    _links: procns::Links,
    _sysctls: sysctl::Sysctls,
    _in_tree: initial::InTree,
}

impl Surface {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; then all is as before.
    pub(crate) fn new(_hooks: &crate::hook::Hooks) -> Result<Self> {
        Ok(Self {
            _in_tree: initial::InTree::add(),
            _sysctls: sysctl::Sysctls::register()?,
            _links: procns::Links,
        })
    }
}
