// SPDX-License-Identifier: GPL-2.0

//! The end of a namespace's init, which takes all tasks of the namespace with it.
//!
//! Mainline does this in `exit_notify` (`kernel/exit.c: find_child_reaper`), where a kernel without
//! pid namespaces has a `BUG()`. The module does it a few instructions earlier in `do_exit`, in
//! front of `exit_tasks_rcu_start`: the task is marked as exiting, its files, its task work (and so
//! the files' last `release`, which members may wait for) and its `nsproxy` are done with. When
//! `exit_notify` then asks, `child_reaper` is never the task that exits.

use crate::{
    bindings::{
        self,
        list_head,
        task_struct, //
    },
    chain::{
        Pidmap,
        Tasklist,
        TasklistMut, //
    },
    events,
    hook::wrap,
    imports::{
        arguments::{
            Null,
            SendSigPriv,
            WholeProcess, //
        },
        kernel_fn, //
    },
    object::{
        setters,
        IntoC,
        Object,
        PidNs,
        PidType,
        Task, //
    },
    task::Current,
};
use core::ptr;
use kernel::{
    container_of,
    interop::list::clist_create,
    prelude::*,
    sync::rcu, //
};

wrap! {
    /// Wraps `kernel/rcu/tasks.h: exit_tasks_rcu_start`, which `do_exit` alone calls: the current task exits. May
    /// sleep; no locks are held.
    fn exit_tasks_rcu_start(), original => {
        let me = Current::get();
        let ns = me.active_ns();
        // Its pid holds the namespace, and that the module: whoever sleeps here need not be counted as inside. (And must
        // not, as SRCU's reader: a freezer takes whoever sleeps with a lock for a fault.)
        if !ns.is_initial() {
            leave(&me, ns);
        }
        original();
    }
}

/// A task that can be a namespace's reaper.
struct Heir(*mut task_struct);

impl Heir {
    /// A thread of the process of `me` that is not exiting (`kernel/exit.c: find_alive_thread`).
    fn among_threads(me: &Current, _: &TasklistMut) -> Option<Self> {
        // SAFETY: The lock keeps the list of threads as it is.
        let threads = unsafe {
            clist_create!(
                &raw mut (*(*me.as_ptr()).signal).thread_head,
                Task,
                task_struct,
                thread_node
            )
        };
        let thread = threads
            .iter()
            .find(|thread| thread.flags() & bindings::PF_EXITING == 0)?;
        Some(Self(thread.as_ptr()))
    }

    /// The machine's first task, which never exits.
    fn first_task() -> Self {
        Self(&raw mut bindings::init_task)
    }

    /// From now on it is the reaper of `ns`.
    fn take_over(self, ns: &PidNs, tasklist: &mut TasklistMut) {
        ns.set_child_reaper(self, tasklist);
    }
}

impl IntoC for Heir {
    type C = *mut task_struct;

    #[inline(always)]
    fn into_c(self) -> *mut task_struct {
        self.0
    }
}

setters! {
    PidNs {
        // It does not exit, or does so later, and then hands over under the lock.
        set_child_reaper(Heir, under TasklistMut) = child_reaper;
    }
}

/// The current task, which exits (`PF_EXITING`), leaves its namespace `ns`, not the initial one: if it is the reaper, it
/// hands that over to a living thread of its process, or, if it is the last, ends the namespace.
///
/// May sleep.
fn leave(me: &Current, ns: &PidNs) {
    if !me.tgid().is_init() {
        return;
    }
    // Whoever hands over sees under the lock whether the other is exiting, and whoever
    // exits looks under the lock whether it was handed to: neither misses the other. Only the reaper itself hands over, so
    // that it is stays true.
    let is_reaper = {
        let _tasklist = Tasklist::lock();
        ptr::eq(ns.child_reaper(), me.as_ptr())
    };
    if !is_reaper {
        return;
    }
    let mut tasklist = TasklistMut::lock();
    if let Some(heir) = Heir::among_threads(me, &tasklist) {
        return heir.take_over(ns, &mut tasklist);
    }
    release_tracees(me, tasklist);
    zap(me, ns);
    // No task is left that could be given to a reaper, or wake it. The pointer must not stay:
    // `exit_notify` would find that the reaper exits, and this task's memory goes.
    Heir::first_task().take_over(ns, &mut TasklistMut::lock());
}

/// The tracees of the current task, which exits, go on, or they never die (`exit_ptrace` is too late in `exit_notify`).
/// Lets the lock go. May sleep.
fn release_tracees(me: &Current, tasklist: TasklistMut) {
    let mut dead = list_head::default();
    let head = &raw mut dead;
    let me = me.as_ptr();
    // SAFETY: The lock is held while the kernel looks at the tracees. It puts those into the list that are dead and
    // nobody's: they are ours alone, to be released without the lock.
    unsafe {
        (*head).next = head;
        (*head).prev = head;
        if (*me).ptraced.next != &raw mut (*me).ptraced {
            kernel_fn::exit_ptrace(me, head);
        }
        drop(tasklist);
        while (*head).next != head {
            let node = (*head).next;
            (*(*node).next).prev = head;
            (*head).next = (*node).next;
            (*node).next = node;
            (*node).prev = node;
            kernel_fn::release_task(container_of!(node, task_struct, ptrace_entry));
        }
    }
}

/// Ends every task of `ns` but the current one, the last thread of its init, which exits, and waits until they are gone
/// (`kernel/pid_namespace.c: zap_pid_ns_processes`).
///
/// May sleep, for as long as they take.
fn zap(me: &Current, ns: &PidNs) {
    // A first thread that left before the last stays, as a zombie, until the last is gone.
    let own_pids = if me.is_group_leader() { 1 } else { 2 };
    events::zap(ns);
    Pidmap::lock().close(ns);
    me.ignore_children();
    kill_members(ns);
    reap_children();
    // Not seen by `kernel_wait4`: tasks that are already being released, and zombies whose
    // parents are outside. When these are not reaped before their parents exit, they come to
    // us, which ignore SIGCHLD, and so go at once. `free_pid` wakes us when all are gone.
    loop {
        kernel_fn::set_current_idle();
        if ns.pid_allocated() == own_pids {
            break;
        }
        kernel_fn::schedule();
    }
    kernel_fn::set_current_running();
    if ns.reboot() != 0 {
        me.signal().set_group_exit_code(ns.reboot());
    }
    #[cfg(CONFIG_BSD_PROCESS_ACCT)]
    kernel_fn::acct_exit_ns(ns);
}

/// Sends SIGKILL to every task of `ns` but its init's threads' first.
fn kill_members(ns: &PidNs) {
    let rcu = rcu::read_lock();
    let tasklist = Tasklist::lock();
    ns.for_each_member(PidType::Pid, &rcu, &tasklist, |_, task| {
        if !kernel_fn::fatal_signal_pending(task) {
            let sig = bindings::SIGKILL as c_int;
            kernel_fn::group_send_sig_info(sig, SendSigPriv, task, WholeProcess);
        }
    });
}

/// Reaps the children that the current task has, and waits for those that are traced from outside.
fn reap_children() {
    // Task work for which there is no user space to return to must not keep it from waiting.
    let flags = kernel_fn::no_notify_signal_save();
    loop {
        kernel_fn::clear_sigpending();
        let rc = kernel_fn::kernel_wait4(-1, Null::new(), bindings::__WALL as c_int, Null::new());
        if rc == ECHILD.to_errno() as c_long {
            break;
        }
    }
    kernel_fn::no_notify_signal_restore(flags);
}
