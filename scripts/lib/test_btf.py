# SPDX-License-Identifier: GPL-2.0
"""Tests of btf.py."""

import unittest

from btf import declared, offsets, signature

HEADER = """
int before(void);
/* Static in the kernel: not elsewhere. */
struct nothing;
struct a *f(u64 flags, struct b *b,
	    const void *ptr);
void g(struct rcu_head *head); /* said twice */
long x(const struct pt_regs *regs), y(const struct pt_regs *regs);
int none(void);
#include <calls.h>
int behind(void);
"""


class Btf(unittest.TestCase):
    def test_declarations(self):
        self.assertEqual(
            list(declared(HEADER)),
            [
                ("f", ["struct a*", "u64", "struct b*", "const void*"]),
                ("g", ["void", "struct callback_head*"]),
                ("x", ["long", "const struct pt_regs*"]),
                ("y", ["long", "const struct pt_regs*"]),
                ("none", ["int"]),
            ],
        )

    def test_a_kernels_words(self):
        ours = signature("int f(int why, unsigned long message, kernel_siginfo_t *info)")
        theirs = signature("int f(int why, long unsigned int message, kernel_siginfo_t * info);\n")
        self.assertEqual(ours, theirs)
        self.assertNotEqual(ours, signature("int f(int why, unsigned int message, kernel_siginfo_t *info)"))
        self.assertNotEqual(ours, signature("int f(int why, unsigned long message)"))

    def test_offsets(self):
        text = """struct s {
	struct task_struct *       task;                 /*     0     8 */
	struct perf_ns_link_info link_info[7];   /*    32   112 */

	/* size: 144, cachelines: 3, members: 2 */
};"""
        self.assertEqual(offsets(text), {"task": 0, "link_info": 32})


if __name__ == "__main__":
    unittest.main()
