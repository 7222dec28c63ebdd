// SPDX-License-Identifier: GPL-2.0

//! Queues of pending signals.

use super::{
    protected::{
        Linked,
        ReadOnly, //
    },
    sigset::Sigset,
    verdict, //
};
use crate::{
    bindings::{
        self,
        kernel_siginfo,
        list_head,
        sigpending,
        sigqueue,
        sigset_t, //
    },
    edge::exports,
    imports::{
        cache_alloc,
        SIGQUEUE_CACHE, //
    },
    object::{
        fields,
        setters,
        Object, //
    },
};
use core::{
    cell::Cell,
    mem::offset_of, //
};
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// The pending signals of a thread, or of a process.
#[repr(transparent)]
pub(crate) struct Queue(Opaque<sigpending>);

// SAFETY: It is.
unsafe impl Object for Queue {
    type C = sigpending;
}

fields! {
    Queue {
        /// The signals that are pending.
        part signals: &Cell<sigset_t> = signal;
        /// The head of the entries.
        part head: &ReadOnly<list_head> = list;
    }
}

/// What a queue says of one of its signals, which may have several, or none.
#[repr(transparent)]
pub(crate) struct Entry(Opaque<sigqueue>);

// SAFETY: It is.
unsafe impl Object for Entry {
    type C = sigqueue;
}

// SAFETY: That is its link in a queue.
unsafe impl Linked for Entry {
    const LINK: usize = offset_of!(sigqueue, list);
}

fields! {
    Entry {
        /// Bit 0 is the kernel's.
        fixed flags: c_int = flags;
        /// The signal.
        fixed signo: c_int = info.__bindgen_anon_1.si_signo;
        /// Where that comes from.
        fixed code: c_int = info.__bindgen_anon_1.si_code;
    }
}

setters! {
    Entry {
        set_flags(c_int) = flags;
    }
}

/// The bits of an entry's flags that the kernel does not use, and lets be.
pub(super) const MARKS: c_int = 3 << 29;

impl Entry {
    /// Those of [`MARKS`] that it has.
    #[inline(always)]
    pub(super) fn marks(&self) -> c_int {
        self.flags() & MARKS
    }

    /// Gives it those of [`MARKS`] that are in `marks`, and no others.
    pub(super) fn set_marks(&self, marks: c_int) {
        self.set_flags(self.flags() & !MARKS | marks & MARKS);
    }

    /// Whether it is a timer's: it lives on when its signal is taken.
    pub(super) fn is_of_timer(&self) -> bool {
        self.flags() & bindings::SIGQUEUE_PREALLOC as c_int != 0
    }

    /// Whether its marks are there until its signal is taken, and are looked at then: it is no timer's, nor one that
    /// `kernel/signal.c: dequeue_synchronous_signal` takes.
    pub(super) fn keeps_marks(&self) -> bool {
        let is_fault = verdict::is_synchronous(self.signo()) && self.code() > 0;
        !self.is_of_timer() && !is_fault
    }
}

exports! {
    // The signal in a queue that somebody who blocks what is in `mask` takes next; 0 if there is none.
    next_signal(queue: &Queue, mask: &Cell<sigset_t>) -> c_int = __SCT__pidns_next_signal;
}

impl Queue {
    /// Adds `sig` with an entry that has these of [`MARKS`], for which no user is charged. Does nothing without memory.
    /// Never sleeps.
    pub(super) fn add(&self, sig: c_int, info: kernel_siginfo, marks: c_int) {
        let (head, last) = (self.head().as_ptr(), self.head().get().prev);
        // SAFETY: The cache is the one that the kernel returns entries to, and an entry that no user is charged for
        // has no `ucounts`. Head and last element are links, which the lock protects.
        unsafe {
            let entry = cache_alloc(*SIGQUEUE_CACHE.get(), bindings::GFP_ATOMIC).cast::<sigqueue>();
            if entry.is_null() {
                return;
            }
            entry.write(sigqueue {
                list: list_head {
                    next: head,
                    prev: last,
                },
                flags: marks & MARKS,
                info,
                ..sigqueue::default()
            });
            (*last).next = &raw mut (*entry).list;
            (*head).prev = &raw mut (*entry).list;
        }
        self.signals().add(sig);
    }
}
