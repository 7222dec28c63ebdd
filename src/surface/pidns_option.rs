// SPDX-License-Identifier: GPL-2.0

//! The mount option `pidns=` of procfs (`fs/proc/root.c: proc_parse_pidns_param`).

use crate::{
    bindings::{self, fs_context, fs_parameter, fs_parameter_spec, fs_parse_result, pid_namespace},
    compat,
    hook::{kernel_fn, original, Guest},
    namespace::{
        holder,
        operations::{is_admin, is_ancestor, of_common},
        Holder,
    },
    pid::current_ns,
    surface::file::File,
};
use core::{ffi::CStr, ptr};
use kernel::prelude::*;

/// Wraps `proc_parse_param`, which refuses the option.
///
/// # Safety
///
/// The kernel's: `context` is the current task's to change, `parameter` too. May sleep.
pub(crate) unsafe extern "C" fn proc_parse_param(
    context: *mut fs_context,
    parameter: *mut fs_parameter,
) -> c_int {
    let _guest = Guest::enter();
    let options = [
        fs_parameter_spec {
            name: c"pidns".to_bytes_with_nul().as_ptr(),
            type_: Some(bindings::fs_param_is_file_or_string),
            ..Default::default()
        },
        fs_parameter_spec::default(),
    ];
    let mut parsed = fs_parse_result::default();
    // SAFETY: The caller's promise; the list ends with an empty entry.
    unsafe {
        let log = &raw mut (*context).log;
        match bindings::__fs_parse(log, options.as_ptr(), parameter, &mut parsed) {
            0 => match set(context, parameter) {
                Ok(()) => 0,
                Err(refusal) => refusal.tell(context),
            },
            NOT_OURS => original::proc_parse_param(context, parameter),
            error => error,
        }
    }
}

const NOT_OURS: c_int = -(bindings::ENOPARAM as c_int);

/// What the caller is told, and its errno.
struct Refusal(&'static CStr, Error);

impl Refusal {
    /// # Safety
    ///
    /// `context` must be the current task's.
    unsafe fn tell(&self, context: *mut fs_context) -> c_int {
        // SAFETY: The caller's promise; the text has no conversions.
        unsafe {
            let log = &(*context).log;
            bindings::logfc(log.log, log.prefix, b'e', self.0.as_char_ptr());
        }
        self.1.to_errno()
    }
}

/// # Safety
///
/// `context` and `parameter` must be the current task's to change; the parameter's value is a file
/// or a string.
unsafe fn set(context: *mut fs_context, parameter: *mut fs_parameter) -> Result<(), Refusal> {
    // SAFETY: The caller's promise. `file` holds the namespace until the context does.
    unsafe {
        if (*context).purpose() == bindings::fs_context_purpose_FS_CONTEXT_FOR_RECONFIGURE {
            return Err(Refusal(
                c"cannot reconfigure pidns for existing procfs",
                EBUSY,
            ));
        }
        let no_file = |error| Refusal(c"could not get file from pidns argument", error);
        let file = File::from_raw(file_of(parameter)).map_err(no_file)?;
        if !kernel_fn::proc_ns_file(file.as_ptr()) {
            return Err(Refusal(c"pidns argument is not an nsfs file", EINVAL));
        }
        let common: *mut bindings::ns_common = (*(*file.as_ptr()).f_inode).i_private.cast();
        if (*common).ns_type != bindings::CLONE_NEWPID {
            return Err(Refusal(c"pidns argument is not a pidns file", EINVAL));
        }
        let ns = of_common(common);
        if !is_admin((*ns).user_ns) {
            return Err(Refusal(c"insufficient permissions to set pidns", EPERM));
        }
        if !is_ancestor(ns, current_ns()) {
            return Err(Refusal(c"cannot set pidns to non-descendant pidns", EINVAL));
        }
        show(context, ns).map_err(|error| Refusal(c"cannot set pidns", error))
    }
}

/// The file that the parameter is or names: the caller's to put, or an error.
///
/// # Safety
///
/// As above.
unsafe fn file_of(parameter: *mut fs_parameter) -> *mut bindings::file {
    // SAFETY: The caller's promise.
    unsafe {
        if (*parameter).type_() == bindings::fs_value_type_fs_value_is_string {
            return bindings::filp_open((*parameter).__bindgen_anon_1.string, 0, 0);
        }
        let file = ptr::replace(&raw mut (*parameter).__bindgen_anon_1.file, ptr::null_mut());
        if file.is_null() {
            return EBADF.to_ptr();
        }
        file
    }
}

/// Has the mount show `ns`.
///
/// # Errors
///
/// `ENOMEM`; `EOPNOTSUPP` if the context is not made as it was in the kernel that is known.
///
/// # Safety
///
/// `context` must be the current task's to change, a context of procfs, and `ns` held.
unsafe fn show(context: *mut fs_context, ns: *mut pid_namespace) -> Result {
    // SAFETY: The caller's promise. `struct proc_fs_context` is private to its file; it begins with
    // its namespace, which this makes sure of.
    unsafe {
        let shown = (*context).fs_private.cast::<*mut pid_namespace>();
        let new = Holder::of(ns)?;
        let old = holder::take(context);
        if *shown != old.namespace() {
            old.hold(context);
            return Err(compat::eopnotsupp());
        }
        new.hold(context);
        *shown = ns;
        bindings::pidns_put_user_ns((*context).user_ns.cast());
        bindings::pidns_get_user_ns((*ns).user_ns);
        (*context).user_ns = (*ns).user_ns.cast();
        Ok(())
    }
}
