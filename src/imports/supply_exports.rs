// SPDX-License-Identifier: GPL-2.0

//! The same as in `exports`, for supply mode: namespaces, rights and files.

use crate::{
    bindings,
    edge::exports,
    held::{
        counted,
        Held, //
    },
    imports::arguments::NsKind,
    object::{
        objects,
        Dentry,
        DirContext,
        File,
        GoneInode,
        Inode,
        NewCred,
        NsCommon,
        NsProxy,
        Pid,
        PidType,
        ProcInode,
        SeqFile,
        SuperBlock,
        Task,
        UserNs, //
    },
};
use core::ffi::CStr;
use kernel::prelude::*;

objects! {
    /// A queue of work.
    Workqueue(bindings::workqueue_struct);
}

counted! {
    /// Waits until the work in it is done.
    Workqueue: bindings::destroy_workqueue;
}

exports! {
    // A queue of ours, or null. May sleep.
    alloc_workqueue() -> Option<Held<Workqueue>> = pidns_alloc_workqueue;

    // One more reference.
    get_user_ns(user_ns: &UserNs) -> Held<UserNs> = pidns_get_user_ns;
    get_nsproxy(proxy: &NsProxy) -> Held<NsProxy> = pidns_get_nsproxy;

    // The namespace of a kind.
    nsproxy_ns(proxy: &NsProxy, kind: NsKind) -> &NsCommon = pidns_nsproxy_ns;
    // The task that has `pid` as such, if it was not reaped yet.
    get_pid_task(pid: &Pid, kind: PidType) -> Option<Held<Task>> = get_pid_task;
    // The namespace of users that a task has its rights in.
    task_user_ns<'rcu>(task: &Task) -> &'rcu UserNs = pidns_task_user_ns;
    // A copy of the current task's rights, and other rights for it. May sleep.
    prepare_creds() -> Option<Held<NewCred>> = prepare_creds;
    commit_creds(new: Held<NewCred>) -> c_int = commit_creds;

    // A file that the current task has open (not with `O_PATH`), or opens. May sleep.
    fget(fd: u32) -> Option<Held<File>> = fget;
    filp_open(name: &CStr, flags: c_int, mode: u16) -> Result<Held<File>> = filp_open;

    // What is added to what is read.
    seq_puts(seq: &SeqFile, text: &CStr) = __seq_puts;
    seq_put_decimal_ll(seq: &SeqFile, delimiter: &CStr, number: i64) = seq_put_decimal_ll;
    // Lists `.` and `..`; whether there is room for more.
    dir_emit_dots(directory: &File, context: &DirContext) -> bool = pidns_dir_emit_dots;

    // Whose directory an inode of procfs is in; where it leads to, if it is a link to a namespace.
    proc_pid(inode: &ProcInode) -> Option<&Pid> = pidns_proc_pid;
    proc_ns_ops(inode: &ProcInode) -> *const bindings::proc_ns_operations = pidns_proc_ns_ops;

    // An inode, if it is not about to go; a superblock that stays active, if it is so.
    igrab(inode: &Inode) -> Option<Held<Inode>> = igrab;
    super_active(sb: &SuperBlock) -> Option<Held<SuperBlock>> = pidns_super_active;
    // An inode that is going has nothing of the page cache any more.
    clear_inode(inode: &GoneInode) = clear_inode;
    // Whoever uses `inode` gets `EIO` from then on. May sleep.
    make_bad_inode(inode: &Inode) = make_bad_inode;
    is_bad_inode(inode: &Inode) -> bool = is_bad_inode;
    // A name by which an inode can be found; nobody finds it any more, and what is mounted below goes. May sleep.
    d_find_alias(inode: &Inode) -> Option<Held<Dentry>> = d_find_alias;
    d_invalidate(name: &Dentry) = d_invalidate;
}
