// SPDX-License-Identifier: GPL-2.0

//! The end of a namespace's init, which takes all tasks of the namespace with it.
//!
//! Mainline does this in `exit_notify` (`kernel/exit.c: find_child_reaper`), where a kernel without
//! pid namespaces has a `BUG()`. The module does it a few instructions earlier in `do_exit`, in
//! front of `exit_tasks_rcu_start`: the task is marked as exiting, its files, its task work (and so
//! the files' last `release`, which members may wait for) and its `nsproxy` are done with. When
//! `exit_notify` then asks, `child_reaper` is never the task that exits.

use crate::{
    bindings::{self, list_head, pid_namespace, task_struct},
    hook::{kernel_fn, original, Inside, TASKLIST_LOCK},
    observe::events,
    pid::{self, current_ns, is_first},
};
use core::{mem, ptr};
use kernel::{container_of, prelude::*};

/// Wraps `kernel/rcu/tasks.h: exit_tasks_rcu_start`, which `do_exit` alone calls.
///
/// # Safety
///
/// The kernel's: the current task exits. May sleep; no locks are held.
pub(crate) unsafe extern "C" fn exit_tasks_rcu_start() {
    let ns = current_ns();
    if !is_first(ns) {
        let _inside = Inside::enter();
        // SAFETY: The current task exits.
        unsafe { leave(ns) };
    }
    // SAFETY: The caller's promise.
    unsafe { original::exit_tasks_rcu_start() }
}

/// `tasklist_lock` is held for writing, interrupts are off.
struct Tasklist(());

impl Tasklist {
    fn lock() -> Self {
        // SAFETY: The kernel's static lock. The exiting task holds no other.
        unsafe { bindings::pidns_write_lock_irq(TASKLIST_LOCK.get()) };
        Self(())
    }
}

impl Drop for Tasklist {
    fn drop(&mut self) {
        // SAFETY: Taken in `lock`.
        unsafe { bindings::pidns_write_unlock_irq(TASKLIST_LOCK.get()) };
    }
}

/// The current task leaves its namespace `ns`: if it is the reaper, hands that over to a living
/// thread of its group, or, if it is the last, ends the namespace.
///
/// May sleep.
///
/// # Safety
///
/// The current task must be exiting (`PF_EXITING`) and `ns` its own, not the first.
unsafe fn leave(ns: *mut pid_namespace) {
    // SAFETY: A running task has a signal struct and pids; its namespace is held by its pid.
    unsafe {
        let me = bindings::get_current();
        let tgid = (*(*me).signal).pids[bindings::pid_type_PIDTYPE_TGID as usize];
        if !pid::is_init(tgid) {
            return;
        }
        let mut dead = List::new();
        {
            // Whoever hands over sees under the lock whether the other is exiting, and whoever
            // exits looks under the lock whether he was handed to: neither misses the other.
            let tasklist = Tasklist::lock();
            if (*ns).child_reaper != me {
                return;
            }
            if let Some(heir) = living_thread(me, &tasklist) {
                set_reaper(ns, heir, &tasklist);
                return;
            }
            // The tracees must go on, or they never die (`exit_ptrace` is too late in `exit_notify`).
            if !list_empty(&raw const (*me).ptraced) {
                kernel_fn::exit_ptrace(me, dead.head());
            }
        }
        dead.release_all();
        zap(ns);
        // No task is left that could be given to a reaper, or wake it. The pointer must not stay:
        // `exit_notify` would find that the reaper exits, and this task's memory goes.
        set_reaper(ns, &raw mut bindings::init_task, &Tasklist::lock());
    }
}

/// # Safety
///
/// `ns` must be valid.
unsafe fn set_reaper(ns: *mut pid_namespace, reaper: *mut task_struct, _: &Tasklist) {
    // SAFETY: As above; read without the lock, so volatile.
    unsafe { ptr::write_volatile(&raw mut (*ns).child_reaper, reaper) };
}

/// A thread of the group of `task` that is not exiting (`kernel/exit.c: find_alive_thread`).
///
/// # Safety
///
/// `task` must be valid and not yet released.
unsafe fn living_thread(task: *mut task_struct, _: &Tasklist) -> Option<*mut task_struct> {
    // SAFETY: The lock keeps the list of threads as it is.
    unsafe {
        let head = &raw mut (*(*task).signal).thread_head;
        let mut node = (*head).next;
        while node != head {
            let thread: *mut task_struct = container_of!(node, task_struct, thread_node);
            if ptr::read_volatile(&raw const (*thread).flags) & bindings::PF_EXITING == 0 {
                return Some(thread);
            }
            node = (*node).next;
        }
    }
    None
}

/// # Safety
///
/// `head` must be an initialised list that does not change meanwhile.
unsafe fn list_empty(head: *const list_head) -> bool {
    // SAFETY: The caller's promise.
    unsafe { ptr::eq((*head).next, head) }
}

/// Tasks linked by their `ptrace_entry`, which nobody waits for any more.
struct List(list_head);

impl List {
    fn new() -> Self {
        Self(list_head::default())
    }

    /// The list's head, made to point to itself: the list must not move from now on.
    fn head(&mut self) -> *mut list_head {
        let head = &raw mut self.0;
        self.0 = list_head {
            next: head,
            prev: head,
        };
        head
    }

    /// Releases every task. May sleep; takes `tasklist_lock`.
    ///
    /// # Safety
    ///
    /// Every task in the list must be `EXIT_DEAD`.
    unsafe fn release_all(&mut self) {
        let head = &raw mut self.0;
        // SAFETY: The list is ours alone; null if it was never used.
        unsafe {
            while !(*head).next.is_null() && (*head).next != head {
                let node = (*head).next;
                (*(*node).next).prev = head;
                (*head).next = (*node).next;
                (*node).next = node;
                (*node).prev = node;
                kernel_fn::release_task(container_of!(node, task_struct, ptrace_entry));
            }
        }
    }
}

/// Ends every task of `ns` but the current one, its init, and waits until they are gone
/// (`kernel/pid_namespace.c: zap_pid_ns_processes`).
///
/// May sleep, for as long as they take.
///
/// # Safety
///
/// The current task must be the last thread of the init of `ns`, exiting.
unsafe fn zap(ns: *mut pid_namespace) {
    // SAFETY: The current task and its namespace are valid.
    unsafe {
        let me = bindings::get_current();
        // A first thread that left before the last stays, as a zombie, until the last is gone.
        let own_pids = if (*me).group_leader == me { 1 } else { 2 };
        events::zap(ns);
        pid::close(ns);
        ignore_children(me);
        kill_members(ns);
        reap_children();
        // Not seen by `kernel_wait4`: tasks that are already being released, and zombies whose
        // parents are outside. When these are not reaped before their parents exit, they come to
        // us, who ignore SIGCHLD, and so go at once. `free_pid` wakes us when all are gone.
        loop {
            bindings::pidns_set_current_idle();
            if ptr::read_volatile(&raw const (*ns).pid_allocated) == own_pids {
                break;
            }
            bindings::schedule();
        }
        bindings::pidns_set_current_running();
        if (*ns).reboot != 0 {
            (*(*me).signal).group_exit_code = (*ns).reboot;
        }
        #[cfg(CONFIG_BSD_PROCESS_ACCT)]
        kernel_fn::acct_exit_ns(ns);
    }
}

/// Children that die from now on need nobody to wait for them.
///
/// # Safety
///
/// `me` must be the current task.
unsafe fn ignore_children(me: *mut task_struct) {
    // SAFETY: The current task has its `sighand` until it is released. `SIG_IGN` is the address 1.
    unsafe {
        let sighand = (*me).sighand;
        let flags = bindings::pidns_spin_lock_irqsave(&raw mut (*sighand).siglock);
        (*sighand).action[bindings::SIGCHLD as usize - 1]
            .sa
            .sa_handler = mem::transmute::<usize, bindings::__sighandler_t>(1);
        bindings::pidns_spin_unlock_irqrestore(&raw mut (*sighand).siglock, flags);
    }
}

/// Sends SIGKILL to every task of `ns` but its init's threads' first.
///
/// # Safety
///
/// `ns` must be valid.
unsafe fn kill_members(ns: *mut pid_namespace) {
    // SAFETY: RCU and the lock keep the pids and their tasks that the table gives.
    unsafe {
        bindings::rcu_read_lock();
        bindings::pidns_read_lock(TASKLIST_LOCK.get());
        let mut nr: c_int = 2;
        loop {
            let pid = bindings::idr_get_next(&raw mut (*ns).idr, &raw mut nr);
            if pid.is_null() {
                break;
            }
            let task = bindings::pid_task(pid.cast(), bindings::pid_type_PIDTYPE_PID);
            if !task.is_null() && !bindings::pidns_fatal_signal_pending(task) {
                kernel_fn::group_send_sig_info(
                    bindings::SIGKILL as c_int,
                    SEND_SIG_PRIV,
                    task,
                    bindings::pid_type_PIDTYPE_MAX,
                );
            }
            nr += 1;
        }
        bindings::pidns_read_unlock(TASKLIST_LOCK.get());
        bindings::rcu_read_unlock();
    }
}

/// `include/linux/sched/signal.h: SEND_SIG_PRIV`, the kernel itself as the sender.
const SEND_SIG_PRIV: *mut bindings::kernel_siginfo = ptr::without_provenance_mut(1);

/// Reaps the children that the current task has, and waits for those that are traced from outside.
///
/// # Safety
///
/// The current task must be exiting.
unsafe fn reap_children() {
    // SAFETY: Waits for children of the current task, without a place for their status.
    unsafe {
        // Task work for which there is no user space to return to must not keep it from waiting.
        let flags = bindings::pidns_no_notify_signal_save();
        loop {
            bindings::pidns_clear_sigpending();
            let rc = kernel_fn::kernel_wait4(
                -1,
                ptr::null_mut(),
                bindings::__WALL as c_int,
                ptr::null_mut(),
            );
            if rc == ECHILD.to_errno() as c_long {
                break;
            }
        }
        bindings::pidns_no_notify_signal_restore(flags);
    }
}
