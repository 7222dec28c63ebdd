// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch for tests: of one function, which a parameter names. Each replacement
 * is good enough for what the tests of the group `coexist` do meanwhile.
 */
#include <linux/fs.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>

static char *function = "";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "which function to patch");

/* Without the lock: nobody forks in a namespace of theirs that ends. */
static void patched_disable_pid_allocation(struct pid_namespace *ns)
{
	ns->pid_allocated &= ~PIDNS_ADDING;
}

static ssize_t patched_proc_sys_read(struct kiocb *iocb, struct iov_iter *iter)
{
	return -EIO;
}

static int patched_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "live-patched\n");
	return 0;
}

static const struct klp_func known[] = {
	{ .old_name = "disable_pid_allocation", .new_func = patched_disable_pid_allocation },
	{ .old_name = "proc_sys_read", .new_func = patched_proc_sys_read },
	{ .old_name = "cmdline_proc_show", .new_func = patched_cmdline_proc_show },
};

/* The second ends the list, of functions and of objects. */
static struct klp_func funcs[2];
static struct klp_object objs[2] = { { .funcs = funcs } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };

static int __init coexist_livepatch_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(known[i].old_name, function)) {
			funcs[0].old_name = known[i].old_name;
			funcs[0].new_func = known[i].new_func;
			return klp_enable_patch(&patch);
		}
	}
	return -EINVAL;
}

static void __exit coexist_livepatch_exit(void)
{
}

module_init(coexist_livepatch_init);
module_exit(coexist_livepatch_exit);
MODULE_DESCRIPTION("A live patch of one function, for tests");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
