// SPDX-License-Identifier: GPL-2.0

//! x86-64, supply mode: system calls that were compiled without their part for pid namespaces, those of 64-bit programs and
//! those of 32-bit ones.

use crate::surface::{self, syscall::system_calls};

system_calls! {
    __x64_sys_setns => surface::setns::setns;
    #[cfg(CONFIG_IA32_EMULATION)]
    __ia32_sys_setns => surface::setns::setns;
    #[cfg(CONFIG_MEMFD_CREATE)]
    __x64_sys_memfd_create => surface::memfd::memfd_create;
    #[cfg(all(CONFIG_MEMFD_CREATE, CONFIG_IA32_EMULATION))]
    __ia32_sys_memfd_create => surface::memfd::memfd_create;
    __x64_sys_reboot => surface::reboot::reboot;
    #[cfg(CONFIG_IA32_EMULATION)]
    __ia32_sys_reboot => surface::reboot::reboot;
}
