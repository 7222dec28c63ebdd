// SPDX-License-Identifier: GPL-2.0

//! A sysctl that is one number.
//!
//! The kernel copies from and to user space while it holds the table of a sysctl, and that may take for ever: the memory
//! may be a file of a FUSE server's. Whoever takes the table away waits for it. So a task is only let at a table of the
//! module's with a reference to the module ([`proc_sys_read`], [`proc_sys_write`], [`directory`]).

pub(crate) mod directory;

use crate::{
    bindings::{
        self,
        ctl_table,
        iov_iter,
        kiocb,
        loff_t, //
    },
    edge::{
        exports,
        IntoC, //
    },
    held::{
        counted,
        Held, //
    },
    hook::{
        when,
        wrap, //
    },
    imports::kernel_fn,
    module::Loaded,
    object::{
        fields,
        objects,
        File, //
    },
    task::Current,
};
use core::{
    ffi::CStr,
    ptr, //
};
use kernel::prelude::*;

objects! {
    /// A registered sysctl.
    Registered(bindings::ctl_table_header);
}

counted! {
    /// Waits for those in its handler.
    Registered: bindings::unregister_sysctl_table;
}

exports! {
    // Null without memory. May sleep.
    register_sysctl_sz(path: &'static CStr, tables: &'static [Table], entries: Entries) -> Option<Held<Registered>>
        = register_sysctl_sz;
}

/// A registered sysctl; dropping takes it away, when nobody is in it any more. May sleep.
pub(crate) struct Header {
    _registered: Held<Registered>,
}

// SAFETY: The kernel's, with its own locks; only used again when it is dropped.
unsafe impl Send for Header {}
// SAFETY: As above.
unsafe impl Sync for Header {}

impl Header {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, with a line in the log.
    pub(crate) fn register(path: &'static CStr, tables: &'static [Table]) -> Result<Self> {
        match register_sysctl_sz(path, tables, Entries(tables.len())) {
            Some(registered) => Ok(Self {
                _registered: registered,
            }),
            None => {
                pr_err!("not loaded: no memory for a sysctl\n");
                Err(ENOMEM)
            }
        }
    }
}

/// What a sysctl is called, and who may read and write it.
#[repr(transparent)]
pub(crate) struct Table(ctl_table);

// SAFETY: The kernel only reads it.
unsafe impl Sync for Table {}

impl Table {
    /// Of which no entry is registered.
    const NONE: &'static [Self] = &[table(c"", 0, bindings::proc_dointvec_minmax)];

    /// The same; who writes it must have opened it as admin, too ([`proc_sys_write`]).
    pub(crate) const fn for_admins(mut self) -> Self {
        self.0.extra1 = ADMINS.as_ptr().cast_mut().cast();
        self
    }

    /// The same, for a handler that asks for what it is about.
    pub(crate) const fn about<T: Sync>(mut self, it: &'static T) -> Self {
        self.0.data = (&raw const *it).cast_mut().cast();
        self
    }
}

impl IntoC for &'static [Table] {
    type C = *const ctl_table;

    #[inline(always)]
    fn into_c(self) -> *const ctl_table {
        self.as_ptr().cast()
    }
}

/// No number that can be written: out of every range.
const NOTHING: c_int = c_int::MIN;

/// What `extra1` of a table points to that is for admins.
static ADMINS: [u8; 1] = [0];

/// How many entries of a table are registered.
pub(crate) struct Entries(usize);

impl IntoC for Entries {
    type C = usize;

    #[inline(always)]
    fn into_c(self) -> usize {
        self.0
    }
}

type Handler =
    unsafe extern "C" fn(*const ctl_table, c_int, *mut c_void, *mut usize, *mut loff_t) -> c_int;

/// Of one number, which the handler finds.
pub(crate) const fn table(name: &'static CStr, mode: u16, handler: Handler) -> Table {
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

/// What a user reads or writes: what the kernel passes to a handler.
pub(crate) struct Access {
    table: *const ctl_table,
    write: c_int,
    buffer: *mut c_void,
    length: *mut usize,
    position: *mut loff_t,
}

impl Access {
    /// # Safety
    ///
    /// The arguments must be those of a handler, and this must not outlive its call.
    pub(crate) unsafe fn new(
        table: *const ctl_table,
        write: c_int,
        buffer: *mut c_void,
        length: *mut usize,
        position: *mut loff_t,
    ) -> Self {
        Self {
            table,
            write,
            buffer,
            length,
            position,
        }
    }

    /// What the table is about.
    ///
    /// # Safety
    ///
    /// It must be about a `T`.
    pub(crate) unsafe fn about<T: Sync>(&self) -> &'static T {
        // SAFETY: The promises of `new` and of the caller; a table's is never written.
        unsafe { &*(*self.table).data.cast() }
    }

    /// Lets the user read `value`, or, if that is `allowed`, write it in `range`, which `set` then gets.
    ///
    /// Returns what a handler returns: 0, `EPERM`, or `EINVAL` for what is no number or out of range.
    pub(crate) fn of(
        &self,
        allowed: impl FnOnce() -> bool,
        value: c_int,
        (mut least, mut most): (c_int, c_int),
        set: impl FnOnce(c_int),
    ) -> c_int {
        let is_write = self.write != 0;
        if is_write && !allowed() {
            return EPERM.to_errno();
        }
        // The kernel takes a write of nothing, or of what follows a number, for done, and writes nothing down.
        let mut number = if is_write { NOTHING } else { value };
        // SAFETY: The promise of `new`; the copy points to locals that outlive it.
        let result = unsafe {
            let table = ctl_table {
                data: (&raw mut number).cast(),
                extra1: (&raw mut least).cast(),
                extra2: (&raw mut most).cast(),
                ..*self.table
            };
            let (buffer, length, position) = (self.buffer, self.length, self.position);
            bindings::proc_dointvec_minmax(&table, self.write, buffer, length, position)
        };
        if result == 0 && is_write && number != NOTHING {
            set(number);
        }
        result
    }
}

objects! {
    /// A read or a write of an open sysctl.
    Request(kiocb);
}

exports! {
    // Whether it is of a sysctl of the module's; the table itself is not looked at.
    is_own_sysctl(request: &Request) -> bool = pidns_is_own_sysctl;
    // Its table.
    sysctl_entry(request: &Request) -> *const ctl_table = pidns_sysctl_entry;
}

/// Whether a sysctl of the module's is for admins.
fn is_for_admins(request: &Request) -> bool {
    // SAFETY: It lies in the module's memory, all of it, which a reference to the module keeps; if it is not of this load
    // but of an earlier one, what is there is compared and no more, and the kernel's own function refuses the request.
    unsafe { ptr::eq((*sysctl_entry(request)).extra1, ADMINS.as_ptr().cast()) }
}

fn is_opened_by_admin(request: &Request) -> bool {
    let admin = bindings::CAP_SYS_ADMIN as c_int;
    kernel_fn::file_ns_capable(request.file(), Current::get().active_ns().user_ns(), admin)
}

fields! {
    Request {
        /// The open file.
        fixed file: &File = ki_filp;
    }
}

when! {
    /// Whether one of both functions below is about a sysctl of the module's. Any context.
    pub(crate) fn is_own(request: &Request = 0) {
        is_own_sysctl(request)
    }
}

wrap! {
    /// Wraps `fs/proc/proc_sysctl.c: proc_sys_read`, of a sysctl of the module's. Sleeps for as long as user space likes;
    /// the module is kept meanwhile. One that goes has no sysctls any more.
    fn proc_sys_read(request: *mut kiocb, to: *mut iov_iter) -> isize, original => {
        with_module(original)
    }

    /// Wraps `proc_sys_write`, in the same way. Of a table for admins, whoever has opened it must be one as well as whoever writes: the text
    /// may be the output of a program that was given the file.
    fn proc_sys_write(request: &Request, from: *mut iov_iter) -> isize, original => {
        with_module(|| {
            if is_for_admins(request) && !is_opened_by_admin(request) {
                return EPERM.to_errno() as isize;
            }
            original()
        })
    }
}

/// `f`, with a reference to the module.
#[inline]
fn with_module(f: impl FnOnce() -> isize) -> isize {
    match Loaded::get() {
        Some(_loaded) => f(),
        None => ENOENT.to_errno() as isize,
    }
}

/// A handler, by the rule for an [`Access`] from a namespace.
macro_rules! handler {
    ($(#[$meta:meta])* $name:ident, $rule:path) => {
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// The kernel's. May sleep.
        unsafe extern "C" fn $name(
            table: *const $crate::bindings::ctl_table,
            write: ::kernel::ffi::c_int,
            buffer: *mut ::kernel::ffi::c_void,
            length: *mut usize,
            position: *mut $crate::bindings::loff_t,
        ) -> ::kernel::ffi::c_int {
            // SAFETY: The caller's promise.
            let access = unsafe { $crate::sysctl::Access::new(table, write, buffer, length, position) };
            $rule(&access, $crate::task::Current::get().active_ns())
        }
    };
}
pub(crate) use handler;
