// SPDX-License-Identifier: GPL-2.0

//! bpf iterators over tasks walk the namespace of their opener (`kernel/bpf/task_iter.c`).

use crate::{
    bindings::bpf_iter_aux_info,
    hook::{original, Inside},
    namespace::{holder, Holder},
};
use kernel::prelude::*;

/// Wraps `init_seq_pidns`.
///
/// # Safety
///
/// The kernel's: `data` is a new iterator's. May sleep.
pub(crate) unsafe extern "C" fn init_seq_pidns(
    data: *mut c_void,
    aux: *mut bpf_iter_aux_info,
) -> c_int {
    let _inside = Inside::enter();
    let holder = match Holder::of_current() {
        Ok(holder) => holder,
        Err(error) => return error.to_errno(),
    };
    // SAFETY: The caller's promise.
    let result = unsafe { original::init_seq_pidns(data, aux) };
    if result == 0 {
        holder.hold(data);
    }
    result
}

/// Wraps `fini_seq_pidns`.
///
/// # Safety
///
/// The kernel's: the iterator that `data` belongs to is going.
pub(crate) unsafe extern "C" fn fini_seq_pidns(data: *mut c_void) {
    let _inside = Inside::enter();
    let held = holder::take(data);
    // SAFETY: The caller's promise.
    unsafe { original::fini_seq_pidns(data) };
    drop(held);
}
