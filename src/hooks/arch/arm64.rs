// SPDX-License-Identifier: GPL-2.0

//! arm64, supply mode: system calls that were compiled without their part for pid namespaces. 32-bit programs come by the same
//! functions.

use crate::surface::{self, syscall::system_calls};

system_calls! {
    __arm64_sys_setns => surface::setns::setns;
    #[cfg(CONFIG_MEMFD_CREATE)]
    __arm64_sys_memfd_create => surface::memfd::memfd_create;
    __arm64_sys_reboot => surface::reboot::reboot;
}
