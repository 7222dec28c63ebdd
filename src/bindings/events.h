/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints. A namespace is named by its inode number, that of /proc/PID/ns/pid, and a process
 * by its number in its own namespace and in the initial one.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pidns

#if !defined(PIDNS_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define PIDNS_EVENTS_H

#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>

/*
 * A signal to the init of @ns, judged when it is sent or, where that left it open, when it is taken.
 * When it is sent by a task, that is the current one; nobody knows it any more when it is taken.
 */
TRACE_EVENT(signal_verdict,
	TP_PROTO(struct pid_namespace *ns, struct task_struct *target, int sig, bool taken,
		 u8 relation, u8 disposition, u8 verdict),
	TP_ARGS(ns, target, sig, taken, relation, disposition, verdict),
	TP_STRUCT__entry(
		__field(int, sig)
		__field(u8, at)
		__field(u8, relation)
		__field(u8, disposition)
		__field(u8, verdict)
		__field(pid_t, sender)
		__field(pid_t, sender_global)
		__field(unsigned int, sender_ns)
		__field(pid_t, target)
		__field(pid_t, target_global)
		__field(unsigned int, target_ns)
	),
	TP_fast_assign(
		struct pid_namespace *from = NULL;

		if (!taken && in_task())
			from = task_active_pid_ns(current);
		__entry->sig = sig;
		__entry->at = taken;
		__entry->relation = relation;
		__entry->disposition = disposition;
		__entry->verdict = verdict;
		__entry->sender = from ? task_tgid_nr_ns(current, from) : 0;
		__entry->sender_global = from ? task_tgid_nr(current) : 0;
		__entry->sender_ns = from ? from->ns.inum : 0;
		__entry->target = task_tgid_nr_ns(target, ns);
		__entry->target_global = task_tgid_nr(target);
		__entry->target_ns = ns->ns.inum;
	),
	TP_printk("sig=%d at=%s relation=%s disposition=%s verdict=%s sender=%d sender_global=%d sender_ns=%u target=%d target_global=%d target_ns=%u",
		  __entry->sig,
		  __print_symbolic(__entry->at, { 0, "send" }, { 1, "take" }),
		  __print_symbolic(__entry->relation, { 0, "inside" }, { 1, "ancestor" },
				   { 2, "kernel" }, { 3, "other" }, { 4, "itself" }),
		  __print_symbolic(__entry->disposition, { 0, "default" }, { 1, "ignored" },
				   { 2, "handler" }),
		  __print_symbolic(__entry->verdict, { 0, "drop" }, { 1, "act" }, { 2, "deliver" },
				   { 3, "ignore" }, { 4, "keep" }),
		  __entry->sender, __entry->sender_global, __entry->sender_ns,
		  __entry->target, __entry->target_global, __entry->target_ns)
);

DECLARE_EVENT_CLASS(pidns_life,
	TP_PROTO(struct pid_namespace *ns),
	TP_ARGS(ns),
	TP_STRUCT__entry(
		__field(unsigned int, ns)
		__field(unsigned int, level)
		__field(unsigned int, parent)
		__field(unsigned int, numbers)
	),
	TP_fast_assign(
		__entry->ns = ns->ns.inum;
		__entry->level = ns->level;
		__entry->parent = ns->parent ? ns->parent->ns.inum : 0;
		__entry->numbers = READ_ONCE(ns->pid_allocated) & ~PIDNS_ADDING;
	),
	TP_printk("ns=%u level=%u parent=%u numbers=%u",
		  __entry->ns, __entry->level, __entry->parent, __entry->numbers)
);

/* It joins the tree, without tasks. */
DEFINE_EVENT(pidns_life, ns_create, TP_PROTO(struct pid_namespace *ns), TP_ARGS(ns));

/* Nothing holds it any more. */
DEFINE_EVENT(pidns_life, ns_destroy, TP_PROTO(struct pid_namespace *ns), TP_ARGS(ns));

/* Its init has ended, and begins to kill the rest: those that have the numbers. */
DEFINE_EVENT(pidns_life, zap, TP_PROTO(struct pid_namespace *ns), TP_ARGS(ns));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE events
#include <trace/define_trace.h>
