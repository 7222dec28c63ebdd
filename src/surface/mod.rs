// SPDX-License-Identifier: GPL-2.0

//! What user space touches: system calls, procfs, and the other places that keep a namespace.

#[cfg(CONFIG_BPF_SYSCALL)]
pub(crate) mod bpf;
#[cfg(CONFIG_FUSE_FS = "y")]
pub(crate) mod fuse;
#[cfg(CONFIG_PERF_EVENTS)]
pub(crate) mod perf;
pub(crate) mod procfs;
#[cfg(CONFIG_X86_64)]
pub(crate) mod reboot;
#[cfg(CONFIG_SYSVIPC)]
pub(crate) mod sysvipc;
pub(crate) mod unshare;
