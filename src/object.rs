// SPDX-License-Identifier: GPL-2.0

//! The kernel's structures, as Rust sees them.
//!
//! A reference to an [`Object`] says that the structure is valid for as long as the reference: somebody holds
//! it, or RCU or a lock keeps it. It says nothing about who else reads and writes it meanwhile; how each field
//! may be read is written down where the field is listed ([`fields`]).

use crate::bindings;
pub(crate) use crate::edge::{
    FromC,
    IntoC, //
};
use core::{
    cell::Cell,
    ptr,
    sync::atomic::{
        AtomicI64,
        AtomicPtr,
        AtomicUsize, //
    }, //
};
use kernel::sync::{
    rcu,
    Refcount, //
};

/// A thin wrapper of a structure of the kernel's.
///
/// # Safety
///
/// It must be laid out as `C`, or as what stands at its beginning, and may change behind a shared reference: as if it were
/// transparent over an `Opaque` of `C`.
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
    /// It must be valid, and what the type says of it must hold, for as long as the reference is used.
    #[inline(always)]
    unsafe fn from_ptr<'a>(ptr: *const Self::C) -> &'a Self {
        // SAFETY: The caller's promise; the types are the same but in name.
        unsafe { &*ptr.cast() }
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
    /// The registers at the entry of a hooked function, with its arguments.
    Registers(bindings::ftrace_regs);
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

// SAFETY: It is laid out as that, and has interior mutability.
unsafe impl Object for AtomicUsize {
    type C = [usize; 1];
}

// SAFETY: It is laid out as that, and has interior mutability.
unsafe impl<T> Object for AtomicPtr<T> {
    type C = *mut T;
}

// SAFETY: It is laid out as that, and has interior mutability: nobody else writes there for as long as the reference.
unsafe impl<T> Object for Cell<T> {
    type C = T;
}

impl<'a, T: Object> FromC for &'a T {
    type C = *mut T::C;

    #[inline(always)]
    unsafe fn from_c(c: *mut T::C) -> &'a T {
        // SAFETY: The caller's promise.
        unsafe { T::from_ptr(c) }
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

/// Fields of an object, and how each may be read:
///
/// * `fixed`: nobody changes it while somebody else may see the object;
/// * `once`: others change it at any time, so each read finds one of its values (`READ_ONCE`);
/// * `shared`, `once_shared`: as `fixed` and `once`; in C it points to what is constant;
/// * `part`: it is a structure of its own, of which this is the address.
///
/// The object keeps what a field points to, if that does not have a lifetime of its own: then RCU does, or what the
/// table says that it goes `by`, and the reader shows that ([`RcuReader`]). One may be null if its type says so.
///
/// `*pointer, field` is a field of what a field of the object points to, which the object keeps. The index of one in
/// an array may be an argument. What derefs to an object has fields, too: those that may be read by whoever has it.
macro_rules! fields {
    ($object:ty { $($rows:tt)* }) => {
        $crate::object::fields! { $object, by impl $crate::object::RcuReader { $($rows)* } }
    };
    ($object:ty, by $keeper:ty { $(
        $(#[$meta:meta])*
        $kind:ident $name:ident $(<$kept:lifetime>)? $(($argument:ident: $argument_type:ty))?: $type:ty
            = $(*$pointer:ident,)? $($path:ident).+ $([$index:expr] $(.$rest:ident)*)?;
    )* }) => {
        #[allow(dead_code, reason = "not every mode reads every field")]
        impl $object {
            $(
                $(#[$meta])*
                #[inline(always)]
                pub(crate) fn $name $(<$kept>)? (
                    &self
                    $(, $argument: $argument_type)?
                    $(, _keeper: &$kept $keeper)?
                ) -> $type {
                    use $crate::object::Object as _;
                    // SAFETY: A reference says that the object is valid, and so is what it keeps; the kind says how the
                    // field is read. What that points to is kept by the object, or by what the reader shows.
                    unsafe {
                        $crate::edge::FromC::from_c(
                            $crate::object::read_field!(
                                $kind,
                                (*$crate::object::follow!((self.as_ptr()) $($pointer)?)).$($path).+
                                    $([$index] $(.$rest)*)?
                            )
                        )
                    }
                }
            )*
        }
    };
}

/// For [`fields`]: an object's address, or what a field of it points to.
macro_rules! follow {
    (($object:expr)) => {
        $object
    };
    (($object:expr) $pointer:ident) => {
        (*$object).$pointer
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
pub(crate) use {fields, follow, objects, read_field};

/// Evidence that no RCU grace period ends for as long as it is borrowed.
///
/// # Safety
///
/// It must be so.
pub(crate) unsafe trait RcuReader {}

// SAFETY: Whoever has it is between `rcu_read_lock` and `rcu_read_unlock`.
unsafe impl RcuReader for rcu::Guard {}

/// Fields of an object that may have any value of their types, and are read `once`: each write is at once, too
/// (`WRITE_ONCE`). What is written `under` a lock wants the token of that.
macro_rules! setters {
    ($object:ident { $($visibility:vis $name:ident($type:ty $(, under $lock:ty)?) = $($path:ident).+;)* }) => {
        #[allow(dead_code, reason = "not every mode writes every field")]
        impl $object {
            $(
                #[inline(always)]
                $visibility fn $name(&self, value: $type $(, _lock: &mut $lock)?) {
                    use $crate::object::Object as _;
                    let value = $crate::edge::IntoC::into_c(value);
                    // SAFETY: A reference says that the object is valid, and any value will do.
                    unsafe {
                        (&raw mut (*self.as_ptr()).$($path).+).write_volatile(value);
                    }
                }
            )*
        }
    };
}
pub(crate) use setters;

/// Objects, and references to them, that the kernel passes by a part of theirs: what is named first stands for the part
/// as an argument ([`FromC`]), and has the rest as its only field. A part `as` something else is that part's place, in
/// which the kernel's part lies.
#[allow(unused_macros, reason = "supply mode's")]
macro_rules! by_part {
    ($(
        $(#[$meta:meta])*
        $visibility:vis $name:ident $(<$lifetime:lifetime>)? ($inner:ty)
            = $c:ty, $field:ident $(as $place:ident . $in_place:ident)?: $part:ty;
    )*) => {$(
        $(#[$meta])*
        $visibility struct $name $(<$lifetime>)? ($visibility $inner);

        impl $(<$lifetime>)? $crate::edge::FromC for $name $(<$lifetime>)? {
            type C = *mut $part;

            #[inline(always)]
            unsafe fn from_c(part: *mut $part) -> Self {
                // SAFETY: The caller's promise: it is a part of one.
                unsafe {
                    $(
                        let part: *mut ::kernel::types::Opaque<$part> = part.cast();
                        let place: *mut $place = ::kernel::container_of!(part, $place, $in_place);
                        let part: *mut <$place as $crate::object::Object>::C = place.cast();
                    )?
                    let whole: *mut $c = ::kernel::container_of!(part, $c, $field);
                    Self($crate::edge::FromC::from_c(whole.cast()))
                }
            }
        }
    )*};
}
#[allow(unused_imports, reason = "supply mode's")]
pub(crate) use by_part;
