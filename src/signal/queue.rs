// SPDX-License-Identifier: GPL-2.0

//! Where a pending signal came from.
//!
//! A bit in the queue's own entry says it. So it is there for as long as the signal is pending, goes when
//! that is taken or discarded, by whatever path, and nobody but the kernel can write it.
//!
//! Every signal from an ancestor is marked. Of those from inside only a SIGSTOP is, which is pending because a
//! tracer sees it first: all others the kernel itself keeps from an init when they are taken.

use super::{set, verdict::Sender};
use crate::{
    bindings::{self, kernel_siginfo, list_head, sigpending, sigqueue, sigset_t, task_struct},
    hook::{kernel_fn, SIGQUEUE_CACHE},
};
use core::ptr;
use kernel::{container_of, prelude::*};

/// In `sigqueue.flags`, whose bit 0 is the kernel's own: an ancestor sent it.
const OUTSIDE: c_int = 1 << 30;
/// As above: somebody inside sent it.
const INSIDE: c_int = 1 << 29;

/// The entries of a queue, first to last.
///
/// # Safety
///
/// The `siglock` must be held for as long as they are used.
unsafe fn entries(pending: *mut sigpending) -> impl Iterator<Item = *mut sigqueue> {
    // SAFETY: The caller's promise.
    unsafe { entries_by(pending, |link| link.next) }
}

/// The same, last to first: one that was added just now is found at once, however many there are.
///
/// # Safety
///
/// As for [`entries`].
unsafe fn entries_backwards(pending: *mut sigpending) -> impl Iterator<Item = *mut sigqueue> {
    // SAFETY: The caller's promise.
    unsafe { entries_by(pending, |link| link.prev) }
}

/// # Safety
///
/// As for [`entries`]; `step` gives a link's neighbour.
unsafe fn entries_by(
    pending: *mut sigpending,
    step: fn(&list_head) -> *mut list_head,
) -> impl Iterator<Item = *mut sigqueue> {
    // SAFETY: The caller's promise.
    let (head, mut link) = unsafe { (&raw mut (*pending).list, step(&(*pending).list)) };
    core::iter::from_fn(move || {
        if ptr::eq(link, head) {
            return None;
        }
        // SAFETY: Every link but the head is that of an entry.
        unsafe {
            let entry = container_of!(link, sigqueue, list);
            link = step(&*link);
            Some(entry)
        }
    })
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
    /// What `kernel/signal.c: __dequeue_signal` will find for `t`, which blocks what is in `mask`.
    ///
    /// # Safety
    ///
    /// The `siglock` of `t` must be held.
    pub(super) unsafe fn of(t: *mut task_struct, mask: *mut sigset_t) -> Self {
        // SAFETY: The caller's promise.
        unsafe {
            let own = &raw mut (*t).pending;
            let shared = &raw mut (*(*t).signal).shared_pending;
            let queue = if set::has_other(&(*own).signal, &*mask) {
                own
            } else {
                shared
            };
            let sig = kernel_fn::next_signal(queue, mask);
            let of_sig = |&entry: &*mut sigqueue| (*entry).info.__bindgen_anon_1.si_signo == sig;
            let Some(first) = entries(queue).find(of_sig) else {
                return Self {
                    timer: None,
                    sender: None,
                    also_from_outside: false,
                };
            };
            let is_timer = (*first).flags & bindings::SIGQUEUE_PREALLOC as c_int != 0;
            let outside = |entry: *mut sigqueue| (*entry).flags & OUTSIDE != 0;
            Self {
                timer: is_timer.then_some(sig),
                sender: if outside(first) {
                    Some(Sender::Ancestor)
                } else if (*first).flags & INSIDE != 0 {
                    Some(Sender::Inside)
                } else {
                    None
                },
                also_from_outside: is_timer
                    && (entries(own).filter(of_sig).any(outside)
                        || entries(shared).filter(of_sig).any(outside)),
            }
        }
    }

    /// Who has sent what was taken, with `info`. In place of a timer's signal that was out of date the kernel
    /// may have taken another of the same number: if an ancestor has sent one, that acts in any case.
    pub(super) fn sender(&self, info: &kernel_siginfo) -> Option<Sender> {
        if self.timer.is_none() {
            return self.sender;
        }
        let code = info.__bindgen_anon_1.si_code;
        (self.also_from_outside && code != bindings::SI_TIMER).then_some(Sender::Ancestor)
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
/// # Safety
///
/// The `siglock` of `t`, to whom or to whose process `pending` belongs, must be held; `info` is what `sig`
/// was sent with.
pub(super) unsafe fn mark(
    pending: *mut sigpending,
    t: *mut task_struct,
    sig: c_int,
    info: *mut kernel_siginfo,
    sender: Sender,
) {
    // SAFETY: The caller's promise.
    unsafe {
        let entry = entries_backwards(pending)
            .find(|&entry| {
                (*entry).flags & bindings::SIGQUEUE_PREALLOC as c_int == 0
                    && (*entry).info.__bindgen_anon_1.si_signo == sig
            })
            .or_else(|| add(pending, t, sig, info));
        if let Some(entry) = entry {
            (*entry).flags &= !(OUTSIDE | INSIDE);
            (*entry).flags |= match sender {
                Sender::Inside => INSIDE,
                _ => OUTSIDE,
            };
        }
    }
}

/// Adds an entry that is not counted against the user's limit: there is at most one such for each signal of
/// a queue.
///
/// # Safety
///
/// The promise of [`mark`].
unsafe fn add(
    pending: *mut sigpending,
    t: *mut task_struct,
    sig: c_int,
    info: *mut kernel_siginfo,
) -> Option<*mut sigqueue> {
    // SAFETY: The caller's promise. The cache is the one that the kernel returns entries to, and an
    // entry that no user is charged for has no `ucounts`. RCU keeps the credentials of `t`.
    unsafe {
        let flags = bindings::__GFP_ZERO | bindings::GFP_ATOMIC;
        let entry =
            bindings::kmem_cache_alloc_noprof(*SIGQUEUE_CACHE.get(), flags).cast::<sigqueue>();
        if entry.is_null() {
            return None;
        }
        if info as usize > 1 {
            (*entry).info = *info;
        } else {
            let told = &mut (*entry).info.__bindgen_anon_1;
            told.si_signo = sig;
            told.si_code = bindings::SI_USER as c_int;
            bindings::rcu_read_lock();
            let user = (*(*bindings::get_current()).cred).uid;
            told._sifields._kill._uid =
                bindings::from_kuid_munged(bindings::pidns_task_user_ns(t), user);
            bindings::rcu_read_unlock();
        }
        let link = &raw mut (*entry).list;
        let head = &raw mut (*pending).list;
        let last = (*head).prev;
        (*link).next = head;
        (*link).prev = last;
        (*last).next = link;
        (*head).prev = link;
        set::add(&mut (*pending).signal, sig);
        Some(entry)
    }
}
