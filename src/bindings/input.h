/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads: the kernel functions that no module may call by name
 * (they are reached through static calls) and the shims.
 */
#ifndef PIDNS_INPUT_H
#define PIDNS_INPUT_H

#include <linux/acct.h>
#include <linux/bpf.h>
#include <linux/ftrace.h>
#include <linux/fs_context.h>
#include <linux/idr.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/nsfs.h>
#include <linux/nstree.h>
#include <linux/perf_event.h>
#include <linux/pid_namespace.h>
#include <linux/pidfs.h>
#include <linux/proc_ns.h>
#include <linux/ptrace.h>
#include <linux/reboot.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/srcu.h>
#include <linux/static_call.h>
#include <linux/task_work.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/wait.h>

/* Static in the kernel, or in a header of its own folder: declared nowhere that a module can read. */
struct fuse_conn;
struct fuse_mount;
struct fuse_chan;

struct nsproxy *create_new_namespaces(u64 flags, struct task_struct *tsk,
				      struct user_namespace *user_ns, struct fs_struct *new_fs);
int __send_signal_locked(int sig, struct kernel_siginfo *info, struct task_struct *t,
			 enum pid_type type, bool force);
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
long __x64_sys_reboot(const struct pt_regs *regs);
long __ia32_sys_reboot(const struct pt_regs *regs);

/* Functions that the kernel does not export, and the originals of hooked ones. */
#define PIDNS_CALLS(X)			\
	X(kallsyms_on_each_match_symbol)\
	X(ftrace_location)		\
	X(alloc_ftrace_hash)		\
	X(free_ftrace_hash)		\
	X(add_ftrace_hash_entry_direct)	\
	X(update_ftrace_direct_add)	\
	X(update_ftrace_direct_del)	\
	X(ftrace_find_rec_direct)	\
	X(pidfs_add_pid)		\
	X(pidfs_prepare_pid)		\
	X(pidfs_remove_pid)		\
	X(pidfs_free_pid)		\
	X(__ns_ref_active_get)		\
	X(__ns_ref_active_put)		\
	X(__ns_common_init)		\
	X(__ns_common_free)		\
	X(__ns_tree_gen_id)		\
	X(__ns_tree_add_raw)		\
	X(register_pidns_sysctls)	\
	X(unregister_pidns_sysctls)	\
	X(in_userns)			\
	X(inc_ucount)			\
	X(dec_ucount)			\
	X(exit_ptrace)			\
	X(release_task)			\
	X(group_send_sig_info)		\
	X(kernel_wait4)			\
	X(acct_exit_ns)			\
	X(task_work_add)		\
	X(siginfo_layout)		\
	X(__send_signal_locked)		\
	X(send_signal_locked)		\
	X(create_new_namespaces)	\
	X(nsproxy_ns_active_get)	\
	X(nsproxy_ns_active_put)	\
	X(exit_tasks_rcu_start)		\
	X(proc_init_fs_context)		\
	X(proc_fs_context_free)		\
	X(proc_fill_super)		\
	X(proc_kill_sb)			\
	X(sysvipc_proc_open)		\
	X(sysvipc_proc_release)		\
	X(init_seq_pidns)		\
	X(fini_seq_pidns)		\
	X(fuse_conn_init)		\
	X(fuse_free_conn)		\
	X(cuse_fc_release)		\
	X(perf_event_alloc)		\
	X(free_event_rcu)		\
	X(__x64_sys_reboot)		\
	X(__ia32_sys_reboot)

#define PIDNS_DECLARE(fn) DECLARE_STATIC_CALL(pidns_##fn, fn)
PIDNS_CALLS(PIDNS_DECLARE)

/* A macro that bindgen cannot evaluate. */
static const int PIDNS_PID_MAX_LIMIT = PID_MAX_LIMIT;

/* Readers: tasks inside a function of the module that may sleep. */
extern struct srcu_struct pidns_inside;
extern spinlock_t pidns_holders_lock;

#include "shims.h"

#endif
