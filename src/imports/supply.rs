// SPDX-License-Identifier: GPL-2.0

//! Supply mode: what the module takes of a kernel without pid namespaces.

use crate::{
    bindings::{
        kuid_t,
        proc_ns_operations,
        spinlock_t,
        ucount_type_UCOUNT_PID_NAMESPACES,
        ucounts,
        vfsmount, //
    },
    held::{
        counted,
        Held, //
    },
    hook::{
        imports,
        Data, //
    },
    imports::arguments::{
        PidNamespaces,
        SendSigPriv,
        WholeProcess, //
    },
    object::{
        objects,
        File,
        FsStruct,
        MntNs,
        NsCommon,
        Path,
        Pid,
        Task,
        UserNs, //
    },
};
use kernel::prelude::*;

/// `kernel/pid.c: pidmap_lock`, which protects the numbers and counts of every namespace.
pub(crate) static PIDMAP_LOCK: Data<spinlock_t> = Data::new(c"pidmap_lock");
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
    DELAYED_PUT_PID.find()?;
    NSFS_MNT.find()?;
    PROC_NS_INSTANTIATE.find()?;
    NS_OPERATIONS.iter().flatten().try_for_each(Data::find)
}

objects! {
    /// One more in the count of pid namespaces that a user may have, here and above.
    Ucounts(ucounts);
}

counted! {
    Ucounts: kernel_fn::dec_ucount, ucount_type_UCOUNT_PID_NAMESPACES;
}

imports! {
    pidfs_add_pid;
    pidfs_prepare_pid;
    pidfs_remove_pid;
    // They count for what user space can see of a namespace, and keep nothing.
    __ns_ref_active_get(ns: &NsCommon);
    __ns_ref_active_put(ns: &NsCommon);
    __ns_common_init;
    __ns_common_free;
    __ns_tree_gen_id;
    __ns_tree_add_raw;
    register_pidns_sysctls;
    unregister_pidns_sysctls;
    // Whether the first is the second or above it.
    in_userns(ancestor: &UserNs, child: &UserNs) -> bool;
    // Counts one more; null if that is too many.
    inc_ucount(user_ns: &UserNs, user: kuid_t, kind: PidNamespaces) -> Option<Held<Ucounts>>;
    dec_ucount;
    exit_ptrace;
    release_task;
    group_send_sig_info(sig: c_int, info: SendSigPriv, task: &Task, kind: WholeProcess) -> c_int;
    #[cfg(CONFIG_BSD_PROCESS_ACCT)] acct_exit_ns(ns: &crate::object::PidNs);
    task_work_add;
    ns_tree_lookup_rcu<'rcu>(id: u64, kind: c_int) -> Option<&'rcu NsCommon>;
    path_from_stashed;
    // Of the current task.
    may_see_all_namespaces() -> bool;
    open_namespace;
    proc_ns_instantiate;
    proc_fill_cache;
    // Takes the task's lock.
    ptrace_may_access(task: &Task, mode: c_uint) -> bool;
    // A pidfd holds its pid; `EBADF` for another file.
    pidfd_pid(file: &File) -> Result<&Pid>;
    proc_ns_file(file: &File) -> bool;
    from_mnt_ns(ns: &MntNs) -> &NsCommon;
    copy_fs_struct(fs: &FsStruct) -> Option<Held<FsStruct>>;
    free_fs_struct;
    set_fs_root(fs: &FsStruct, path: &Path);
    set_fs_pwd(fs: &FsStruct, path: &Path);
    #[cfg(CONFIG_SYSVIPC)] exit_sem;
    #[cfg(CONFIG_TIME_NS)] timens_commit;
    switch_task_namespaces;
    deactivate_nsproxy;
    nsproxy_free;
    #[cfg(CONFIG_PERF_EVENTS)] perf_event_namespaces;
}
