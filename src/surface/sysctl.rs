// SPDX-License-Identifier: GPL-2.0

//! `kernel.ns_last_pid` and `vm.memfd_noexec`, each for the namespace of whoever reads or writes it
//! (`kernel/pid_namespace.c: pid_ns_ctl_handler`, `kernel/pid_sysctl.h`).

#[cfg(CONFIG_MEMFD_CREATE)]
use crate::namespace::{memfd_noexec_scope, operations::is_admin};
use crate::{
    bindings::{self, ctl_table, ctl_table_header, loff_t, pid_namespace},
    pid::{current_ns, may_choose},
};
use core::{ffi::CStr, ptr};
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

struct Header(*mut ctl_table_header);

// SAFETY: The kernel's, with its own locks; only used again when it is dropped.
unsafe impl Send for Header {}
// SAFETY: As above.
unsafe impl Sync for Header {}

impl Header {
    fn register(path: &'static CStr, table: &'static Table) -> Result<Self> {
        // SAFETY: Both are static, and the table is complete.
        let header =
            unsafe { bindings::register_sysctl_sz(path.as_char_ptr(), &raw const table.0, 1) };
        if header.is_null() {
            pr_err!("not loaded: no memory for a sysctl\n");
            return Err(ENOMEM);
        }
        Ok(Self(header))
    }
}

impl Drop for Header {
    fn drop(&mut self) {
        // SAFETY: Registered, and not yet unregistered. Waits for those in its handler.
        unsafe { bindings::unregister_sysctl_table(self.0) };
    }
}

struct Table(ctl_table);

// SAFETY: The kernel only reads it.
unsafe impl Sync for Table {}

type Handler =
    unsafe extern "C" fn(*const ctl_table, c_int, *mut c_void, *mut usize, *mut loff_t) -> c_int;

/// Of one number, which the handler finds.
const fn table(name: &'static CStr, mode: u16, handler: Handler) -> Table {
    Table(ctl_table {
        procname: name.to_bytes_with_nul().as_ptr(),
        data: ptr::null_mut(),
        maxlen: size_of::<c_int>() as c_int,
        mode,
        proc_handler: Some(handler),
        poll: ptr::null_mut(),
        extra1: ptr::null_mut(),
        extra2: ptr::null_mut(),
    })
}

// Everybody may try to write it: the handler decides.
#[cfg(CONFIG_CHECKPOINT_RESTORE)]
static LAST_PID: Table = table(c"ns_last_pid", 0o666, last_pid);
#[cfg(CONFIG_MEMFD_CREATE)]
static MEMFD_NOEXEC: Table = table(c"memfd_noexec", 0o644, memfd_noexec);

/// What a user reads or writes.
struct Access {
    table: *const ctl_table,
    write: c_int,
    buffer: *mut c_void,
    length: *mut usize,
    position: *mut loff_t,
}

impl Access {
    /// Lets the user read `value`, or, if that is `allowed`, write it in `range`, which `set` then gets.
    ///
    /// Gives what a handler gives: 0, `EPERM`, or `EINVAL` for what is no number or out of range.
    ///
    /// # Safety
    ///
    /// The fields must be what the kernel gave to a handler.
    unsafe fn of(
        &self,
        allowed: impl FnOnce() -> bool,
        mut value: c_int,
        (mut least, mut most): (c_int, c_int),
        set: impl FnOnce(c_int),
    ) -> c_int {
        if self.write != 0 && !allowed() {
            return EPERM.to_errno();
        }
        // SAFETY: The caller's promise; the copy points to locals that outlive it.
        let result = unsafe {
            let mut copy = *self.table;
            copy.data = (&raw mut value).cast();
            copy.extra1 = (&raw mut least).cast();
            copy.extra2 = (&raw mut most).cast();
            bindings::proc_dointvec_minmax(
                &copy,
                self.write,
                self.buffer,
                self.length,
                self.position,
            )
        };
        if result == 0 && self.write != 0 {
            set(value);
        }
        result
    }
}

macro_rules! handler {
    ($(#[$meta:meta])* $name:ident, $rule:path) => {
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// The kernel's. May sleep.
        unsafe extern "C" fn $name(
            table: *const ctl_table,
            write: c_int,
            buffer: *mut c_void,
            length: *mut usize,
            position: *mut loff_t,
        ) -> c_int {
            // SAFETY: The caller's promise.
            unsafe { $rule(&Access { table, write, buffer, length, position }, current_ns()) }
        }
    };
}

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
