// SPDX-License-Identifier: GPL-2.0

//! Supply mode: the functions that are hooked in a kernel without pid namespaces of its own.
//!
//! `docs/ARCHITECTURE.md` says why each function is hooked.

use crate::{hook::hooks, namespace, pid, surface};

hooks! {
    // The chain.
    alloc_pid => pid::alloc_pid, replaced;
    free_pid in c"free_pids" => pid::free_pid, replaced;
    pidfs_free_pid => pid::pidfs_free_pid, wrapped;

    // A namespace's life: created, held, reaped.
    create_new_namespaces in c"copy_namespaces", c"unshare_nsproxy_namespaces" => surface::unshare::create_new_namespaces, wrapped;
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
    fuse_conn_init in c"fuse_get_tree" => surface::fuse::fuse_conn_init, wrapped;
    #[cfg(CONFIG_FUSE_FS = "y")]
    fuse_free_conn => surface::fuse::fuse_free_conn, wrapped;
    #[cfg(CONFIG_CUSE = "y")]
    cuse_fc_release => surface::fuse::cuse_fc_release, wrapped;
    #[cfg(CONFIG_PERF_EVENTS)]
    perf_event_alloc => surface::perf::perf_event_alloc, kept;
    #[cfg(CONFIG_PERF_EVENTS)]
    free_event_rcu => surface::perf::free_event_rcu, wrapped;

    // Files of namespaces: links in procfs, nsfs, file handles, listns(2).
    proc_ns_dir_readdir => surface::procns::proc_ns_dir_readdir, kept;
    proc_ns_dir_lookup => surface::procns::proc_ns_dir_lookup, wrapped;
    proc_ns_get_link => surface::procns::proc_ns_get_link, wrapped when surface::procns::follows_own;
    proc_ns_readlink => surface::procns::proc_ns_readlink, wrapped when surface::procns::reads_own;
    nsfs_init_inode => surface::nsfs::nsfs_init_inode, wrapped;
    nsfs_evict => surface::nsfs::nsfs_evict, wrapped;
    nsfs_fh_to_dentry => surface::nsfs::nsfs_fh_to_dentry, wrapped;
    is_current_namespace => surface::nsfs::is_current_namespace, wrapped;

    // What pidfds, procfs and perf tell.
    pidfd_ioctl => surface::pidfd::pidfd_ioctl, kept;
    pidfd_show_fdinfo => surface::pidfd::pidfd_show_fdinfo, wrapped;
    proc_pid_status => surface::status::proc_pid_status, kept;
    proc_parse_param => surface::pidns_option::proc_parse_param, kept;
    #[cfg(CONFIG_PERF_EVENTS)]
    perf_event_namespaces_output => surface::perf::perf_event_namespaces_output, wrapped;

    proc_sys_lookup => surface::pid_max::proc_sys_lookup, wrapped when surface::pid_max::is_missing;
}
