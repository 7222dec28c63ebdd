// SPDX-License-Identifier: GPL-2.0

//! `reboot(2)` in a namespace ends the namespace (`kernel/pid_namespace.c: reboot_pid_ns`).
//!
//! The kernel's system call was compiled without that: the root of a namespace, who has the
//! capability there, would reboot the machine.

use crate::{
    bindings::{self, pid_namespace, pt_regs},
    hook::{original, Inside, TASKLIST_LOCK},
    pid::{current_ns, is_first},
};
use kernel::prelude::*;

/// What a task asks for.
struct Call {
    magic1: u32,
    magic2: u32,
    command: u32,
}

impl Call {
    /// The signal that the namespace's init appears to be killed by.
    ///
    /// # Errors
    ///
    /// `EPERM` without the capability in the owner of `ns`, `EINVAL` for wrong magic numbers and
    /// for commands that mean the machine.
    fn check(&self, ns: *mut pid_namespace) -> Result<u32> {
        // SAFETY: The current task's namespace holds its owner.
        if !unsafe { bindings::ns_capable((*ns).user_ns, bindings::CAP_SYS_BOOT as c_int) } {
            return Err(EPERM);
        }
        let magic2 = [
            bindings::LINUX_REBOOT_MAGIC2,
            bindings::LINUX_REBOOT_MAGIC2A,
            bindings::LINUX_REBOOT_MAGIC2B,
            bindings::LINUX_REBOOT_MAGIC2C,
        ];
        if self.magic1 != bindings::LINUX_REBOOT_MAGIC1 || !magic2.contains(&self.magic2) {
            return Err(EINVAL);
        }
        match self.command {
            bindings::LINUX_REBOOT_CMD_RESTART | bindings::LINUX_REBOOT_CMD_RESTART2 => {
                Ok(bindings::SIGHUP)
            }
            bindings::LINUX_REBOOT_CMD_POWER_OFF | bindings::LINUX_REBOOT_CMD_HALT => {
                Ok(bindings::SIGINT)
            }
            _ => Err(EINVAL),
        }
    }
}

/// Ends `ns`, and the current task with it: does not return if the call is right.
fn reboot_ns(ns: *mut pid_namespace, call: Call) -> c_long {
    let signal = match call.check(ns) {
        Ok(signal) => signal,
        Err(error) => return error.to_errno() as c_long,
    };
    // SAFETY: The current task is in `ns`, whose init therefore lives; the lock keeps it.
    unsafe {
        (*ns).reboot = signal as c_int;
        bindings::pidns_read_lock(TASKLIST_LOCK.get());
        bindings::send_sig(bindings::SIGKILL as c_int, (*ns).child_reaper, 1);
        bindings::pidns_read_unlock(TASKLIST_LOCK.get());
        // The system call is over, and no guard of ours is left on the stack.
        bindings::do_exit(0)
    }
}

/// Wraps the system call of 64-bit programs.
///
/// # Safety
///
/// The kernel's: `regs` are those of the current task. May sleep, and not return.
pub(crate) unsafe extern "C" fn __x64_sys_reboot(regs: *const pt_regs) -> c_long {
    let ns = current_ns();
    // SAFETY: The caller's promise.
    unsafe {
        if is_first(ns) {
            let _inside = Inside::enter();
            return original::__x64_sys_reboot(regs);
        }
        let call = Call {
            magic1: (*regs).di as u32,
            magic2: (*regs).si as u32,
            command: (*regs).dx as u32,
        };
        reboot_ns(ns, call)
    }
}

/// Wraps the system call of 32-bit programs.
///
/// # Safety
///
/// As above.
#[cfg(CONFIG_IA32_EMULATION)]
pub(crate) unsafe extern "C" fn __ia32_sys_reboot(regs: *const pt_regs) -> c_long {
    let ns = current_ns();
    // SAFETY: The caller's promise.
    unsafe {
        if is_first(ns) {
            let _inside = Inside::enter();
            return original::__ia32_sys_reboot(regs);
        }
        let call = Call {
            magic1: (*regs).bx as u32,
            magic2: (*regs).cx as u32,
            command: (*regs).dx as u32,
        };
        reboot_ns(ns, call)
    }
}
