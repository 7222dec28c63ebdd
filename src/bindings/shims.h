/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Macros and inline functions of the kernel, as functions that Rust can call: declared wherever
 * this is included, and defined in shims.c.
 */
#ifdef PIDNS_DEFINE_SHIMS
#define SHIM(type, name, args, ...)	\
	type pidns_##name args;		\
	type pidns_##name args { __VA_ARGS__; }
#else
#define SHIM(type, name, args, ...) type pidns_##name args;
#endif

/* ftrace */
SHIM(unsigned long, jmp_set, (unsigned long addr), return ftrace_jmp_set(addr))
SHIM(void, set_ip, (struct ftrace_regs *fregs, unsigned long ip),
     ftrace_regs_set_instruction_pointer(fregs, ip))
SHIM(unsigned long, argument, (struct ftrace_regs *fregs, unsigned int nr),
     return ftrace_regs_get_argument(fregs, nr))
SHIM(void, bind, (struct static_call_key *key, void *trampoline, void *address), PIDNS_BIND(key, trampoline, address))
/* Where the call, or the jump that ends a function, leads that may be at @at; 0 if there is none. */
SHIM(unsigned long, leads_to, (unsigned long at),
     u8 code[PIDNS_CALL_SIZE];
     return copy_from_kernel_nofault(code, (void *)at, sizeof(code)) ? 0 : PIDNS_TARGET(code, at))
/* Whether a call that leads to @target is one of the function at @function. */
SHIM(bool, enters, (unsigned long target, unsigned long function),
     return target + PIDNS_PADDING >= function && target <= function + PIDNS_LANDING)
SHIM(unsigned int, instruction_step, (void), return PIDNS_STEP)
SHIM(int, security_locked_down, (unsigned int what), return security_locked_down(what))

/* Locks */
SHIM(unsigned long, spin_lock_irqsave, (spinlock_t *lock),
     unsigned long flags; spin_lock_irqsave(lock, flags); return flags)
SHIM(void, spin_unlock_irqrestore, (spinlock_t *lock, unsigned long flags),
     spin_unlock_irqrestore(lock, flags))
SHIM(void, spin_lock, (spinlock_t *lock), spin_lock(lock))
SHIM(void, spin_unlock, (spinlock_t *lock), spin_unlock(lock))
SHIM(void, cond_resched, (void), cond_resched())
SHIM(void, read_lock, (rwlock_t *lock), read_lock(lock))
SHIM(void, read_unlock, (rwlock_t *lock), read_unlock(lock))
SHIM(void, write_lock_irq, (rwlock_t *lock), write_lock_irq(lock))
SHIM(void, write_unlock_irq, (rwlock_t *lock), write_unlock_irq(lock))

/* Number tables, caches, work */
SHIM(void, idr_init, (struct idr *idr), idr_init(idr))
SHIM(void, idr_preload_end, (void), idr_preload_end())
SHIM(struct kmem_cache *, cache_create, (const char *name, unsigned int size),
     return kmem_cache_create(name, size, 0, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, NULL))
#ifdef CONFIG_MEM_ALLOC_PROFILING
SHIM(void *, cache_alloc, (struct kmem_cache *cache, gfp_t flags),
     return kmem_cache_alloc(cache, flags))
#endif
SHIM(void, init_work, (struct work_struct *work, work_func_t func), INIT_WORK(work, func))
SHIM(struct workqueue_struct *, alloc_workqueue, (void),
     return alloc_workqueue("pidns", WQ_UNBOUND, 0))

/* Users */
SHIM(struct user_namespace *, get_user_ns, (struct user_namespace *ns), return get_user_ns(ns))
SHIM(void, put_user_ns, (struct user_namespace *ns), put_user_ns(ns))
SHIM(struct user_namespace *, task_user_ns, (struct task_struct *task),
     return task_cred_xxx(task, user_ns))
SHIM(kuid_t, current_uid, (void), return current_uid())

/* Namespaces and procfs */
SHIM(bool, ns_get_unless_inactive, (struct ns_common *ns), return ns_get_unless_inactive(ns))
SHIM(struct pid_namespace *, next_ns, (struct ns_tree_root *tree, struct pid_namespace *ns),
     return list_next_or_null_rcu(&tree->ns_list_head,
				  ns ? &ns->ns.ns_tree_node.ns_list_entry : &tree->ns_list_head,
				  struct pid_namespace, ns.ns_tree_node.ns_list_entry))
SHIM(struct nsproxy *, get_nsproxy, (struct nsproxy *nsp), get_nsproxy(nsp); return nsp)
SHIM(struct file *, opened, (struct seq_file *seq), return (struct file *)seq->file)
SHIM(u64, ns_id, (struct pid_namespace *ns), return ns->ns.ns_id)
SHIM(struct ns_common *, nsproxy_ns, (struct nsproxy *nsp, u32 type),
     return type == CLONE_NEWUTS ? to_ns_common(nsp->uts_ns) :
	    type == CLONE_NEWIPC ? to_ns_common(nsp->ipc_ns) :
	    type == CLONE_NEWCGROUP ? to_ns_common(nsp->cgroup_ns) :
	    type == CLONE_NEWNET ? to_ns_common(nsp->net_ns) : to_ns_common(nsp->time_ns))
SHIM(struct pid *, proc_pid, (struct inode *inode), return proc_pid(inode))
SHIM(const struct proc_ns_operations *, proc_ns_ops, (struct inode *inode),
     return PROC_I(inode)->ns_ops)
SHIM(const struct ctl_table *, sysctl_entry, (struct kiocb *iocb), return PROC_I(file_inode(iocb->ki_filp))->sysctl_entry)
SHIM(bool, is_own_sysctl, (struct kiocb *iocb), unsigned long entry = (unsigned long)pidns_sysctl_entry(iocb);
     return within_module(entry, THIS_MODULE) && within_module(entry + sizeof(struct ctl_table) - 1, THIS_MODULE))
SHIM(struct ctl_table_header *, sysctl_directory, (struct ctl_table_header *header), return &header->parent->header)
SHIM(struct ctl_table_header *, listed_sysctls, (struct file *directory),
     return PROC_I(file_inode(directory))->sysctl)
SHIM(int, sysctl_users, (struct ctl_table_header *header), return READ_ONCE(header->used))
SHIM(struct super_block *, super_active, (struct super_block *sb),
     return atomic_inc_not_zero(&sb->s_active) ? sb : NULL)
SHIM(struct inode *, inode_of, (struct dentry *dentry), return d_inode(dentry))
SHIM(bool, dir_emit_dots, (struct file *file, struct dir_context *ctx),
     return dir_emit_dots(file, ctx))
SHIM(void, log_memfd_refused, (int scope), pr_err_ratelimited(
     "%s[%d]: memfd_create() requires MFD_NOEXEC_SEAL with vm.memfd_noexec=%d\n", current->comm, task_pid_nr(current), scope))

/* System calls of the current task's */
SHIM(unsigned long, syscall_argument, (struct pt_regs *regs, unsigned int nr),
     unsigned long arguments[6]; syscall_get_arguments(current, regs, arguments); return arguments[nr])
SHIM(void, set_syscall_argument, (struct pt_regs *regs, unsigned int nr, unsigned long argument),
     unsigned long arguments[6]; syscall_get_arguments(current, regs, arguments);
     arguments[nr] = argument; syscall_set_arguments(current, regs, arguments))

/* Tasks and signals */
SHIM(void, task_lock, (struct task_struct *task), task_lock(task))
SHIM(void, task_unlock, (struct task_struct *task), task_unlock(task))
SHIM(bool, fatal_signal_pending, (struct task_struct *task), return __fatal_signal_pending(task))
SHIM(bool, task_sigpending, (struct task_struct *task), return task_sigpending(task))
SHIM(bool, in_task, (void), return in_task())
SHIM(bool, preemptible, (void), return preemptible())
SHIM(bool, is_in_execve, (struct task_struct *task), return task->in_execve)
SHIM(void, siglock_take, (void), spin_lock_irq(&current->sighand->siglock))
SHIM(void, siglock_release, (void), spin_unlock_irq(&current->sighand->siglock))
SHIM(void, clear_sigpending, (void), clear_thread_flag(TIF_SIGPENDING))
#ifndef CONFIG_PID_NS /* new in 7.3 */
SHIM(unsigned int, no_notify_signal_save, (void), return no_notify_signal_save())
SHIM(void, no_notify_signal_restore, (unsigned int flags), no_notify_signal_restore(flags))
#endif
SHIM(void, set_current_idle, (void), set_current_state(TASK_IDLE | TASK_FREEZABLE))
SHIM(void, set_current_running, (void), __set_current_state(TASK_RUNNING))

/* Tasks inside the module */
SHIM(int, inside_enter, (void), return srcu_read_lock(&pidns_inside))
SHIM(void, inside_leave, (int number), srcu_read_unlock(&pidns_inside, number))
SHIM(void, inside_wait, (void), synchronize_srcu(&pidns_inside))

/* Terminals: what is kept of a slave is in the half of its flags that the kernel does not use. */
#ifdef __LITTLE_ENDIAN
static_assert(BITS_PER_LONG == 64 && TTY_LDISC_HALTED < 32);
#endif
SHIM(u32 *, tty_writers_of, (struct tty_struct *slave), return (u32 *)&slave->flags + 1)
SHIM(u32 *, tty_writers_to, (struct tty_struct *master),
     return master->driver->type == TTY_DRIVER_TYPE_PTY && master->driver->subtype == PTY_TYPE_MASTER &&
	    master->driver->major == UNIX98_PTY_MASTER_MAJOR && master->link ?
		pidns_tty_writers_of(master->link) : NULL)
/* Whoever has made it another than N_TTY may let others write there what it likes. */
SHIM(bool, tty_is_plain, (struct tty_struct *tty), struct tty_ldisc *ld = READ_ONCE(tty->ldisc); return ld && ld->ops->num == N_TTY)
/* A character is what was typed, and there is somebody whom its signal is for. */
SHIM(bool, tty_may_signal, (struct tty_struct *slave), return !I_ISTRIP(slave) && READ_ONCE(slave->ctrl.pgrp))
SHIM(u32, random, (void), return get_random_u32())

/*
 * Structures with fields that bindgen cannot see, and those that are private to their files: of the kernels that Kbuild
 * lets pass
 */
#ifndef CONFIG_PID_NS
/* The beginning of ipc/util.c: struct ipc_proc_iter. */
SHIM(struct pid_namespace *, sysvipc_ns, (struct file *file),
     struct { struct ipc_namespace *ns; struct pid_namespace *pid_ns; } *iter =
		((struct seq_file *)file->private_data)->private;
     return iter->pid_ns)
/* That of kernel/bpf/task_iter.c: struct bpf_iter_seq_task_common. */
SHIM(struct pid_namespace *, task_iterator_ns, (void *data), return *(struct pid_namespace **)data)
/* That of fs/proc/root.c: struct proc_fs_context. */
SHIM(struct pid_namespace *, proc_context_ns, (struct fs_context *fc),
     return fc->fs_private ? *(struct pid_namespace **)fc->fs_private : NULL)
#endif
#if defined(CONFIG_PERF_EVENTS) && !defined(CONFIG_PID_NS)
/* Among the flags of an event, a bit that the kernel does not use: its namespace is counted. */
#define PIDNS_PERF_COUNTED BIT(31)
SHIM(struct pid_namespace *, perf_event_mark, (struct perf_event *event),
     event->attach_state |= PIDNS_PERF_COUNTED; return event->ns)
SHIM(struct pid_namespace *, perf_event_marked, (struct rcu_head *head),
     struct perf_event *event = container_of(head, struct perf_event, rcu_head);
     return event->attach_state & PIDNS_PERF_COUNTED ? event->ns : NULL)
#endif
#if IS_BUILTIN(CONFIG_FUSE_FS) && !defined(CONFIG_PID_NS)
SHIM(struct pid_namespace *, fuse_conn_ns, (struct fuse_conn *fc), return fc->pid_ns)
#endif

/*
 * A struct pid outlives the module, so the lock classes (lockdep's keys and names) must be the
 * kernel's own: those of @model, which the kernel allocated.
 */
#ifdef CONFIG_LOCKDEP
#define pidns_set_class_like(lock, like) \
	lockdep_set_class_and_name(lock, (like)->dep_map.key, (like)->dep_map.name)
#else
#define pidns_set_class_like(lock, like) do { } while (0)
#endif
SHIM(void, init_pid_locks, (struct pid *pid, struct pid *model),
     spin_lock_init(&pid->lock);
     init_waitqueue_head(&pid->wait_pidfd);
     pidns_set_class_like(&pid->lock, &model->lock);
     pidns_set_class_like(&pid->wait_pidfd.lock, &model->wait_pidfd.lock))
