// SPDX-License-Identifier: GPL-2.0

//! `kernel.ns_last_pid` and `vm.memfd_noexec`, each for the namespace of whoever reads or writes it
//! (`kernel/pid_namespace.c: pid_ns_ctl_handler`, `kernel/pid_sysctl.h`).

#[cfg(CONFIG_MEMFD_CREATE)]
use crate::namespace::{
    memfd_noexec_scope,
    operations::is_admin, //
};
use crate::{
    bindings,
    object::{
        setters,
        PidNs, //
    },
    sysctl::{
        handler,
        table,
        Access,
        Header,
        Table, //
    },
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

/// On drop, when nobody can write it any more: the initial namespace is as lenient as the kernel made it.
#[cfg(CONFIG_MEMFD_CREATE)]
struct Reset;

#[cfg(CONFIG_MEMFD_CREATE)]
impl Drop for Reset {
    fn drop(&mut self) {
        PidNs::initial().set_memfd_noexec_scope(0);
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
static LAST_PID: [Table; 1] = [table(c"ns_last_pid", 0o666, last_pid)];
#[cfg(CONFIG_MEMFD_CREATE)]
static MEMFD_NOEXEC: [Table; 1] = [table(c"memfd_noexec", 0o644, memfd_noexec)];

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

/// For the namespace `ns` of the current task.
#[cfg(CONFIG_CHECKPOINT_RESTORE)]
fn access_last_pid(access: &Access, ns: &PidNs) -> c_int {
    // The cursor and `pid_max` are words that others write at any time, as in mainline.
    let last = (ns.cursor() as c_int).wrapping_sub(1);
    let allowed = || crate::pid::may_choose(ns.user_ns());
    access.of(allowed, last, (0, ns.pid_max()), |last| {
        ns.set_cursor(last.wrapping_add(1) as c_uint);
    })
}

/// The same; never less strict than the parent.
#[cfg(CONFIG_MEMFD_CREATE)]
fn access_memfd_noexec(access: &Access, ns: &PidNs) -> c_int {
    let least = ns.parent().map_or(0, memfd_noexec_scope);
    let most = bindings::MEMFD_NOEXEC_SCOPE_NOEXEC_ENFORCED as c_int;
    let allowed = || is_admin(ns.user_ns());
    access.of(allowed, memfd_noexec_scope(ns), (least, most), |scope| {
        ns.set_memfd_noexec_scope(scope);
    })
}

#[cfg(CONFIG_MEMFD_CREATE)]
setters! {
    PidNs {
        set_memfd_noexec_scope(c_int) = memfd_noexec_scope;
    }
}
