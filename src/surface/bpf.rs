// SPDX-License-Identifier: GPL-2.0

//! bpf iterators over tasks walk the namespace of their opener (`kernel/bpf/task_iter.c`).

use crate::{
    bindings::bpf_iter_aux_info,
    hook::wrap,
    module::Inside,
    namespace::{
        holder,
        Holder, //
    },
};
use kernel::prelude::*;

wrap! {
    /// Wraps `init_seq_pidns`: `data` is a new iterator's. May sleep.
    fn init_seq_pidns(data: *mut c_void, aux: *mut bpf_iter_aux_info) -> c_int, original => {
        let _inside = Inside::enter();
        let holder = match Holder::of_current() {
            Ok(holder) => holder,
            Err(error) => return error.to_errno(),
        };
        let result = original();
        if result == 0 {
            holder.hold(data);
        }
        result
    }

    /// Wraps `fini_seq_pidns`: the iterator that `data` belongs to is going.
    fn fini_seq_pidns(data: *mut c_void), original => {
        let _inside = Inside::enter();
        let held = holder::take(data);
        original();
        drop(held);
    }
}
