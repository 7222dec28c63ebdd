// SPDX-License-Identifier: GPL-2.0

//! `memfd_create(2)` as strict as the caller's namespace wants it (`vm.memfd_noexec`;
//! `mm/memfd.c: check_sysctl_memfd_noexec`). The kernel's own check was compiled to "not at all".

use crate::{
    bindings::{self, pt_regs},
    hook::{original, Guest},
    namespace::memfd_noexec_scope,
    pid::current_ns,
};
use kernel::prelude::*;

const EXEC: u32 = bindings::MFD_EXEC;
const NOEXEC_SEAL: u32 = bindings::MFD_NOEXEC_SEAL;

/// The flags that the kernel gets for the caller's `flags`. What is invalid stays so.
///
/// # Errors
///
/// `EACCES` if the file may be executable and no such files are allowed.
fn flags_in(scope: i32, flags: u32) -> Result<u32> {
    let mut known = bindings::MFD_CLOEXEC | bindings::MFD_ALLOW_SEALING | EXEC | NOEXEC_SEAL;
    known |= bindings::MFD_HUGETLB;
    if flags & bindings::MFD_HUGETLB != 0 {
        known |= bindings::MFD_HUGE_MASK << bindings::MFD_HUGE_SHIFT;
    }
    let both = EXEC | NOEXEC_SEAL;
    if flags & !known != 0 || flags & both == both {
        return Ok(flags);
    }
    let sealed = scope >= bindings::MEMFD_NOEXEC_SCOPE_NOEXEC_SEAL as i32;
    let flags = if flags & both == 0 && sealed {
        flags | NOEXEC_SEAL
    } else {
        flags
    };
    let enforced = scope >= bindings::MEMFD_NOEXEC_SCOPE_NOEXEC_ENFORCED as i32;
    if enforced && flags & NOEXEC_SEAL == 0 {
        return Err(EACCES);
    }
    Ok(flags)
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
        match flags_in(memfd_noexec_scope(current_ns()), (*regs).si as u32) {
            Ok(flags) => {
                let mut changed = *regs;
                changed.si = flags as usize;
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
        match flags_in(memfd_noexec_scope(current_ns()), (*regs).cx as u32) {
            Ok(flags) => {
                let mut changed = *regs;
                changed.cx = flags as usize;
                original::__ia32_sys_memfd_create(&changed)
            }
            Err(error) => error.to_errno() as c_long,
        }
    }
}
