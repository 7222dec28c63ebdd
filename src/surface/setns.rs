// SPDX-License-Identifier: GPL-2.0

//! `setns` with a pidfd and `CLONE_NEWPID`, alone or among other flags (`kernel/nsproxy.c: setns`).
//!
//! With a namespace file the kernel's own code does it, by the namespace's operations. With a pidfd
//! it was compiled to `EINVAL`, so all of it is here: every namespace is checked in mainline's
//! order, and the task changes over only when none is refused.

use crate::{
    bindings::{self, cred, fs_struct, ns_common, nsproxy, nsset, pt_regs, task_struct},
    hook::{self, kernel_fn, original, Inside},
    namespace::{operations, Reference},
    surface::{file::File, unshare::create_new_namespaces},
};
use kernel::{error::from_err_ptr, error::to_result, prelude::*};

const NEWPID: u32 = bindings::CLONE_NEWPID;

/// The types of namespaces that this kernel has, but mounts and pids, in the order in which
/// mainline checks them.
const BEFORE_PID: &[u32] = &[
    #[cfg(CONFIG_UTS_NS)]
    bindings::CLONE_NEWUTS,
    #[cfg(CONFIG_IPC_NS)]
    bindings::CLONE_NEWIPC,
];
const AFTER_PID: &[u32] = &[
    #[cfg(CONFIG_CGROUPS)]
    bindings::CLONE_NEWCGROUP,
    #[cfg(CONFIG_NET_NS)]
    bindings::CLONE_NEWNET,
    #[cfg(CONFIG_TIME_NS)]
    bindings::CLONE_NEWTIME,
];

/// Every flag that this kernel knows.
fn known() -> u32 {
    let user = if cfg!(CONFIG_USER_NS) {
        bindings::CLONE_NEWUSER
    } else {
        0
    };
    let others = [BEFORE_PID, AFTER_PID]
        .iter()
        .copied()
        .flatten()
        .fold(0, |all, kind| all | kind);
    NEWPID | bindings::CLONE_NEWNS | user | others
}

/// Wraps the system call of 64-bit programs.
///
/// # Safety
///
/// The kernel's: `regs` are those of the current task. May sleep.
pub(crate) unsafe extern "C" fn __x64_sys_setns(regs: *const pt_regs) -> c_long {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise.
    unsafe {
        setns((*regs).di as u32, (*regs).si as u32)
            .unwrap_or_else(|| original::__x64_sys_setns(regs))
    }
}

/// Wraps the system call of 32-bit programs.
///
/// # Safety
///
/// As above.
#[cfg(CONFIG_IA32_EMULATION)]
pub(crate) unsafe extern "C" fn __ia32_sys_setns(regs: *const pt_regs) -> c_long {
    let _inside = Inside::enter();
    // SAFETY: The caller's promise.
    unsafe {
        setns((*regs).bx as u32, (*regs).cx as u32)
            .unwrap_or_else(|| original::__ia32_sys_setns(regs))
    }
}

/// What the call gives, or `None` if the kernel's own does it.
fn setns(fd: u32, flags: u32) -> Option<c_long> {
    // Without the module's operations the first namespace cannot be installed.
    if flags & NEWPID == 0 || !hook::armed() {
        return None;
    }
    let file = File::of_descriptor(fd)?;
    // SAFETY: `file` is held.
    let pid = from_err_ptr(unsafe { kernel_fn::pidfd_pid(file.as_ptr()) }).ok()?;
    // SAFETY: The pidfd holds its pid.
    Some(match unsafe { move_to(pid, flags) } {
        Ok(()) => 0,
        Err(error) => error.to_errno() as c_long,
    })
}

/// Moves the current task to the namespaces of the process `pid` that `flags` name.
///
/// # Errors
///
/// `EINVAL` for an unknown flag, `ESRCH` if the process is no more, `EPERM` if the current task may
/// not look at it, what the namespaces themselves say, `ENOMEM`; then nothing has changed.
///
/// # Safety
///
/// `pid` must be held. May sleep.
unsafe fn move_to(pid: *mut bindings::pid, flags: u32) -> Result {
    if flags & !known() != 0 {
        return Err(EINVAL);
    }
    let mut set = Set::prepare(flags)?;
    // SAFETY: The caller's promise.
    let target = unsafe { Target::of(pid, flags)? };
    set.install(&target)?;
    set.commit();
    // The namespaces are held by the task's own nsproxy now.
    drop(target);
    Ok(())
}

/// The namespaces of a process, as they were at one moment.
struct Target {
    proxy: *mut nsproxy,
    pid_ns: Reference,
    /// Null unless wanted.
    user_ns: *mut bindings::user_namespace,
}

impl Target {
    /// # Safety
    ///
    /// `pid` must be held.
    unsafe fn of(pid: *mut bindings::pid, flags: u32) -> Result<Self> {
        let _rcu = kernel::sync::rcu::read_lock();
        // SAFETY: A task found by a pid is valid for an RCU grace period; its lock keeps its
        // `nsproxy` installed.
        unsafe {
            let task: *mut task_struct = bindings::pid_task(pid, bindings::pid_type_PIDTYPE_PID);
            if task.is_null() {
                return Err(ESRCH);
            }
            let mode = bindings::PTRACE_MODE_READ | bindings::PTRACE_MODE_REALCREDS;
            if !kernel_fn::ptrace_may_access(task, mode) {
                return Err(EPERM);
            }
            // A reaped task has no pid, and no nsproxy.
            let pid_ns = operations::of_task(task).ok_or(ESRCH)?;
            bindings::pidns_task_lock(task);
            let proxy = (*task).nsproxy;
            if !proxy.is_null() {
                bindings::refcount_inc(&raw mut (*proxy).count);
            }
            bindings::pidns_task_unlock(task);
            if proxy.is_null() {
                return Err(ESRCH);
            }
            let mut target = Self {
                proxy,
                pid_ns,
                user_ns: core::ptr::null_mut(),
            };
            if flags & bindings::CLONE_NEWUSER != 0 {
                target.user_ns = bindings::pidns_task_user_ns(task);
                bindings::pidns_get_user_ns(target.user_ns);
            }
            Ok(target)
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // SAFETY: Both references were taken in `of`.
        unsafe {
            if bindings::refcount_dec_and_test(&raw mut (*self.proxy).count) {
                kernel_fn::deactivate_nsproxy(self.proxy);
            }
            if !self.user_ns.is_null() {
                bindings::pidns_put_user_ns(self.user_ns);
            }
        }
    }
}

/// The namespaces that the current task will have: a copy of what it has, until some are installed.
struct Set(nsset);

impl Set {
    /// # Errors
    ///
    /// `ENOMEM`.
    fn prepare(flags: u32) -> Result<Self> {
        let mut set = Self(nsset {
            flags,
            ..Default::default()
        });
        // SAFETY: The current task's own; dropping `set` gives back what was made before a failure.
        unsafe {
            let task = bindings::get_current();
            let credentials: *const cred = (*task).cred;
            let fs = (*task).fs;
            set.0.nsproxy = from_err_ptr(create_new_namespaces(
                0,
                task,
                (*credentials).user_ns,
                fs.cast(),
            ))?;
            set.0.cred = credentials;
            if flags & bindings::CLONE_NEWUSER != 0 {
                let new = bindings::prepare_creds();
                set.0.cred = new;
                if new.is_null() {
                    return Err(ENOMEM);
                }
            }
            if flags & bindings::CLONE_NEWNS != 0 {
                set.0.fs = kernel_fn::copy_fs_struct(fs.cast()).cast();
                if set.0.fs.is_null() {
                    return Err(ENOMEM);
                }
            }
        }
        Ok(set)
    }

    /// Puts those of `target` in, in mainline's order.
    fn install(&mut self, target: &Target) -> Result {
        let flags = self.0.flags;
        // SAFETY: `target` holds them all.
        unsafe {
            if flags & bindings::CLONE_NEWUSER != 0 {
                self.install_one(&raw mut (*target.user_ns).ns)?;
            }
            if flags & bindings::CLONE_NEWNS != 0 {
                self.install_one(kernel_fn::from_mnt_ns((*target.proxy).mnt_ns))?;
            }
            self.install_those(BEFORE_PID, target)?;
            self.install_one(&raw mut (*target.pid_ns.as_ptr()).ns)?;
            self.install_those(AFTER_PID, target)
        }
    }

    /// # Safety
    ///
    /// `target` must hold its namespaces.
    unsafe fn install_those(&mut self, kinds: &[u32], target: &Target) -> Result {
        let flags = self.0.flags;
        for kind in kinds.iter().filter(|kind| flags & **kind != 0) {
            // SAFETY: The caller's promise.
            unsafe { self.install_one(bindings::pidns_nsproxy_ns(target.proxy, *kind))? };
        }
        Ok(())
    }

    /// # Safety
    ///
    /// `ns` must be held.
    unsafe fn install_one(&mut self, ns: *mut ns_common) -> Result {
        // SAFETY: The caller's promise. Every namespace has operations, pid namespaces while the module
        // is complete: `setns` found that it is, and is counted.
        unsafe {
            let operations: *const bindings::proc_ns_operations = (*ns).ops.cast();
            let install = (*operations).install.ok_or(EINVAL)?;
            to_result(install(&raw mut self.0, ns))
        }
    }

    /// The current task changes over. Cannot fail.
    fn commit(mut self) {
        let flags = self.0.flags;
        // SAFETY: What was prepared goes over to the task, and is not ours any more.
        unsafe {
            let task = bindings::get_current();
            if flags & bindings::CLONE_NEWUSER != 0 {
                bindings::commit_creds(self.0.cred.cast_mut());
                self.0.cred = core::ptr::null();
            }
            if flags & bindings::CLONE_NEWNS != 0 {
                let new: *mut fs_struct = self.0.fs.cast();
                kernel_fn::set_fs_root((*task).fs.cast(), &raw mut (*new).root);
                kernel_fn::set_fs_pwd((*task).fs.cast(), &raw mut (*new).pwd);
            }
            #[cfg(CONFIG_SYSVIPC)]
            if flags & bindings::CLONE_NEWIPC != 0 {
                kernel_fn::exit_sem(task);
            }
            #[cfg(CONFIG_TIME_NS)]
            if flags & bindings::CLONE_NEWTIME != 0 {
                kernel_fn::timens_commit(task, (*self.0.nsproxy).time_ns);
            }
            kernel_fn::switch_task_namespaces(task, self.0.nsproxy);
            self.0.nsproxy = core::ptr::null_mut();
            #[cfg(CONFIG_PERF_EVENTS)]
            kernel_fn::perf_event_namespaces(task);
        }
    }
}

/// `put_nsset`: gives back what was not committed.
impl Drop for Set {
    fn drop(&mut self) {
        let set = &self.0;
        // SAFETY: What is here was prepared and not committed.
        unsafe {
            if set.flags & bindings::CLONE_NEWUSER != 0 && !set.cred.is_null() {
                bindings::put_cred(set.cred);
            }
            if !set.fs.is_null() {
                kernel_fn::free_fs_struct(set.fs.cast());
            }
            if !set.nsproxy.is_null() {
                kernel_fn::nsproxy_free(set.nsproxy);
            }
        }
    }
}
