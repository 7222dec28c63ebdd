// SPDX-License-Identifier: GPL-2.0

//! bpf iterators over tasks walk the namespace of their opener (`kernel/bpf/task_iter.c`).

use crate::{
    bindings::bpf_iter_aux_info,
    edge::exports,
    hook::{
        wrap, //
    },
    namespace::holder::{
        self,
        Going,
        Holder, //
    },
    object::{
        objects,
        PidNs, //
    },
};
use kernel::prelude::*;

objects! {
    /// An iterator over tasks: a `struct bpf_iter_seq_task_common`, which is private to its file.
    TaskIterator(c_void);
}

exports! {
    // The namespace that `init_seq_pidns` wrote down.
    task_iterator_ns(iterator: &TaskIterator) -> Option<&PidNs> = pidns_task_iterator_ns;
}

// SAFETY: It never changes.
unsafe impl Holder for TaskIterator {
    fn ns(&self) -> Option<&PidNs> {
        task_iterator_ns(self)
    }
}

wrap! {
    /// Wraps `init_seq_pidns`: `iterator` is a new one's. Never sleeps.
    fn init_seq_pidns(iterator: &TaskIterator, aux: *mut bpf_iter_aux_info) -> c_int, original => {
        let result = original();
        if result == 0 {
            holder::hold(iterator);
        }
        result
    }

    /// Wraps `fini_seq_pidns`: `iterator` is going. Never sleeps.
    fn fini_seq_pidns(iterator: Going<TaskIterator>), original => {
        original();
    }
}
