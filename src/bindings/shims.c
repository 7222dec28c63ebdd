// SPDX-License-Identifier: GPL-2.0
/* Macros and inline functions of the kernel, as functions that Rust can call. */
#include <linux/module.h>
#include <linux/cred.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "input.h"

MODULE_VERSION("0.1.0");

#define PIDNS_DEFINE(fn) DEFINE_STATIC_CALL_NULL(pidns_##fn, fn);
PIDNS_CALLS(PIDNS_DEFINE)

DEFINE_SRCU(pidns_inside);
DEFINE_SPINLOCK(pidns_holders_lock);

unsigned long pidns_jmp_set(unsigned long addr)
{
	return ftrace_jmp_set(addr);
}

void pidns_set_ip(struct ftrace_regs *fregs, unsigned long ip)
{
	ftrace_regs_set_instruction_pointer(fregs, ip);
}

unsigned long pidns_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

void pidns_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

void pidns_read_lock(rwlock_t *lock)
{
	read_lock(lock);
}

void pidns_read_unlock(rwlock_t *lock)
{
	read_unlock(lock);
}

void pidns_write_lock_irq(rwlock_t *lock)
{
	write_lock_irq(lock);
}

void pidns_write_unlock_irq(rwlock_t *lock)
{
	write_unlock_irq(lock);
}

void pidns_idr_init(struct idr *idr)
{
	idr_init(idr);
}

void pidns_idr_preload_end(void)
{
	idr_preload_end();
}

/*
 * A struct pid outlives the module, so the lock classes (lockdep's keys and
 * names) must be the kernel's own: those of @model, which the kernel allocated.
 */
void pidns_init_pid_locks(struct pid *pid, struct pid *model)
{
	spin_lock_init(&pid->lock);
	init_waitqueue_head(&pid->wait_pidfd);
#ifdef CONFIG_LOCKDEP
	lockdep_set_class_and_name(&pid->lock, model->lock.dep_map.key, model->lock.dep_map.name);
	lockdep_set_class_and_name(&pid->wait_pidfd.lock, model->wait_pidfd.lock.dep_map.key,
				   model->wait_pidfd.lock.dep_map.name);
#endif
}

void pidns_init_work(struct work_struct *work, work_func_t func)
{
	INIT_WORK(work, func);
}

struct workqueue_struct *pidns_alloc_workqueue(void)
{
	return alloc_workqueue("pidns", WQ_UNBOUND, 0);
}

struct kmem_cache *pidns_cache_create(const char *name, unsigned int size)
{
	return kmem_cache_create(name, size, 0, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, NULL);
}

void pidns_get_user_ns(struct user_namespace *ns)
{
	get_user_ns(ns);
}

void pidns_put_user_ns(struct user_namespace *ns)
{
	put_user_ns(ns);
}

bool pidns_fatal_signal_pending(struct task_struct *task)
{
	return __fatal_signal_pending(task);
}

void pidns_clear_sigpending(void)
{
	clear_thread_flag(TIF_SIGPENDING);
}

unsigned int pidns_no_notify_signal_save(void)
{
	return no_notify_signal_save();
}

void pidns_no_notify_signal_restore(unsigned int flags)
{
	no_notify_signal_restore(flags);
}

void pidns_set_current_idle(void)
{
	set_current_state(TASK_IDLE | TASK_FREEZABLE);
}

void pidns_set_current_running(void)
{
	__set_current_state(TASK_RUNNING);
}

struct user_namespace *pidns_task_user_ns(struct task_struct *task)
{
	return task_cred_xxx(task, user_ns);
}

struct perf_event *pidns_perf_event_of(struct rcu_head *head)
{
	return container_of(head, struct perf_event, rcu_head);
}
