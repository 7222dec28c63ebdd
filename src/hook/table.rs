// SPDX-License-Identifier: GPL-2.0

//! Every hooked function, what replaces it, and whether the original is called.
//!
//! `docs/ARCHITECTURE.md` says why each is hooked.

use super::{
    call::{call, Call},
    kernel_fn, refuse, symbol,
};
use crate::{bindings, namespace, pid, signal, surface};
use core::{
    ffi::c_void,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{ffi::c_ulong, prelude::*, str::CStr};

/// `kernel.ftrace_enabled` cannot be set to 0 while functions are hooked: with some of them the
/// kernel's again, references would be dropped that were never counted.
pub(super) const PERMANENT: c_ulong = bindings::FTRACE_OPS_FL_PERMANENT as c_ulong;

/// A kernel function and its replacement.
pub(super) struct Hook {
    name: &'static CStr,
    replacement: *const c_void,
    /// The call of the original, if the replacement calls it.
    original: Option<Call>,
    /// Where the function is patched: its ftrace location. 0 until it is found.
    site: AtomicUsize,
    /// Whether the site becomes a jump; otherwise the function is redirected.
    jumps: AtomicBool,
}

// SAFETY: The pointer is the address of a function; the rest is `Sync`.
unsafe impl Sync for Hook {}

impl Hook {
    /// Finds the function's patch site.
    pub(super) fn find(&self) -> Result {
        let address = symbol::find(self.name)?;
        // SAFETY: A pure query; the call is bound before any hook is looked up.
        let site = unsafe { kernel_fn::ftrace_location(address) };
        if site == 0 {
            return Err(refuse(
                "this kernel's ftrace cannot hook",
                self.name,
                EOPNOTSUPP,
            ));
        }
        self.site.store(site, Ordering::Relaxed);
        Ok(())
    }

    /// Makes calls of the original go behind its patch site.
    pub(super) fn bind_original(&self) {
        if let Some(call) = &self.original {
            call.bind(self.site() + bindings::MCOUNT_INSN_SIZE as usize);
        }
    }

    /// Decides how the function is replaced. Once and for all: were a jump that another direct user
    /// has meanwhile made impossible to become a redirect, or the other way round, between the
    /// passes that arm the two, the function would be in neither or in both.
    pub(super) fn decide(&self, jumps: bool) {
        self.jumps.store(jumps, Ordering::Relaxed);
    }

    pub(super) fn jumps(&self) -> bool {
        self.jumps.load(Ordering::Relaxed)
    }

    pub(super) fn name(&self) -> &'static CStr {
        self.name
    }

    pub(super) fn site(&self) -> usize {
        self.site.load(Ordering::Relaxed)
    }

    pub(super) fn replacement(&self) -> usize {
        self.replacement as usize
    }
}

macro_rules! original {
    ($name:ident replaced) => {
        None
    };
    ($name:ident wrapped) => {
        Some(call!($name))
    };
}

/// The C prototype of the function: the compiler compares it with the replacement's.
macro_rules! prototype {
    ($name:ident replaced) => {
        bindings::$name
    };
    ($name:ident wrapped) => {
        original::$name
    };
}

macro_rules! export {
    ($(#[$cfg:meta])* $name:ident replaced) => {};
    ($(#[$cfg:meta])* $name:ident wrapped) => {
        ::kernel::macros::paste! {
            $(#[$cfg])*
            pub(crate) use $crate::bindings::[<__SCT__pidns_ $name>] as $name;
        }
    };
}

macro_rules! hooks {
    ($($(#[$cfg:meta])* $name:ident => $replacement:path, $kind:ident;)*) => {
        const COUNT: usize = [$($(#[$cfg])* stringify!($name)),*].len();

        pub(super) static HOOKS: [Hook; COUNT] = [$(
            $(#[$cfg])*
            Hook {
                name: match ::core::ffi::CStr::from_bytes_with_nul(
                    concat!(stringify!($name), "\0").as_bytes()
                ) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
                replacement: $replacement as *const c_void,
                original: original!($name $kind),
                site: AtomicUsize::new(0),
                jumps: AtomicBool::new(false),
            }
        ),*];

        const _: () = {
            $($(#[$cfg])* { let _ = [prototype!($name $kind), $replacement]; })*
        };

        /// The originals, to be called.
        pub(crate) mod original {
            $(export!($(#[$cfg])* $name $kind);)*
        }
    };
}

hooks! {
    // The chain.
    alloc_pid => pid::alloc::alloc_pid, replaced;
    free_pid => pid::free::free_pid, replaced;
    pidfs_free_pid => pid::free::pidfs_free_pid, wrapped;

    // A namespace's life: created, held, reaped.
    create_new_namespaces => surface::unshare::create_new_namespaces, wrapped;
    nsproxy_ns_active_get => namespace::nsproxy::nsproxy_ns_active_get, wrapped;
    nsproxy_ns_active_put => namespace::nsproxy::nsproxy_ns_active_put, wrapped;
    exit_tasks_rcu_start => namespace::reaper::exit_tasks_rcu_start, wrapped;

    // Signals.
    send_signal_locked => signal::send::send_signal_locked, wrapped;

    // Whoever else keeps a namespace.
    proc_init_fs_context => surface::procfs::proc_init_fs_context, wrapped;
    proc_fs_context_free => surface::procfs::proc_fs_context_free, wrapped;
    proc_fill_super => surface::procfs::proc_fill_super, wrapped;
    proc_kill_sb => surface::procfs::proc_kill_sb, wrapped;
    #[cfg(CONFIG_SYSVIPC)]
    sysvipc_proc_open => surface::sysvipc::sysvipc_proc_open, wrapped;
    #[cfg(CONFIG_SYSVIPC)]
    sysvipc_proc_release => surface::sysvipc::sysvipc_proc_release, wrapped;
    #[cfg(CONFIG_BPF_SYSCALL)]
    init_seq_pidns => surface::bpf::init_seq_pidns, wrapped;
    #[cfg(CONFIG_BPF_SYSCALL)]
    fini_seq_pidns => surface::bpf::fini_seq_pidns, wrapped;
    #[cfg(CONFIG_FUSE_FS = "y")]
    fuse_conn_init => surface::fuse::fuse_conn_init, wrapped;
    #[cfg(CONFIG_FUSE_FS = "y")]
    fuse_free_conn => surface::fuse::fuse_free_conn, wrapped;
    #[cfg(CONFIG_CUSE = "y")]
    cuse_fc_release => surface::fuse::cuse_fc_release, wrapped;
    #[cfg(CONFIG_PERF_EVENTS)]
    perf_event_alloc => surface::perf::perf_event_alloc, wrapped;
    #[cfg(CONFIG_PERF_EVENTS)]
    free_event_rcu => surface::perf::free_event_rcu, wrapped;

    // Files of namespaces: links in procfs, nsfs, file handles, listns(2).
    proc_ns_dir_readdir => surface::procns::proc_ns_dir_readdir, wrapped;
    proc_ns_dir_lookup => surface::procns::proc_ns_dir_lookup, wrapped;
    proc_ns_get_link => surface::procns::proc_ns_get_link, wrapped;
    proc_ns_readlink => surface::procns::proc_ns_readlink, wrapped;
    nsfs_init_inode => surface::nsfs::nsfs_init_inode, wrapped;
    nsfs_evict => surface::nsfs::nsfs_evict, wrapped;
    nsfs_fh_to_dentry => surface::nsfs::nsfs_fh_to_dentry, wrapped;
    is_current_namespace => surface::nsfs::is_current_namespace, wrapped;

    // What pidfds, procfs and perf tell.
    pidfd_ioctl => surface::pidfd::pidfd_ioctl, wrapped;
    pidfd_show_fdinfo => surface::pidfd::pidfd_show_fdinfo, wrapped;
    proc_pid_status => surface::status::proc_pid_status, wrapped;
    proc_parse_param => surface::pidns_option::proc_parse_param, wrapped;
    #[cfg(CONFIG_PERF_EVENTS)]
    perf_event_namespaces_output => surface::perf::perf_event_namespaces_output, wrapped;

    // System calls that were compiled without their part for pid namespaces.
    #[cfg(CONFIG_X86_64)]
    __x64_sys_setns => surface::setns::__x64_sys_setns, wrapped;
    #[cfg(CONFIG_IA32_EMULATION)]
    __ia32_sys_setns => surface::setns::__ia32_sys_setns, wrapped;
    #[cfg(all(CONFIG_MEMFD_CREATE, CONFIG_X86_64))]
    __x64_sys_memfd_create => surface::memfd::__x64_sys_memfd_create, wrapped;
    #[cfg(all(CONFIG_MEMFD_CREATE, CONFIG_IA32_EMULATION))]
    __ia32_sys_memfd_create => surface::memfd::__ia32_sys_memfd_create, wrapped;

    // A namespace's root may reboot the namespace, and nothing else.
    #[cfg(CONFIG_X86_64)]
    __x64_sys_reboot => surface::reboot::__x64_sys_reboot, wrapped;
    #[cfg(CONFIG_IA32_EMULATION)]
    __ia32_sys_reboot => surface::reboot::__ia32_sys_reboot, wrapped;
}
