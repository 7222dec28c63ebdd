/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads: the kernel functions that no module may call by name
 * (they are reached through static calls) and the shims.
 */
#ifndef PIDNS_INPUT_H
#define PIDNS_INPUT_H

/* That of the module; dkms.conf and debian/changelog repeat it, and scripts/check compares them. */
#define PIDNS_VERSION "0.1.0"

#include <linux/acct.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/cgroup_namespace.h>
#include <linux/cn_proc.h>
#include <linux/coredump.h>
#include <linux/ftrace.h>
#include <linux/exportfs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/fs_struct.h>
#include <linux/idr.h>
#include <linux/ipc_namespace.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/major.h>
#include <linux/memfd.h>
#include <linux/mnt_namespace.h>
#include <linux/nsfs.h>
#include <linux/nstree.h>
#include <linux/perf_event.h>
#include <linux/pid_namespace.h>
#include <linux/pidfs.h>
#include <linux/proc_fs.h>
#include <linux/proc_ns.h>
#include <linux/ptrace.h>
#include <linux/random.h>
#include <linux/rcupdate_wait.h>
#include <linux/reboot.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sem.h>
#include <linux/srcu.h>
#include <linux/static_call.h>
#include <linux/task_work.h>
#include <linux/time_namespace.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <asm/syscall.h>
#include <uapi/linux/memfd.h>
#include <uapi/linux/pidfd.h>
#include <uapi/linux/wait.h>
/* Private headers of the kernel's source, found from its include folder; the second is not meant
 * for modules and asserts a value that is another in them. */
#include "../fs/internal.h"
#define PROC_ENTRY_PERMANENT 1
#include "../fs/proc/internal.h"
#undef PROC_ENTRY_PERMANENT
/* A macro without CONFIG_BSD_PROCESS_ACCT: not called then, but in the list of calls. */
#undef acct_exit_ns

/* Static in the kernel, or in a header of its own folder: declared nowhere that a module can read. */
struct fuse_conn;
struct fuse_mount;
struct fuse_chan;

void acct_exit_ns(struct pid_namespace *ns);
struct nsproxy *create_new_namespaces(u64 flags, struct task_struct *tsk,
				      struct user_namespace *user_ns, struct fs_struct *new_fs);
int __send_signal_locked(int sig, struct kernel_siginfo *info, struct task_struct *t,
			 enum pid_type type, bool force);
int is_current_pgrp_orphaned(void);
int ptrace_stop(int exit_code, int why, unsigned long message, kernel_siginfo_t *info);
int pty_open(struct tty_struct *tty, struct file *filp);
ssize_t pty_write(struct tty_struct *tty, const u8 *buf, size_t c);
void n_tty_receive_signal_char(struct tty_struct *tty, int signal, u8 c);
int proc_init_fs_context(struct fs_context *fc);
void proc_fs_context_free(struct fs_context *fc);
int proc_fill_super(struct super_block *s, struct fs_context *fc);
void proc_kill_sb(struct super_block *sb);
int sysvipc_proc_open(struct inode *inode, struct file *file);
int sysvipc_proc_release(struct inode *inode, struct file *file);
int init_seq_pidns(void *priv_data, struct bpf_iter_aux_info *aux);
void fini_seq_pidns(void *priv_data);
void fuse_conn_init(struct fuse_conn *fc, struct fuse_mount *fm,
		    struct user_namespace *user_ns, struct fuse_chan *fch);
void fuse_free_conn(struct fuse_conn *fc);
void cuse_fc_release(struct fuse_conn *fc);
struct perf_event *perf_event_alloc(struct perf_event_attr *attr, int cpu, struct task_struct *task,
				    struct perf_event *group_leader,
				    struct perf_event *parent_event,
				    perf_overflow_handler_t overflow_handler, void *context,
				    int cgroup_fd);
void free_event_rcu(struct rcu_head *head);
ssize_t proc_sys_read(struct kiocb *iocb, struct iov_iter *iter);
ssize_t proc_sys_write(struct kiocb *iocb, struct iov_iter *iter);
int proc_sys_readdir(struct file *file, struct dir_context *ctx);
struct dentry *proc_sys_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags);
int proc_ns_dir_readdir(struct file *file, struct dir_context *ctx);
struct dentry *proc_ns_dir_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags);
struct dentry *proc_ns_instantiate(struct dentry *dentry, struct task_struct *task,
				   const void *ptr);
const char *proc_ns_get_link(struct dentry *dentry, struct inode *inode,
			     struct delayed_call *done);
int proc_ns_readlink(struct dentry *dentry, char __user *buffer, int buflen);
int proc_parse_param(struct fs_context *fc, struct fs_parameter *param);
int nsfs_init_inode(struct inode *inode, void *data);
void nsfs_evict(struct inode *inode);
struct dentry *nsfs_fh_to_dentry(struct super_block *sb, struct fid *fh, int fh_len, int fh_type);
long pidfd_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
void pidfd_show_fdinfo(struct seq_file *m, struct file *f);
void perf_event_namespaces_output(struct perf_event *event, void *data);

/* What is the processor's: how a function is called by its address, and the names of system calls. */
#ifdef CONFIG_X86_64
#include "arch/x86.h"
#endif
#ifdef CONFIG_ARM64
#include "arch/arm64.h"
#endif

/* Functions that the kernel does not export, and the originals of hooked ones: PIDNS_CALLS, made by calls.awk. */
#include <calls.h>

#define PIDNS_DECLARE(fn) DECLARE_STATIC_CALL(pidns_##fn, fn)
PIDNS_CALLS(PIDNS_DECLARE)

/* Macros that bindgen cannot evaluate, and what only some kernel's headers name. */
static const int PIDNS_PID_MAX_LIMIT = PID_MAX_LIMIT, PIDNS_FILEID_NSFS = FILEID_NSFS;
static const unsigned int PIDNS_GET_PID_NS = PIDFD_GET_PID_NAMESPACE;
static const unsigned int PIDNS_GET_PID_NS_FOR_CHILDREN = PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE;

/* Readers: tasks inside a function of the module that may sleep. */
extern struct srcu_struct pidns_inside;

#include "events.h"
#include "shims.h"

#endif
