// SPDX-License-Identifier: GPL-2.0

//! `setns` with a pidfd and `CLONE_NEWPID`, alone or among other flags (`kernel/nsproxy.c: setns`).
//!
//! With a namespace file the kernel's own code does it, by the namespace's operations. With a pidfd
//! it was compiled to `EINVAL`, so all of it is here: every namespace is checked in mainline's
//! order, and the task changes over only when none is refused.

use super::{syscall::Call, unshare::create_new_namespaces};
use crate::{
    bindings::{
        self,
        cred,
        nsproxy,
        nsset,
        proc_ns_operations,
        pt_regs, //
    },
    edge::{
        exports,
        FromC, //
    },
    held::{
        counted,
        Held, //
    },
    imports::{
        arguments::NsKind,
        kernel_fn, //
    },
    module,
    namespace::{
        operations,
        Reference, //
    },
    object::{
        fields,
        objects,
        FsStruct,
        MntNs,
        NewCred,
        NsCommon,
        NsProxy,
        Object,
        Path,
        Pid,
        PidType,
        UserNs, //
    },
    task::Current,
};
use core::{
    cell::Cell,
    ptr, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::rcu, //
};

const NEWPID: u32 = bindings::CLONE_NEWPID;

/// Every flag that this kernel knows.
fn known() -> u32 {
    let user = if cfg!(CONFIG_USER_NS) {
        bindings::CLONE_NEWUSER
    } else {
        0
    };
    let others = [NsKind::BEFORE_PID, NsKind::AFTER_PID];
    let others = others.iter().copied().flatten();
    others.fold(NEWPID | bindings::CLONE_NEWNS | user, |all, kind| {
        all | kind.flag()
    })
}

/// May sleep.
pub(crate) fn setns(call: Call<'_, impl FnOnce(&Cell<pt_regs>) -> c_long>) -> c_long {
    let [fd, flags, _] = call.arguments().map(|argument| argument as u32);
    match by_pidfd(fd, flags) {
        Some(Ok(())) => 0,
        Some(Err(error)) => error.to_errno() as c_long,
        None => call.pass_on(),
    }
}

/// What the call returns, or `None` if the kernel's own does it.
fn by_pidfd(fd: u32, flags: u32) -> Option<Result> {
    // Without the module's operations the initial namespace cannot be installed.
    if flags & NEWPID == 0 || !module::is_live() {
        return None;
    }
    let file = kernel_fn::fget(fd)?;
    let pid = kernel_fn::pidfd_pid(&file).ok()?;
    Some(move_to(pid, flags))
}

/// Moves the current task to the namespaces of the process `pid` that `flags` name. May sleep.
///
/// # Errors
///
/// `EINVAL` for an unknown flag, `ESRCH` if the process is no more, `EPERM` if the current task may
/// not look at it, what the namespaces themselves say, `ENOMEM`; then nothing has changed.
fn move_to(pid: &Pid, flags: u32) -> Result {
    if flags & !known() != 0 {
        return Err(EINVAL);
    }
    let me = Current::get();
    let set = Set::prepare(&me, flags)?;
    // The target's namespaces are held by the task's own nsproxy when it goes.
    let target = Target::of(pid, flags)?;
    set.install(&target)?;
    set.commit(&me);
    Ok(())
}

fields! {
    NsProxy {
        /// It holds it.
        fixed mnt_ns: &MntNs = mnt_ns;
    }
}
fields! {
    UserNs {
        part common: &NsCommon = ns;
    }
}

counted! {
    NsProxy: put_nsproxy;
}

/// `include/linux/nsproxy.h: put_nsproxy`.
///
/// # Safety
///
/// The caller must own a reference to `proxy`.
unsafe fn put_nsproxy(proxy: *mut nsproxy) {
    // SAFETY: The caller's promise.
    unsafe {
        if bindings::refcount_dec_and_test(&raw mut (*proxy).count) {
            kernel_fn::deactivate_nsproxy(proxy);
        }
    }
}

/// The namespaces of a process, as they were at one moment.
struct Target {
    proxy: Held<NsProxy>,
    pid_ns: Reference,
    /// Only if it is wanted.
    user_ns: Option<Held<UserNs>>,
}

impl Target {
    fn of(pid: &Pid, flags: u32) -> Result<Self> {
        let rcu = rcu::read_lock();
        let task = pid.task_of_type(PidType::Pid, &rcu).ok_or(ESRCH)?;
        if !kernel_fn::ptrace_may_access(task, bindings::PTRACE_MODE_READ_REALCREDS) {
            return Err(EPERM);
        }
        // A reaped task has no pid, and no nsproxy.
        let pid_ns = operations::of_task(task).ok_or(ESRCH)?;
        let proxy = task.lock().nsproxy().map(kernel_fn::get_nsproxy);
        Ok(Self {
            proxy: proxy.ok_or(ESRCH)?,
            pid_ns,
            user_ns: (flags & bindings::CLONE_NEWUSER != 0)
                .then(|| kernel_fn::get_user_ns(kernel_fn::task_user_ns(task, &rcu))),
        })
    }
}

objects! {
    /// An nsproxy that is not installed.
    NewNsProxy(nsproxy);
}

counted! {
    NewNsProxy: kernel_fn::nsproxy_free;
    FsStruct: kernel_fn::free_fs_struct;
}

/// The namespaces that the current task will have: a copy of what it has, until some are installed.
struct Set<'a> {
    flags: u32,
    /// What it has.
    cred_now: *const cred,
    fs_now: &'a FsStruct,
    proxy: Held<NewNsProxy>,
    /// Only with another namespace of users.
    cred: Option<Held<NewCred>>,
    /// Only with another namespace of mounts.
    fs: Option<Held<FsStruct>>,
}

impl<'a> Set<'a> {
    /// # Errors
    ///
    /// `ENOMEM`.
    fn prepare(me: &'a Current, flags: u32) -> Result<Self> {
        let wants = |flag| flags & flag != 0;
        let task = me.as_ptr();
        // SAFETY: A task that makes a system call has rights, and a place in the tree of files. Nobody else exchanges
        // them, and it does not itself before `commit`. The nsproxy is a new one, a copy of what it has.
        let (cred_now, fs_now, proxy) = unsafe {
            let (cred_now, fs_now) = ((*task).cred, (*task).fs.cast());
            let proxy = create_new_namespaces(0, task, (*cred_now).user_ns, fs_now);
            (cred_now, FsStruct::from_ptr(fs_now), Result::from_c(proxy))
        };
        let mut set = Self {
            flags,
            cred_now,
            fs_now,
            proxy: proxy?,
            cred: None,
            fs: None,
        };
        if wants(bindings::CLONE_NEWUSER) {
            set.cred = Some(kernel_fn::prepare_creds().ok_or(ENOMEM)?);
        }
        if wants(bindings::CLONE_NEWNS) {
            set.fs = Some(kernel_fn::copy_fs_struct(fs_now).ok_or(ENOMEM)?);
        }
        Ok(set)
    }

    /// Puts those of `target` in, in mainline's order.
    fn install(&self, target: &Target) -> Result {
        let mut set = nsset {
            flags: self.flags,
            nsproxy: self.proxy.as_ptr(),
            fs: self
                .fs
                .as_ref()
                .map_or(ptr::null_mut(), |fs| fs.as_ptr().cast()),
            cred: match &self.cred {
                Some(cred) => cred.as_ptr(),
                None => self.cred_now,
            },
        };
        let mut install = |ns: &NsCommon| ns.install(&mut set);
        if let Some(user_ns) = &target.user_ns {
            install(user_ns.common())?;
        }
        if self.flags & bindings::CLONE_NEWNS != 0 {
            install(kernel_fn::from_mnt_ns(target.proxy.mnt_ns()))?;
        }
        let wanted = |kind: &&NsKind| self.flags & kind.flag() != 0;
        for kind in NsKind::BEFORE_PID.iter().filter(wanted) {
            install(kernel_fn::nsproxy_ns(&target.proxy, *kind))?;
        }
        install(target.pid_ns.common())?;
        for kind in NsKind::AFTER_PID.iter().filter(wanted) {
            install(kernel_fn::nsproxy_ns(&target.proxy, *kind))?;
        }
        Ok(())
    }

    /// The current task changes over. Cannot fail.
    fn commit(self, me: &Current) {
        if let Some(cred) = self.cred {
            kernel_fn::commit_creds(cred);
        }
        if let Some(new) = &self.fs {
            kernel_fn::set_fs_root(self.fs_now, new.root());
            kernel_fn::set_fs_pwd(self.fs_now, new.pwd());
        }
        #[cfg(CONFIG_SYSVIPC)]
        if self.flags & bindings::CLONE_NEWIPC != 0 {
            exit_sem(me);
        }
        #[cfg(CONFIG_TIME_NS)]
        if self.flags & bindings::CLONE_NEWTIME != 0 {
            timens_commit(me, self.proxy.time_ns());
        }
        switch_task_namespaces(me, self.proxy);
        #[cfg(CONFIG_PERF_EVENTS)]
        perf_event_namespaces(me);
    }
}

#[cfg(CONFIG_TIME_NS)]
objects! {
    /// A namespace of clocks.
    TimeNs(bindings::time_namespace);
}

#[cfg(CONFIG_TIME_NS)]
fields! {
    NewNsProxy {
        /// It holds it.
        fixed time_ns: &TimeNs = time_ns;
    }
}

exports! {
    // What the current task has to undo of semaphores is done, as if it exited.
    #[cfg(CONFIG_SYSVIPC)]
    exit_sem(me: &Current) = __SCT__pidns_exit_sem;
    // The current task sees its clocks.
    #[cfg(CONFIG_TIME_NS)]
    timens_commit(me: &Current, ns: &TimeNs) = __SCT__pidns_timens_commit;
    // The current task has these namespaces from now on.
    switch_task_namespaces(me: &Current, new: Held<NewNsProxy>) = __SCT__pidns_switch_task_namespaces;
    // Tells who looks that it has others.
    #[cfg(CONFIG_PERF_EVENTS)]
    perf_event_namespaces(me: &Current) = __SCT__pidns_perf_event_namespaces;
}

fields! {
    FsStruct {
        part root: &Path = root;
        part pwd: &Path = pwd;
    }
}

impl NsCommon {
    /// Puts it into the current task's `set`, if that may have it.
    fn install(&self, set: &mut nsset) -> Result {
        // SAFETY: Every namespace has operations, pid namespaces while the module is complete: `setns` found that it
        // is, and is counted.
        to_result(unsafe {
            let operations: *const proc_ns_operations = (*self.as_ptr()).ops.cast();
            let install = (*operations).install.ok_or(EINVAL)?;
            install(set, self.as_ptr())
        })
    }
}
