// SPDX-License-Identifier: GPL-2.0

//! `reboot(2)` in a namespace ends the namespace (`kernel/pid_namespace.c: reboot_pid_ns`).
//!
//! The kernel's system call was compiled without that: the root of a namespace, who has the
//! capability there, would reboot the machine.

use super::syscall::Call;
use crate::{
    bindings::{
        self,
        pt_regs, //
    },
    chain::Tasklist,
    imports::kernel_fn,
    object::{
        setters,
        PidNs, //
    },
    task::Current,
};
use core::cell::Cell;
use kernel::prelude::*;

/// What a task asks for.
struct Request {
    magic1: u32,
    magic2: u32,
    command: u32,
}

impl Request {
    /// The signal that the namespace's init appears to be killed by.
    ///
    /// # Errors
    ///
    /// `EPERM` without the capability in the owner of `ns`, `EINVAL` for wrong magic numbers and
    /// for commands that mean the machine.
    fn check(&self, ns: &PidNs) -> Result<u32> {
        if !kernel_fn::ns_capable(ns.user_ns(), bindings::CAP_SYS_BOOT as c_int) {
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

setters! {
    PidNs {
        set_reboot(c_int) = reboot;
    }
}

/// May sleep, and not return.
pub(crate) fn reboot(call: Call<'_, impl FnOnce(&Cell<pt_regs>) -> c_long>) -> c_long {
    let current = Current::get();
    let ns = current.active_ns();
    if ns.is_initial() {
        return call.pass_on();
    }
    let [magic1, magic2, command] = call.arguments().map(|argument| argument as u32);
    let request = Request {
        magic1,
        magic2,
        command,
    };
    match request.check(ns) {
        Ok(signal) => {
            // The namespace keeps the module: the current task is in it until the end.
            drop(call);
            end(ns, signal)
        }
        Err(error) => error.to_errno() as c_long,
    }
}

/// Ends `ns`, in which the current task is, and the current task with it.
fn end(ns: &PidNs, signal: u32) -> ! {
    ns.set_reboot(signal as c_int);
    let tasklist = Tasklist::lock();
    // SAFETY: `ns` has an init, since the current task lives in it, and the lock keeps that. Then the system call is
    // over, and no guard of ours is left on the stack.
    unsafe {
        bindings::send_sig(bindings::SIGKILL as c_int, ns.child_reaper(), 1);
        drop(tasklist);
        bindings::do_exit(0)
    }
}
