// SPDX-License-Identifier: GPL-2.0

//! Supply mode: what the module touches in a kernel without pid namespaces of its own.
//!
//! `docs/ARCHITECTURE.md` says why each function is hooked.

use super::{call::imports, symbol::Data, table::hooks};
use crate::{
    bindings::{proc_ns_operations, rwlock_t, spinlock_t, vfsmount},
    namespace, pid, surface,
};
use kernel::prelude::*;

/// `kernel/pid.c: pidmap_lock`, which protects the numbers and counts of every namespace.
pub(crate) static PIDMAP_LOCK: Data<spinlock_t> = Data::new(c"pidmap_lock");
/// `kernel/fork.c: tasklist_lock`.
pub(crate) static TASKLIST_LOCK: Data<rwlock_t> = Data::new(c"tasklist_lock");
/// `kernel/pid.c: delayed_put_pid`, an RCU callback.
pub(crate) static DELAYED_PUT_PID: Data<c_void> = Data::new(c"delayed_put_pid");

/// `fs/nsfs.c: nsfs_mnt`, on which the files of namespaces are.
pub(crate) static NSFS_MNT: Data<*mut vfsmount> = Data::new(c"nsfs_mnt");
/// `fs/proc/namespaces.c: proc_ns_instantiate`, a callback.
pub(crate) static PROC_NS_INSTANTIATE: Data<c_void> = Data::new(c"proc_ns_instantiate");
/// How many kinds of namespaces and links to them this kernel lists.
const NS_KINDS: usize = 2
    + cfg!(CONFIG_NET_NS) as usize
    + cfg!(CONFIG_UTS_NS) as usize
    + cfg!(CONFIG_IPC_NS) as usize
    + cfg!(CONFIG_USER_NS) as usize
    + cfg!(CONFIG_CGROUPS) as usize
    + 2 * cfg!(CONFIG_TIME_NS) as usize;
/// `fs/proc/namespaces.c: ns_entries`, in the order in which they are listed; `None` is the place of
/// pid namespaces.
pub(crate) static NS_OPERATIONS: [Option<Data<proc_ns_operations>>; NS_KINDS] = [
    #[cfg(CONFIG_NET_NS)]
    Some(Data::new(c"netns_operations")),
    #[cfg(CONFIG_UTS_NS)]
    Some(Data::new(c"utsns_operations")),
    #[cfg(CONFIG_IPC_NS)]
    Some(Data::new(c"ipcns_operations")),
    None,
    #[cfg(CONFIG_USER_NS)]
    Some(Data::new(c"userns_operations")),
    Some(Data::new(c"mntns_operations")),
    #[cfg(CONFIG_CGROUPS)]
    Some(Data::new(c"cgroupns_operations")),
    #[cfg(CONFIG_TIME_NS)]
    Some(Data::new(c"timens_operations")),
    #[cfg(CONFIG_TIME_NS)]
    Some(Data::new(c"timens_for_children_operations")),
];

/// Looks up the data above.
pub(super) fn find_data() -> Result {
    PIDMAP_LOCK.find()?;
    TASKLIST_LOCK.find()?;
    DELAYED_PUT_PID.find()?;
    NSFS_MNT.find()?;
    PROC_NS_INSTANTIATE.find()?;
    NS_OPERATIONS.iter().flatten().try_for_each(Data::find)
}

imports! {
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
