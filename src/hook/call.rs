// SPDX-License-Identifier: GPL-2.0

//! Calls of kernel functions that no module may call by name.
//!
//! They go through static calls: a trampoline that the kernel patches to a direct jump. A call
//! through a pointer would fault under IBT, both in the middle of a function (an original, behind
//! its patch site) and at the start of one whose `endbr64` was sealed at boot.

use super::symbol;
use crate::bindings::{self, static_call_key};
use kernel::{prelude::*, str::CStr};

/// A static call of `src/bindings/input.h`.
pub(super) struct Call {
    name: &'static CStr,
    key: *mut static_call_key,
    trampoline: *const c_void,
}

// SAFETY: The fields are addresses of statics; only the kernel writes what they point to.
unsafe impl Sync for Call {}

impl Call {
    pub(super) const fn new(
        name: &'static CStr,
        key: *mut static_call_key,
        trampoline: *const c_void,
    ) -> Self {
        Self {
            name,
            key,
            trampoline,
        }
    }

    /// Makes the call go to `address`. May sleep.
    pub(super) fn bind(&self, address: usize) {
        // SAFETY: Key and trampoline belong together (one macro makes both), and `address` is that
        // of the function whose type the trampoline was declared with, or behind its patch site.
        unsafe {
            bindings::__static_call_update(
                self.key,
                self.trampoline.cast_mut(),
                address as *mut c_void,
            )
        };
    }
}

/// The [`Call`] of a kernel function.
macro_rules! call {
    ($name:ident) => {
        ::kernel::macros::paste! {
            $crate::hook::call::Call::new(
                match ::core::ffi::CStr::from_bytes_with_nul(
                    concat!(stringify!($name), "\0").as_bytes()
                ) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
                &raw mut $crate::bindings::[<__SCK__pidns_ $name>],
                $crate::bindings::[<__SCT__pidns_ $name>] as *const ::core::ffi::c_void,
            )
        }
    };
}
pub(super) use call;

macro_rules! imports {
    ($($(#[$cfg:meta])* $name:ident)*) => {
        /// Functions that the kernel does not export.
        static IMPORTS: &[Call] = &[$($(#[$cfg])* call!($name)),*];

        /// The same, to be called.
        pub(crate) mod kernel_fn {
            $(
                ::kernel::macros::paste! {
                    $(#[$cfg])*
                    pub(crate) use $crate::bindings::[<__SCT__pidns_ $name>] as $name;
                }
            )*
        }
    };
}

imports! {
    kallsyms_on_each_match_symbol
    ftrace_location
    #[cfg(pidns_jumps)] alloc_ftrace_hash
    #[cfg(pidns_jumps)] free_ftrace_hash
    #[cfg(pidns_jumps)] add_ftrace_hash_entry_direct
    #[cfg(pidns_jumps)] update_ftrace_direct_add
    #[cfg(pidns_jumps)] update_ftrace_direct_del
    #[cfg(pidns_jumps)] ftrace_find_rec_direct
    pidfs_add_pid
    pidfs_prepare_pid
    pidfs_remove_pid
    __ns_ref_active_get
    __ns_ref_active_put
    __ns_common_init
    __ns_common_free
    __ns_tree_gen_id
    __ns_tree_add_raw
    register_pidns_sysctls
    unregister_pidns_sysctls
    in_userns
    inc_ucount
    dec_ucount
    exit_ptrace
    release_task
    group_send_sig_info
    kernel_wait4
    #[cfg(CONFIG_BSD_PROCESS_ACCT)] acct_exit_ns
    task_work_add
    siginfo_layout
    __send_signal_locked
    ns_tree_lookup_rcu
    path_from_stashed
    may_see_all_namespaces
    open_namespace
    proc_ns_instantiate
    proc_fill_cache
    ptrace_may_access
    pidfd_pid
    proc_ns_file
    from_mnt_ns
    copy_fs_struct
    free_fs_struct
    set_fs_root
    set_fs_pwd
    #[cfg(CONFIG_SYSVIPC)] exit_sem
    #[cfg(CONFIG_TIME_NS)] timens_commit
    switch_task_namespaces
    deactivate_nsproxy
    nsproxy_free
    #[cfg(CONFIG_PERF_EVENTS)] perf_event_namespaces
}

/// Binds the call of the function that finds all others.
pub(super) fn bind_symbol_table(address: usize) {
    IMPORTS[0].bind(address);
}

/// Finds and binds every function that is not exported, the symbol table's own apart.
pub(super) fn bind_all() -> Result {
    for call in &IMPORTS[1..] {
        call.bind(symbol::find(call.name)?);
    }
    Ok(())
}
