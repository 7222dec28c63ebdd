// SPDX-License-Identifier: GPL-2.0

//! The kernel's structures, as Rust sees them.
//!
//! A reference to an [`Object`] says that the structure is valid for as long as the reference: somebody holds
//! it, or RCU or a lock keeps it. It says nothing about who else reads and writes it meanwhile; how each field
//! may be read is written down where the field is listed ([`fields`]).

use crate::bindings;
use core::{
    ffi::CStr,
    ptr,
    sync::atomic::AtomicI64, //
};
use kernel::{
    error::from_err_ptr,
    prelude::*,
    sync::{
        rcu,
        Refcount, //
    },
};

/// A thin wrapper of a structure of the kernel's.
///
/// # Safety
///
/// It must be transparent over an `Opaque` of `C`.
pub(crate) unsafe trait Object: Sized {
    /// The structure.
    type C;

    /// The structure's address.
    #[inline(always)]
    fn as_ptr(&self) -> *mut Self::C {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// The wrapper of what `ptr` points to.
    ///
    /// # Safety
    ///
    /// It must be valid for as long as the reference is used.
    #[inline(always)]
    unsafe fn from_ptr<'a>(ptr: *const Self::C) -> &'a Self {
        // SAFETY: The caller's promise; the types are the same but in name.
        unsafe { &*ptr.cast() }
    }

    /// The same, of a pointer that may be null.
    ///
    /// # Safety
    ///
    /// As for [`Object::from_ptr`], if it is not null.
    #[inline(always)]
    unsafe fn from_nullable<'a>(ptr: *const Self::C) -> Option<&'a Self> {
        // SAFETY: The caller's promise; the types are the same but in name.
        unsafe { ptr.cast::<Self>().as_ref() }
    }

    /// Whether both are the same structure.
    #[inline(always)]
    fn is(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

/// Wrappers, each of the structure that is named beside it.
macro_rules! objects {
    ($($(#[$meta:meta])* $name:ident($c:ty);)*) => {$(
        $(#[$meta])*
        #[allow(dead_code, reason = "not every mode meets all")]
        #[repr(transparent)]
        pub(crate) struct $name(::kernel::types::Opaque<$c>);

        // SAFETY: It is.
        unsafe impl $crate::object::Object for $name {
            type C = $c;
        }
    )*};
}

objects! {
    /// A pid namespace.
    PidNs(bindings::pid_namespace);
    /// A `struct pid`: a chain of numbers, one for each level.
    Pid(bindings::pid);
    /// A task.
    Task(bindings::task_struct);
    /// A namespace of users.
    UserNs(bindings::user_namespace);
    /// The part of a namespace that all kinds of namespaces have.
    NsCommon(bindings::ns_common);
    /// The namespaces that a task has.
    NsProxy(bindings::nsproxy);
    /// A namespace of mounts.
    MntNs(bindings::mnt_namespace);
    /// Rights that no task has yet.
    NewCred(bindings::cred);
    /// Where a task is in the tree of files.
    FsStruct(bindings::fs_struct);
    /// A place in the tree of files.
    Path(bindings::path);
    /// An open file.
    File(bindings::file);
    /// An inode.
    Inode(bindings::inode);
    /// An inode that is nobody's any more, and about to be freed.
    GoneInode(bindings::inode);
    /// An inode of procfs.
    ProcInode(bindings::inode);
    /// A name in the cache of names.
    Dentry(bindings::dentry);
    /// Where the reader of a directory is.
    DirContext(bindings::dir_context);
    /// A mounted file system.
    SuperBlock(bindings::super_block);
    /// A mount in the making.
    FsContext(bindings::fs_context);
    /// A file that is read as a sequence of records.
    SeqFile(bindings::seq_file);
    /// A connection to a FUSE server.
    FuseConn(bindings::fuse_conn);
    /// A number of a pid in one namespace.
    Upid(bindings::upid);
    /// What the threads of a process share of signals.
    SignalStruct(bindings::signal_struct);
    /// The namespaces that a task will have.
    NsSet(bindings::nsset);
    /// The rights of a task.
    Cred(bindings::cred);
    /// What is told of a signal.
    Siginfo(bindings::kernel_siginfo);
    /// A tracepoint.
    Tracepoint(bindings::tracepoint);
}

// SAFETY: It is.
unsafe impl Object for Refcount {
    type C = bindings::refcount_t;
}

// SAFETY: It is laid out as that, and has interior mutability.
unsafe impl Object for AtomicI64 {
    type C = i64;
}

/// What the kernel passes to a function, as that sees it.
pub(crate) trait FromC: Sized {
    /// The type in C.
    type C;

    /// The value.
    ///
    /// # Safety
    ///
    /// A pointer that becomes a reference must be valid for as long as that is used.
    unsafe fn from_c(c: Self::C) -> Self;
}

/// What is passed to a function of the kernel's.
pub(crate) trait IntoC {
    /// The type in C.
    type C;

    /// The value.
    fn into_c(self) -> Self::C;
}

impl<'a, T: Object> FromC for &'a T {
    type C = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(c: *mut T::C) -> &'a T {
        // SAFETY: The caller's promise.
        unsafe { T::from_ptr(c) }
    }
}

impl<'a, T: Object> FromC for Option<&'a T> {
    type C = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(c: *mut T::C) -> Option<&'a T> {
        // SAFETY: The caller's promise.
        unsafe { T::from_nullable(c) }
    }
}

impl<'a, T: Object> FromC for Result<&'a T> {
    type C = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(c: *mut T::C) -> Result<&'a T> {
        // SAFETY: The caller's promise.
        from_err_ptr(c).map(|c| unsafe { T::from_ptr(c) })
    }
}

/// What a caller of the kernel's has it pass on to one of our functions.
pub(crate) struct Passed<'a, T>(pub(crate) &'a T);

impl<T> FromC for Passed<'_, T> {
    type C = *mut c_void;

    #[inline(always)]
    unsafe fn from_c(c: *mut c_void) -> Self {
        // SAFETY: The caller's promise.
        Self(unsafe { &*c.cast() })
    }
}

impl<T: Object> IntoC for &T {
    type C = *mut T::C;

    #[inline(always)]
    fn into_c(self) -> *mut T::C {
        self.as_ptr()
    }
}

impl<T: Object> IntoC for Option<&T> {
    type C = *mut T::C;

    #[inline(always)]
    fn into_c(self) -> *mut T::C {
        self.map_or(ptr::null_mut(), T::as_ptr)
    }
}

/// As which type a task has a pid.
#[allow(dead_code, reason = "not every mode asks for all")]
#[derive(Clone, Copy)]
pub(crate) enum PidType {
    /// Its own.
    Pid,
    /// Its process's.
    Tgid,
    /// Its process group's.
    Pgid,
    /// Its session's.
    Sid,
}

impl IntoC for PidType {
    type C = bindings::pid_type;

    #[inline(always)]
    fn into_c(self) -> bindings::pid_type {
        match self {
            Self::Pid => bindings::pid_type_PIDTYPE_PID,
            Self::Tgid => bindings::pid_type_PIDTYPE_TGID,
            Self::Pgid => bindings::pid_type_PIDTYPE_PGID,
            Self::Sid => bindings::pid_type_PIDTYPE_SID,
        }
    }
}

impl IntoC for &CStr {
    type C = *const c_char;

    #[inline(always)]
    fn into_c(self) -> *const c_char {
        self.as_char_ptr()
    }
}

/// Values that are the same on both sides.
macro_rules! plain {
    ($($type:ty $(, for $generic:ident)?;)*) => {$(
        impl$(<$generic>)? FromC for $type {
            type C = Self;

            #[inline(always)]
            unsafe fn from_c(c: Self) -> Self {
                c
            }
        }

        impl$(<$generic>)? IntoC for $type {
            type C = Self;

            #[inline(always)]
            fn into_c(self) -> Self {
                self
            }
        }
    )*};
}

plain! {
    ();
    bindings::kuid_t;
    bool;
    u8;
    u16;
    i32;
    u32;
    i64;
    u64;
    isize;
    usize;
    [u8; bindings::TASK_COMM_LEN as usize];
    *mut T, for T;
    *const T, for T;
    Option<unsafe extern "C" fn(*mut bindings::perf_event, *mut bindings::perf_sample_data, *mut bindings::pt_regs)>;
}

/// Fields of an object, and how each may be read:
///
/// * `fixed`: nobody changes it while somebody else may see the object;
/// * `once`: others change it at any time, so each read finds one of its values (`READ_ONCE`);
/// * `shared`, `once_shared`: as `fixed` and `once`; in C it points to what is constant;
/// * `part`: it is a structure of its own, of which this is the address.
macro_rules! fields {
    ($object:ident { $($(#[$meta:meta])* $kind:ident $name:ident: $type:ty = $($path:ident).+;)* }) => {
        #[allow(dead_code, reason = "not every mode reads every field")]
        impl $object {
            $(
                $(#[$meta])*
                #[inline(always)]
                pub(crate) fn $name(&self) -> $type {
                    // SAFETY: A reference says that the object is valid; the kind says how the field is read. What
                    // it points to is kept by the object.
                    unsafe {
                        $crate::object::FromC::from_c(
                            $crate::object::read_field!($kind, (*$crate::object::Object::as_ptr(self)).$($path).+)
                        )
                    }
                }
            )*
        }
    };
}

/// For [`fields`].
macro_rules! read_field {
    (fixed, $place:expr) => {
        $place
    };
    (shared, $place:expr) => {
        $place.cast_mut()
    };
    (once, $place:expr) => {
        (&raw const $place).read_volatile()
    };
    (once_shared, $place:expr) => {
        (&raw const $place).read_volatile().cast_mut()
    };
    (part, $place:expr) => {
        &raw mut $place
    };
}
#[cfg(not(CONFIG_PID_NS))]
pub(crate) use objects;
pub(crate) use {fields, read_field};

/// Evidence that no RCU grace period ends for as long as it is borrowed.
///
/// # Safety
///
/// It must be so.
pub(crate) unsafe trait RcuReader {}

// SAFETY: Whoever has it is between `rcu_read_lock` and `rcu_read_unlock`.
unsafe impl RcuReader for rcu::Guard {}

/// Fields of an object that point to others, each of which is freed an RCU grace period after the field has changed. One
/// may be null if its type says so. The kinds are those of [`fields`].
macro_rules! rcu_fields {
    ($object:ident { $($(#[$meta:meta])* $kind:ident $name:ident: $type:ty = $($path:ident).+;)* }) => {
        #[allow(dead_code, reason = "not every mode reads every field")]
        impl $object {
            $(
                $(#[$meta])*
                #[inline(always)]
                pub(crate) fn $name<'rcu>(&self, _rcu: &'rcu impl $crate::object::RcuReader) -> $type {
                    // SAFETY: A reference says that the object is valid, and RCU keeps what it points to.
                    unsafe {
                        $crate::object::FromC::from_c(
                            $crate::object::read_field!($kind, (*$crate::object::Object::as_ptr(self)).$($path).+)
                        )
                    }
                }
            )*
        }
    };
}
pub(crate) use rcu_fields;

/// Fields of an object that may have any value of their types, and are read `once`: each write is at once, too
/// (`WRITE_ONCE`). What is written `under` a lock wants the token of that.
#[allow(unused_macros, reason = "supply mode's")]
macro_rules! setters {
    ($object:ident { $($visibility:vis $name:ident($type:ty $(, under $lock:ty)?) = $($path:ident).+;)* }) => {
        #[allow(dead_code, reason = "not every mode writes every field")]
        impl $object {
            $(
                #[inline(always)]
                $visibility fn $name(&self, value: $type $(, _lock: &mut $lock)?) {
                    // SAFETY: A reference says that the object is valid, and any value will do.
                    unsafe {
                        (&raw mut (*$crate::object::Object::as_ptr(self)).$($path).+).write_volatile(value);
                    }
                }
            )*
        }
    };
}
#[allow(unused_imports, reason = "supply mode's")]
pub(crate) use setters;

/// Objects, and references to them, that the kernel passes by a part of theirs: what is named first stands for the part
/// as an argument ([`FromC`]), and has the rest as its only field.
#[allow(unused_macros, reason = "supply mode's")]
macro_rules! by_part {
    ($(
        $(#[$meta:meta])*
        $visibility:vis $name:ident $(<$lifetime:lifetime>)? ($inner:ty) = $c:ty, $field:ident: $part:ty;
    )*) => {$(
        $(#[$meta])*
        $visibility struct $name $(<$lifetime>)? ($visibility $inner);

        impl $(<$lifetime>)? $crate::object::FromC for $name $(<$lifetime>)? {
            type C = *mut $part;

            #[inline(always)]
            unsafe fn from_c(part: *mut $part) -> Self {
                // SAFETY: The caller's promise: it is a part of one.
                unsafe {
                    let whole: *mut $c = ::kernel::container_of!(part, $c, $field);
                    Self($crate::object::FromC::from_c(whole.cast()))
                }
            }
        }
    )*};
}
#[allow(unused_imports, reason = "supply mode's")]
pub(crate) use by_part;
