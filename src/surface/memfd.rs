// SPDX-License-Identifier: GPL-2.0

//! `memfd_create(2)` as strict as the caller's namespace wants it (`vm.memfd_noexec`;
//! `mm/memfd.c: check_sysctl_memfd_noexec`). The kernel's own check was compiled to "not at all".

use super::{
    noexec,
    syscall::Call, //
};
use crate::{
    bindings::{
        self,
        pt_regs, //
    },
    imports::kernel_fn,
    namespace::memfd_noexec_scope,
    task::Current,
};
use core::cell::Cell;
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

/// May sleep. A refusal is logged, as in mainline: `EACCES` if the file may be executed and no such files are allowed.
pub(crate) fn memfd_create(call: Call<'_, impl FnOnce(&Cell<pt_regs>) -> c_long>) -> c_long {
    let [_, flags, _] = call.arguments();
    let scope = memfd_noexec_scope(Current::get().active_ns());
    match noexec::flags_in(scope, flags as u32) {
        Ok(flags) => call.pass_on_with(1, flags as usize),
        Err(noexec::Refused) => {
            kernel_fn::log_memfd_refused(scope);
            EACCES.to_errno() as c_long
        }
    }
}
