// SPDX-License-Identifier: GPL-2.0

//! Where a pending signal came from.
//!
//! A bit in the queue's own entry says it. So it is there for as long as the signal is pending, goes when
//! that is taken or discarded, by whatever path, and nobody but the kernel can write it.
//!
//! Every signal from an ancestor is marked. Of those from inside only a SIGSTOP is, which is pending because a
//! tracer sees it first: all others the kernel itself keeps from an init when they are taken.

use super::{
    siginfo::{
        self,
        Info, //
    },
    siglock::Siglocked,
    sigset,
    verdict::Sender, //
};
use crate::{
    bindings::{
        self,
        list_head,
        pid_type,
        sigpending,
        sigqueue,
        sigset_t, //
    },
    imports::{
        kernel_fn,
        SIGQUEUE_CACHE, //
    },
    object::{
        Object,
        UserNs, //
    },
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    container_of,
    prelude::*, //
};

/// In `sigqueue.flags`, whose bit 0 is the kernel's own: an ancestor sent it.
const OUTSIDE: c_int = 1 << 30;
/// As above: somebody inside sent it.
const INSIDE: c_int = 1 << 29;

/// A queue of pending signals, of a thread or of its process.
pub(super) struct Queue<'a> {
    pending: *mut sigpending,
    /// Whose queue it is: its `siglock` protects it.
    thread: &'a Siglocked<'a>,
}

impl<'a> Queue<'a> {
    /// That to which a signal for `thread` of this type goes.
    #[inline(always)]
    pub(super) fn of(thread: &'a Siglocked<'a>, type_: pid_type) -> Self {
        let t = thread.as_ptr();
        // SAFETY: Addresses of parts of what is valid.
        let pending = unsafe {
            if type_ == bindings::pid_type_PIDTYPE_PID {
                &raw mut (*t).pending
            } else {
                &raw mut (*(*t).signal).shared_pending
            }
        };
        Self { pending, thread }
    }

    /// The signals that are in it.
    #[inline(always)]
    fn set(&self) -> &sigset_t {
        // SAFETY: The lock protects it.
        unsafe { &(*self.pending).signal }
    }

    /// Whether this signal is.
    #[inline(always)]
    pub(super) fn has(&self, sig: c_int) -> bool {
        sigset::has(self.set(), sig)
    }

    /// Its entries, first to last.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries_by(|link| link.next)
    }

    /// The same, last to first: one that was added just now is found at once, however many there are.
    fn entries_backwards(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries_by(|link| link.prev)
    }

    /// `step` returns a link's neighbour.
    #[inline(always)]
    fn entries_by(
        &self,
        step: fn(&list_head) -> *mut list_head,
    ) -> impl Iterator<Item = Entry<'_>> {
        // SAFETY: The lock protects the list; every link but the head is that of an entry.
        unsafe {
            let head = &raw mut (*self.pending).list;
            let mut link = step(&*head);
            core::iter::from_fn(move || {
                if ptr::eq(link, head) {
                    return None;
                }
                let entry = container_of!(link, sigqueue, list);
                link = step(&*link);
                Some(Entry(entry, PhantomData))
            })
        }
    }

    /// Remembers who has sent `sig`, which is pending: an ancestor, or somebody inside. That is, with the entry
    /// that was added for it; or, if it was pending already or there was no room for an entry, with the last that
    /// it has; or with a new one.
    ///
    /// An entry of a timer lives on when its signal is taken, and so is not marked: a signal with such a one
    /// gets another. A signal for which not even that can be allocated loses where it came from together
    /// with its `siginfo`, and counts as from inside.
    ///
    /// `info` is what `sig` was sent with.
    pub(super) fn mark(&self, sig: c_int, info: Info, sender: Sender) {
        let entry = self
            .entries_backwards()
            .find(|entry| !entry.is_timer() && entry.sig() == sig)
            .or_else(|| self.add(sig, info));
        if let Some(entry) = entry {
            let from = match sender {
                Sender::Inside => INSIDE,
                _ => OUTSIDE,
            };
            entry.set_flags(entry.flags() & !(OUTSIDE | INSIDE) | from);
        }
    }

    /// Adds an entry that is not counted against the user's limit: there is at most one such for each signal of
    /// a queue.
    fn add(&self, sig: c_int, info: Info) -> Option<Entry<'_>> {
        let told = info.get().unwrap_or_else(|| {
            let mut told = bindings::kernel_siginfo::default();
            let user = kernel_fn::current_uid();
            // SAFETY: The `siglock` has interrupts off, for which RCU waits: it keeps the credentials.
            let user_ns = unsafe { UserNs::from_ptr(self.thread.user_ns()) };
            siginfo::write(&mut told, sig, kernel_fn::from_kuid_munged(user_ns, user));
            told
        });
        // SAFETY: The cache is the one that the kernel returns entries to, and an entry that no user is charged for has
        // no `ucounts`. The lock protects the list, and the entry is new.
        unsafe {
            let flags = bindings::__GFP_ZERO | bindings::GFP_ATOMIC;
            let entry =
                bindings::kmem_cache_alloc_noprof(*SIGQUEUE_CACHE.get(), flags).cast::<sigqueue>();
            if entry.is_null() {
                return None;
            }
            (*entry).info = told;
            let link = &raw mut (*entry).list;
            let head = &raw mut (*self.pending).list;
            let last = (*head).prev;
            (*link).next = head;
            (*link).prev = last;
            (*last).next = link;
            (*head).prev = link;
            sigset::add(&mut (*self.pending).signal, sig);
            Some(Entry(entry, PhantomData))
        }
    }
}

/// An entry of a queue.
struct Entry<'a>(*mut sigqueue, PhantomData<&'a ()>);

impl Entry<'_> {
    fn sig(&self) -> c_int {
        // SAFETY: It is in its queue, which the lock protects.
        unsafe { (*self.0).info.__bindgen_anon_1.si_signo }
    }

    fn flags(&self) -> c_int {
        // SAFETY: As above.
        unsafe { (*self.0).flags }
    }

    fn set_flags(&self, flags: c_int) {
        // SAFETY: As above.
        unsafe { (*self.0).flags = flags };
    }

    /// Whether it is that of a timer, which keeps it.
    fn is_timer(&self) -> bool {
        self.flags() & bindings::SIGQUEUE_PREALLOC as c_int != 0
    }

    fn is_from_outside(&self) -> bool {
        self.flags() & OUTSIDE != 0
    }
}

/// The signal that a task is about to take.
pub(super) struct Next {
    /// It is a timer's: to take it, the kernel gives the `siglock` up for an instant, and may then find that the
    /// signal is out of date, and go on to another.
    pub(super) timer: Option<c_int>,
    sender: Option<Sender>,
    /// Whether an ancestor has sent the same signal too.
    also_from_outside: bool,
}

impl Next {
    /// What `kernel/signal.c: __dequeue_signal` will find for `thread`.
    pub(super) fn of(thread: &Siglocked<'_>) -> Self {
        let mut mask = thread.blocked();
        let own = Queue::of(thread, bindings::pid_type_PIDTYPE_PID);
        let shared = Queue::of(thread, bindings::pid_type_PIDTYPE_TGID);
        let queue = if sigset::has_other(own.set(), &mask) {
            &own
        } else {
            &shared
        };
        // SAFETY: The lock protects the queue.
        let sig = unsafe { kernel_fn::next_signal(queue.pending, &raw mut mask) };
        let of_sig = |entry: &Entry<'_>| entry.sig() == sig;
        let Some(first) = queue.entries().find(of_sig) else {
            return Self {
                timer: None,
                sender: None,
                also_from_outside: false,
            };
        };
        let is_timer = first.is_timer();
        let any_outside = |queue: &Queue<'_>| {
            queue
                .entries()
                .any(|entry| of_sig(&entry) && entry.is_from_outside())
        };
        Self {
            timer: is_timer.then_some(sig),
            sender: if first.is_from_outside() {
                Some(Sender::Ancestor)
            } else if first.flags() & INSIDE != 0 {
                Some(Sender::Inside)
            } else {
                None
            },
            also_from_outside: is_timer && (any_outside(&own) || any_outside(&shared)),
        }
    }

    /// Who has sent what was taken, with this code. In place of a timer's signal that was out of date the kernel
    /// may have taken another of the same number: if an ancestor has sent one, that acts in any case.
    pub(super) fn sender(&self, code: c_int) -> Option<Sender> {
        if self.timer.is_none() {
            return self.sender;
        }
        (self.also_from_outside && code != bindings::SI_TIMER).then_some(Sender::Ancestor)
    }
}
