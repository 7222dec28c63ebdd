import unittest

from splat import find_report, since

# As kernels write them.
REPORTS = """
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008
[   12.345678] BUG: unable to handle page fault for address: ffffffffc0000000
[   12.345678] BUG: KASAN: slab-use-after-free in pid_nr_ns+0x10/0x40
[   12.345678][  T123] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:575
[   12.345678] kernel BUG at mm/slub.c:4400!
[   12.345678] Oops: general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP PTI
[   12.345678] general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP
[   12.345678] general protection fault: 0000 [#1] SMP
[   12.345678] general protection fault, maybe for address 0xffffc90000013e48: 0000 [#1] SMP
[   12.345678] Oops: Oops: 0002 [#1] SMP NOPTI
[   12.345678] traps: PANIC: double fault, error_code: 0x0
[   12.345678] WARNING: kernel/fork.c:1200 at copy_process+0x1a/0x20, CPU#1: sh/77
[   12.345678] WARNING: CPU: 1 PID: 77 at kernel/pid.c:100 put_pid+0x12/0x30
[   12.345678] WARNING: possible circular locking dependency detected
[   12.345678] WARNING: suspicious RCU usage
[   12.345678] UBSAN: array-index-out-of-bounds in kernel/pid.c:12:3
[   12.345678] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009
[   12.345678] ------------[ cut here ]------------
[   12.345678] refcount_t: underflow; use-after-free.
[   12.345678] list_add corruption. next->prev should be prev (ffff), but was (null).
[   12.345678] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
[   12.345678] rcu: INFO: rcu_preempt self-detected stall on CPU
[   12.345678] rcu: rcu_preempt kthread starved for 2500 jiffies!
[   12.345678] INFO: task sh:77 blocked for more than 120 seconds.
[   12.345678] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:77]
[   12.345678] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!
[   12.345678] ODEBUG: free active (active state 0) object: ffff type: rcu_head
[   12.345678] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
[   12.345678] kmemleak: reported leaks:
[   12.345678] BUG pid_2 (Tainted: G O): Objects remaining on __kmem_cache_shutdown()
[   12.345678]  Call Trace:
[   12.345678] Out of memory: Killed process 77 (sh) total-vm:9kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:9kB
""".strip().splitlines()

# What the kernel says of a program, or of nothing bad.
HARMLESS = """
[   12.345678] traps: prog[123] general protection fault ip:401136 sp:7ffd1c0 error:0 in prog[401000+1000]
[   12.345678] traps: prog[123] general protection fault ip:401136 sp:7ffd1c0 error:0
[   12.345678][  T123] traps: prog[123] general protection fault ip:401136 sp:7ffd1c0 error:0 in prog[1136,401000+1000]
[   12.345678] traps: a b[c]: d[123] general protection fault ip:401136 sp:7ffd1c0 error:0
[   12.345678] traps: BUG: x[123] trap invalid opcode ip:401136 sp:7ffd1c0 error:0 in prog[401000+1000]
[   12.345678] traps: prog[123] trap int3 ip:401136 sp:7ffd1c0 error:0 in prog[401000+1000]
[   12.345678] BUG: x[123]: segfault at 0 ip 0000000000401136 sp 00007ffd1c0 error 4 in prog[401136,401000+1000] likely on CPU 1 (core 1, socket 0)
[   12.345678] prog[123]: segfault at deadbeef ip 0000000000401136 sp 00007ffd1c0 error 4
[   12.345678] Code: 48 89 e5 f4 90 5d c3
[   12.345678] pidns: loaded
[   12.345678] DEBUG: nothing
[   12.345678] prog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[   12.345678] Memory cgroup out of memory: Killed process 77 (sh) total-vm:9kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0
""".strip().splitlines()


class Splat(unittest.TestCase):
    def test_every_report_is_found(self):
        for line in REPORTS:
            self.assertEqual(find_report([line]), 0, line)

    def test_what_a_program_does_to_itself_is_none(self):
        for line in HARMLESS:
            self.assertIsNone(find_report([line]), line)

    def test_a_cgroup_without_memory_is_none(self):
        asked, where, more = HARMLESS[-2], REPORTS[-2], ["[   12.345678] CPU: 2 UID: 0 PID: 77 Comm: prog"] * 3
        self.assertIsNone(find_report([asked, *more, where]))
        self.assertEqual(find_report([asked, *more, *more, where]), 7)
        self.assertEqual(find_report([asked, *more, REPORTS[0], where]), 4)

    def test_a_report_after_a_program_s_fault(self):
        self.assertEqual(find_report([*HARMLESS, REPORTS[5]]), len(HARMLESS))

    def test_a_line_that_goes_on_is_a_report(self):
        # Two processors can write one line; better one report too many.
        self.assertEqual(find_report([HARMLESS[1] + " Kernel panic - not syncing: x"]), 0)

    def test_what_was_before_a_line_does_not_count(self):
        lines = [REPORTS[0], "pidns: loading", HARMLESS[0]]
        self.assertIsNone(find_report(since(lines, "pidns: ")))
        self.assertEqual(find_report(since([*lines, REPORTS[1]], "pidns: ")), 2)
        self.assertEqual(find_report(since(lines, "another: ")), 0)
        self.assertEqual(find_report(since(lines, "")), 0)


if __name__ == "__main__":
    unittest.main()
