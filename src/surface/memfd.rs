// SPDX-License-Identifier: GPL-2.0

//! `memfd_create(2)` as strict as the caller's namespace wants it (`vm.memfd_noexec`;
//! `mm/memfd.c: check_sysctl_memfd_noexec`). The kernel's own check was compiled to "not at all".

use crate::{
    bindings::{self, pt_regs},
    hook::{original, Guest},
    namespace::memfd_noexec_scope,
    pid::current_ns,
    surface::noexec,
};
use kernel::prelude::*;

const _: () = assert!(
    noexec::CLOEXEC == bindings::MFD_CLOEXEC
        && noexec::ALLOW_SEALING == bindings::MFD_ALLOW_SEALING
        && noexec::HUGETLB == bindings::MFD_HUGETLB
        && noexec::NOEXEC_SEAL == bindings::MFD_NOEXEC_SEAL
        && noexec::EXEC == bindings::MFD_EXEC
        && noexec::HUGE_SIZE == bindings::MFD_HUGE_MASK << bindings::MFD_HUGE_SHIFT
        && noexec::SCOPE_SEAL == bindings::MEMFD_NOEXEC_SCOPE_NOEXEC_SEAL as i32
        && noexec::SCOPE_ENFORCED == bindings::MEMFD_NOEXEC_SCOPE_NOEXEC_ENFORCED as i32
);

/// The flags that the kernel gets for the current task's `flags`. A refusal is logged, as in mainline.
///
/// # Errors
///
/// `EACCES` if the file may be executed and no such files are allowed.
fn flags_of_current(flags: usize) -> Result<usize> {
    // SAFETY: The current task holds its namespace.
    let scope = unsafe { memfd_noexec_scope(current_ns()) };
    match noexec::flags_in(scope, flags as u32) {
        Ok(flags) => Ok(flags as usize),
        Err(noexec::Refused) => {
            // SAFETY: It only reads the current task.
            unsafe { bindings::pidns_log_memfd_refused(scope) };
            Err(EACCES)
        }
    }
}

/// Wraps the system call of 64-bit programs.
///
/// # Safety
///
/// The kernel's: `regs` are those of the current task. May sleep.
pub(crate) unsafe extern "C" fn __x64_sys_memfd_create(regs: *const pt_regs) -> c_long {
    let _guest = Guest::enter();
    // SAFETY: The caller's promise. The caller's own registers stay as they are.
    unsafe {
        match flags_of_current((*regs).si) {
            Ok(flags) => {
                let mut changed = *regs;
                changed.si = flags;
                original::__x64_sys_memfd_create(&changed)
            }
            Err(error) => error.to_errno() as c_long,
        }
    }
}

/// Wraps the system call of 32-bit programs.
///
/// # Safety
///
/// As above.
#[cfg(CONFIG_IA32_EMULATION)]
pub(crate) unsafe extern "C" fn __ia32_sys_memfd_create(regs: *const pt_regs) -> c_long {
    let _guest = Guest::enter();
    // SAFETY: As above.
    unsafe {
        match flags_of_current((*regs).cx) {
            Ok(flags) => {
                let mut changed = *regs;
                changed.cx = flags;
                original::__ia32_sys_memfd_create(&changed)
            }
            Err(error) => error.to_errno() as c_long,
        }
    }
}
