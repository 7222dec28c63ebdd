// SPDX-License-Identifier: GPL-2.0

//! `kernel.ns_last_pid` and `vm.memfd_noexec`, each for the namespace of whoever reads or writes it
//! (`kernel/pid_namespace.c: pid_ns_ctl_handler`, `kernel/pid_sysctl.h`).

#[cfg(CONFIG_MEMFD_CREATE)]
use crate::namespace::{memfd_noexec_scope, operations::is_admin};
use crate::{
    bindings::{self, pid_namespace},
    pid::may_choose,
    sysctl::{handler, table, Access, Header, Table},
};
use kernel::prelude::*;

/// The sysctls; dropping takes them away, when nobody is in them any more. May sleep.
pub(super) struct Sysctls {
    #[cfg(CONFIG_CHECKPOINT_RESTORE)]
    _last_pid: Header,
    #[cfg(CONFIG_MEMFD_CREATE)]
    _memfd_noexec: Header,
    #[cfg(CONFIG_MEMFD_CREATE)]
    _reset: Reset,
}

/// On drop, when nobody can write it any more: the first namespace is as lenient as the kernel made it.
#[cfg(CONFIG_MEMFD_CREATE)]
struct Reset;

#[cfg(CONFIG_MEMFD_CREATE)]
impl Drop for Reset {
    fn drop(&mut self) {
        // SAFETY: A word of a static, which others only read.
        unsafe { (&raw mut bindings::init_pid_ns.memfd_noexec_scope).write_volatile(0) };
    }
}

impl Sysctls {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn register() -> Result<Self> {
        Ok(Self {
            #[cfg(CONFIG_CHECKPOINT_RESTORE)]
            _last_pid: Header::register(c"kernel", &LAST_PID)?,
            #[cfg(CONFIG_MEMFD_CREATE)]
            _memfd_noexec: Header::register(c"vm", &MEMFD_NOEXEC)?,
            #[cfg(CONFIG_MEMFD_CREATE)]
            _reset: Reset,
        })
    }
}

// Everybody may try to write it: the handler decides.
#[cfg(CONFIG_CHECKPOINT_RESTORE)]
static LAST_PID: Table = table(c"ns_last_pid", 0o666, last_pid);
#[cfg(CONFIG_MEMFD_CREATE)]
static MEMFD_NOEXEC: Table = table(c"memfd_noexec", 0o644, memfd_noexec);

handler! {
    /// The number that was given last in the current task's namespace: the next is searched behind it.
    #[cfg(CONFIG_CHECKPOINT_RESTORE)]
    last_pid, access_last_pid
}

handler! {
    /// How strict the current task's namespace is about executable memory files.
    #[cfg(CONFIG_MEMFD_CREATE)]
    memfd_noexec, access_memfd_noexec
}

/// # Safety
///
/// `access` must be what the kernel gave to a handler, `ns` the current task's.
#[cfg(CONFIG_CHECKPOINT_RESTORE)]
unsafe fn access_last_pid(access: &Access, ns: *mut pid_namespace) -> c_int {
    // SAFETY: The caller's promise; the current task holds its namespace. The cursor and `pid_max`
    // are words that others write at any time, as in mainline.
    unsafe {
        let cursor = &raw mut (*ns).idr.idr_next;
        let last = (cursor.read_volatile() as c_int).wrapping_sub(1);
        let most = (&raw const (*ns).pid_max).read_volatile();
        let allowed = || may_choose((*ns).user_ns);
        access.of(allowed, last, (0, most), |last| {
            cursor.write_volatile(last.wrapping_add(1) as c_uint)
        })
    }
}

/// Never less strict than the parent.
///
/// # Safety
///
/// As above.
#[cfg(CONFIG_MEMFD_CREATE)]
unsafe fn access_memfd_noexec(access: &Access, ns: *mut pid_namespace) -> c_int {
    // SAFETY: The caller's promise; the current task holds its namespace.
    unsafe {
        let least = memfd_noexec_scope((*ns).parent);
        let most = bindings::MEMFD_NOEXEC_SCOPE_NOEXEC_ENFORCED as c_int;
        let allowed = || is_admin((*ns).user_ns);
        access.of(allowed, memfd_noexec_scope(ns), (least, most), |scope| {
            (&raw mut (*ns).memfd_noexec_scope).write_volatile(scope)
        })
    }
}
