// SPDX-License-Identifier: GPL-2.0

//! The mount option `pidns=` of procfs (`fs/proc/root.c: proc_parse_pidns_param`).

use crate::{
    bindings::{
        self,
        fs_parameter,
        fs_parameter_spec,
        fs_parse_result,
        pid_namespace, //
    },
    edge::FromC,
    held::Held,
    hook::wrap_kept,
    imports::kernel_fn,
    namespace::{
        operations::is_admin,
        Reference, //
    },
    object::{
        objects,
        File,
        FsContext,
        Object,
        PidNs,
        UserNs, //
    },
    task::Current,
};
use core::{
    ffi::CStr,
    mem,
    ptr, //
};
use kernel::prelude::*;

objects! {
    /// An option of a mount, which the current task may change.
    Parameter(fs_parameter);
}

wrap_kept! {
    /// Wraps `proc_parse_param`, which refuses the option. `context` is the current task's to change. May sleep.
    fn proc_parse_param(context: &FsContext, parameter: &Parameter) -> c_int, original => {
        match parameter.parse(context) {
            0 => match set(context, parameter) {
                Ok(()) => 0,
                Err(refusal) => refusal.tell(context),
            },
            NOT_OURS => original(),
            error => error,
        }
    }
}

const NOT_OURS: c_int = -(bindings::ENOPARAM as c_int);

/// What the caller is told, and its errno.
struct Refusal(&'static CStr, Error);

impl Refusal {
    fn tell(&self, context: &FsContext) -> c_int {
        // SAFETY: The context is the current task's; the text has no conversions.
        unsafe {
            let log = &(*context.as_ptr()).log;
            bindings::logfc(log.log, log.prefix, b'e', self.0.as_char_ptr());
        }
        self.1.to_errno()
    }
}

impl Parameter {
    /// 0 if it is `pidns=` and a file or a string, [`NOT_OURS`] if it is another.
    fn parse(&self, context: &FsContext) -> c_int {
        let options = [
            fs_parameter_spec {
                name: c"pidns".to_bytes_with_nul().as_ptr(),
                type_: Some(bindings::fs_param_is_file_or_string),
                ..Default::default()
            },
            fs_parameter_spec::default(),
        ];
        let mut parsed = fs_parse_result::default();
        // SAFETY: Both are the current task's; the list ends with an empty entry.
        unsafe {
            let log = &raw mut (*context.as_ptr()).log;
            bindings::__fs_parse(log, options.as_ptr(), self.as_ptr(), &mut parsed)
        }
    }

    /// The file that it is or names.
    ///
    /// # Errors
    ///
    /// `EBADF` if it is one that is gone; those of opening one.
    fn file(&self) -> Result<Held<File>> {
        // SAFETY: The value is a string or, taken out so that it is ours, a file: its type says which.
        unsafe {
            let is_string = (*self.as_ptr()).type_() == bindings::fs_value_type_fs_value_is_string;
            let value = &mut (*self.as_ptr()).__bindgen_anon_1;
            if is_string {
                return kernel_fn::filp_open(CStr::from_char_ptr(value.string), 0, 0);
            }
            let file = ptr::replace(&raw mut value.file, ptr::null_mut());
            Option::<Held<File>>::from_c(file).ok_or(EBADF)
        }
    }
}

impl FsContext {
    /// Whether it changes a mount that is there.
    fn is_remount(&self) -> bool {
        // SAFETY: The context is the current task's.
        let purpose = unsafe { (*self.as_ptr()).purpose() };
        purpose == bindings::fs_context_purpose_FS_CONTEXT_FOR_RECONFIGURE
    }
}

fn set(context: &FsContext, parameter: &Parameter) -> Result<(), Refusal> {
    if context.is_remount() {
        return Err(Refusal(
            c"cannot reconfigure pidns for existing procfs",
            EBUSY,
        ));
    }
    // It holds the namespace until the context does.
    let file = parameter
        .file()
        .map_err(|error| Refusal(c"could not get file from pidns argument", error))?;
    let common = file
        .ns()
        .ok_or(Refusal(c"pidns argument is not an nsfs file", EINVAL))?;
    let ns = common
        .pid_ns()
        .ok_or(Refusal(c"pidns argument is not a pidns file", EINVAL))?;
    if !is_admin(ns.user_ns()) {
        return Err(Refusal(c"insufficient permissions to set pidns", EPERM));
    }
    if !ns.is_within(Current::get().active_ns()) {
        return Err(Refusal(c"cannot set pidns to non-descendant pidns", EINVAL));
    }
    show(context, ns);
    Ok(())
}

/// Has the mount show `ns`.
fn show(context: &FsContext, ns: &PidNs) {
    let (new, owner) = (Reference::get(ns), kernel_fn::get_user_ns(ns.user_ns()));
    // SAFETY: The context is the current task's, and keeps its namespace and its owner. `struct proc_fs_context` is private
    // to its file; it begins with the namespace.
    unsafe {
        let context = context.as_ptr();
        let shown = (*context).fs_private.cast::<*mut pid_namespace>();
        drop(Reference::from_raw(ptr::replace(shown, new.into_raw())));
        let owner = mem::replace(&mut (*context).user_ns, owner.into_raw().cast());
        drop(Held::<UserNs>::from_c(owner));
    }
}
