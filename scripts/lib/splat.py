"""usage: splat.py LOG [TEXT]

Prints the first report in a kernel's log, which it makes of its own faults, and what follows it, and ends with 1;
prints nothing and ends with 0 if there is none. What a program does to itself is no report, though the kernel logs
that, too. With TEXT nothing counts before the first line that has it; if none has, all does.
"""

import re
import sys
from itertools import islice
from pathlib import Path

REPORT = re.compile(
    r"(^|[^A-Z])BUG: |kernel BUG at|WARNING: |Oops: |Kernel panic|KASAN: |UBSAN: |possible .* dependency"
    r"|suspicious RCU usage|sleeping function called|scheduling while atomic|self-detected stall"
    r"|detected stalls on|rcu_.*kthread starved|blocked for more than|soft lockup|hard LOCKUP"
    r"|ODEBUG: |suspected memory leaks|kmemleak: reported leaks|list_(add|del) corruption|refcount_t: "
    r"|general protection fault|PANIC: double fault|unable to handle|cut here \]|Call Trace:|workqueue lockup"
    r"|Objects remaining|Out of memory: Killed"
)
# The time, and with CONFIG_PRINTK_CALLER who said it.
PREFIX = r"(\[ *\d+\.\d+\]( *\[ *[TC]\d+\])? )?"
# show_unhandled_signals: the program, at most 15 bytes that it chose itself, its pid, and where it was.
PROGRAM = r".{0,15}\[\d+\]"
PLACE = r"( in .{0,255}\[[0-9a-f,+]+\])?( likely on CPU \d+ \(core \d+, socket \d+\))?"
FAULT_OF_A_PROGRAM = re.compile(
    PREFIX + "("
    rf"traps: {PROGRAM} [a-z0-9 ,()-]+ ip:[0-9a-f]+ sp:[0-9a-f]+ error:[0-9a-f]+{PLACE}"
    rf"|{PROGRAM}: segfault at [0-9a-f]+ ip [0-9a-f]+ sp [0-9a-f]+ error [0-9a-f]+{PLACE}"
    ")",
    re.IGNORECASE,
)
# A cgroup without memory, as tests make them, where the kernel says who asked for more; so many lines later at most it shows where.
OUT_OF_MEMORY = re.compile(PREFIX + r".{0,15} invoked oom-killer: gfp_mask=.*")
WHERE = re.compile(PREFIX + r" ?Call Trace:")
NEAR = 6
LINES = 60


def find_report(lines):
    """The number of the first line that is a report, from 0, or None."""
    out_of_memory = -NEAR
    for number, line in enumerate(lines):
        if OUT_OF_MEMORY.fullmatch(line):
            out_of_memory = number
        elif number < out_of_memory + NEAR and WHERE.fullmatch(line):
            continue
        elif REPORT.search(line) and not FAULT_OF_A_PROGRAM.fullmatch(line):
            return number
    return None


def since(lines, text):
    """The lines from the first that has the text; all if none has."""
    first = next((number for number, line in enumerate(lines) if text in line), 0)
    return lines[first:]


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    lines = Path(sys.argv[1]).read_text(errors="replace").split("\n")
    lines = since(lines, "".join(sys.argv[2:]))
    first = find_report(lines)
    if first is None:
        return 0
    print(*islice(lines, first, first + LINES), sep="\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
