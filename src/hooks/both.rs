// SPDX-License-Identifier: GPL-2.0

//! The functions that are hooked in every kernel.
//!
//! `docs/ARCHITECTURE.md` says why each function is hooked.

#[cfg(not(CONFIG_PID_NS))]
use crate::surface::pid_max::proc_sys_readdir;
#[cfg(CONFIG_PID_NS)]
use crate::sysctl::directory::proc_sys_readdir;
use crate::{hook::hooks, signal, sysctl};

hooks! {
    // Sysctls of the module's, while it comes or goes.
    proc_sys_read => sysctl::proc_sys_read, wrapped when sysctl::is_own;
    proc_sys_write => sysctl::proc_sys_write, wrapped when sysctl::is_own;
    proc_sys_readdir => proc_sys_readdir, wrapped when sysctl::directory::lists_own;
    // The two sides of an init.
    send_signal_locked in c"do_send_sig_info" => signal::send_signal_locked, replaced;
    dequeue_signal in c"get_signal" => signal::dequeue_signal, wrapped;
    exit_signals => signal::exit_signals, wrapped;
    do_notify_parent => signal::do_notify_parent, wrapped;
    ptrace_stop or c"ptrace_stop.part.0" in c"ptrace_signal" | c"get_signal" => signal::ptrace_stop, kept when signal::shows_signal;
}
