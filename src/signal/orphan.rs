// SPDX-License-Identifier: GPL-2.0

//! Orphans that nobody waits for.
//!
//! When a process ends, its children go to the init of its namespace (or to a subreaper). One that never waits collects their
//! zombies. If a namespace's setting says so, an orphan that its init was *given*, and did not make, is reaped when it ends, as if SIGCHLD were
//! ignored for it alone, unless the init has said anything about SIGCHLD: that waits.
//!
//! The kernel does not keep who made a process. So whoever is about to lose its parent is marked: by that itself, when it
//! exits. One that was given before the module came has no mark, and stays what it was. An init marks nobody: its own
//! children have a mark only from somebody else who was their parent later.

use super::{
    protected::{
        elements,
        Linked,
        ReadOnly, //
    },
    settings,
    siglock::Thread,
    verdict::Disposition,
};
use crate::{
    bindings::{
        self,
        list_head,
        task_struct, //
    },
    chain::Tasklist,
    hook::wrap,
    object::{
        fields,
        Object,
        SignalStruct,
        Task, //
    },
    task::Current,
};
use core::{
    mem::offset_of,
    ptr,
    sync::atomic::{
        AtomicU64,
        Ordering, //
    },
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// A child, in its parent's list; and a thread, in its process's.
#[repr(transparent)]
struct Child(Task);
#[repr(transparent)]
struct Member(Task);

// SAFETY: It is: a `Task` is, too.
unsafe impl Object for Child {
    type C = task_struct;
}
// SAFETY: As above.
unsafe impl Object for Member {
    type C = task_struct;
}

// SAFETY: That is its link in the list of its parent's children.
unsafe impl Linked for Child {
    const LINK: usize = offset_of!(task_struct, sibling);
}
// SAFETY: That is its link in the list of its process's threads.
unsafe impl Linked for Member {
    const LINK: usize = offset_of!(task_struct, thread_node);
}

/// The `PFA_` flags of a task, of which the kernel uses the lowest bits, and a mark in the others.
///
/// A child inherits the word. So the mark is when its process was made, in nanoseconds: a child is younger. All threads have the same, because an `execve`
/// makes any of them the first.
#[repr(transparent)]
pub(crate) struct Flags(AtomicU64);

// SAFETY: It is laid out as that, and has interior mutability.
unsafe impl Object for Flags {
    type C = usize;
}

const _: () = assert!(usize::BITS == 64 && bindings::PFA_SPEC_SSB_NOEXEC < KERNELS);

/// How many bits are the kernel's.
const KERNELS: u32 = 16;

fields! {
    Task {
        /// When it was made, in nanoseconds. A thread that executes a program gets that of the first.
        once start_time: u64 = start_time;
        part atomic_flags: &Flags = atomic_flags;
    }
}

fields! {
    SignalStruct {
        /// The threads of a process. `tasklist_lock` protects them, too.
        part all_threads: &ReadOnly<list_head> = thread_head;
    }
}

fields! {
    Current {
        /// Those of whom it is the parent. `tasklist_lock` protects them.
        part children: &ReadOnly<list_head> = children;
    }
}

impl Task {
    /// That of the process whose first thread it is.
    fn mark(&self) -> u64 {
        self.start_time() << KERNELS
    }

    fn put_mark(&self, mark: u64) {
        let kernels = (1 << KERNELS) - 1;
        let flags = &self.atomic_flags().0;
        let _ = flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            Some(word & kernels | mark)
        });
    }

    /// Whether it has lost a parent that was not its namespace's init.
    fn has_lost_parent(&self) -> bool {
        let word = self.atomic_flags().0.load(Ordering::Relaxed);
        word >> KERNELS << KERNELS == self.mark() && self.mark() != 0
    }
}

/// The current task `me` exits, and its children are given to somebody else: to another thread of its process, a subreaper, an
/// init. Any context in which `tasklist_lock` is not held for writing.
#[inline]
pub(super) fn leave_children(me: &Current) {
    // A child that a child makes for it at this moment (`CLONE_PARENT`) has no mark, if it is the first.
    let head = me.children();
    if !ptr::eq(head.get().next, head.as_ptr()) {
        mark_children(me);
    }
}

#[cold]
#[inline(never)]
fn mark_children(me: &Current) {
    let ns = me.active_ns();
    if ns.is_initial() || me.tgid().is_init() || !settings::reaps_orphans(ns) {
        return;
    }
    let _tasklist = Tasklist::lock();
    // SAFETY: The lock protects both lists, and whoever is in them.
    unsafe {
        for Child(child) in elements(me.children(), |link| link.next) {
            for Member(thread) in elements(child.signal().all_threads(), |link| link.next) {
                thread.put_mark(child.mark());
            }
        }
    }
}

wrap! {
    /// Wraps `kernel/signal.c: do_notify_parent`: whether a process that has ended is reaped at once. `tasklist_lock` is held for writing.
    fn do_notify_parent(task: &Task, sig: c_int) -> bool, original => {
        original() || task.has_lost_parent() && is_nobodys(task, sig)
    }
}

/// Whether `task`, which was given to its parent and has ended, with this exit signal, is nobody's to wait for.
#[cold]
#[inline(never)]
fn is_nobodys(task: &Task, sig: c_int) -> bool {
    if sig != bindings::SIGCHLD as c_int || task.ptrace() != 0 {
        return false;
    }
    let rcu = rcu::read_lock();
    let parent = task.parent_task(&rcu);
    let Some(pid) = parent.signal().tgid(&rcu) else {
        return false;
    };
    !pid.ns().is_initial()
        && pid.is_init()
        && says_nothing(parent)
        && settings::reaps_orphans(pid.ns())
}

/// Whether an init, a thread of which is `parent`, has said nothing about SIGCHLD. Whoever blocks it takes it in another way, and while
/// that waits for it (`sigtimedwait`), only `real_blocked` says so. `tasklist_lock` is held for writing.
fn says_nothing(parent: &Task) -> bool {
    const SIGCHLD: c_int = bindings::SIGCHLD as c_int;
    let says_nothing = |parent: &Thread| {
        parent.disposition(SIGCHLD) == Disposition::Default
            && parent.action_flags(SIGCHLD) & bindings::SA_NOCLDWAIT as usize == 0
            && !parent.blocks(SIGCHLD)
    };
    // SAFETY: `tasklist_lock` is held.
    unsafe { parent.with_siglock(says_nothing) }
}
