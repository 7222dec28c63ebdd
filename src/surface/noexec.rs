// SPDX-License-Identifier: GPL-2.0

//! What `vm.memfd_noexec` makes of the flags of `memfd_create(2)`. Pure rules: no kernel types.
//!
//! Mainline's rule (`mm/memfd.c: sanitize_flags`, `check_sysctl_memfd_noexec`): who does not say
//! whether the file may be executed is told by the setting, and at its strictest nobody may have one
//! that may be.

pub(crate) const CLOEXEC: u32 = 1;
pub(crate) const ALLOW_SEALING: u32 = 2;
pub(crate) const HUGETLB: u32 = 4;
pub(crate) const NOEXEC_SEAL: u32 = 8;
pub(crate) const EXEC: u32 = 16;
/// The size of huge pages, which only goes with [`HUGETLB`].
pub(crate) const HUGE_SIZE: u32 = 0x3f << 26;

/// The setting by which a file may not be executed unless the caller says that it may.
pub(crate) const SCOPE_SEAL: i32 = 1;
/// The setting by which none may.
pub(crate) const SCOPE_ENFORCED: i32 = 2;

/// The file may be executed, and no such files are allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// The flags that the kernel gets for the caller's. What is invalid stays so: the kernel refuses it.
pub(crate) fn flags_in(scope: i32, flags: u32) -> Result<u32, Refused> {
    let size = if flags & HUGETLB == 0 { 0 } else { HUGE_SIZE };
    let known = CLOEXEC | ALLOW_SEALING | HUGETLB | NOEXEC_SEAL | EXEC | size;
    let said = flags & (EXEC | NOEXEC_SEAL);
    if flags & !known != 0 || said == EXEC | NOEXEC_SEAL {
        return Ok(flags);
    }
    match said {
        0 if scope >= SCOPE_SEAL => Ok(flags | NOEXEC_SEAL),
        EXEC if scope >= SCOPE_ENFORCED => Err(Refused),
        _ => Ok(flags),
    }
}
