# SPDX-License-Identifier: GPL-2.0
"""usage: counts.py [--all] DIR CONTROL OURS

DIR/KERNEL is what the guest has printed: lines "region PIECES", the work's cost, and its /proc/kallsyms. DIR/KERNEL.counts
is what the plugin has counted (tests/plugin). Of a work with several regions every second is what the one before is compared
with, and subtracted. Prints the instructions of a piece, by function.
"""

import bisect
import sys
from pathlib import Path

# Fewer are not worth a line.
LEAST = 5


def read(directory, kernel):
    """The instructions of a piece by function, and those for which the lock is held."""
    symbols, pieces = [], []
    for line in Path(directory, kernel).read_text(errors="replace").splitlines():
        words = line.split()
        if words[0] == "region":
            pieces.append(int(words[1]))
        elif len(words) >= 3 and words[1] in "tTwW":
            symbols.append((int(words[0], 16), words[2]))
    symbols.sort()
    addresses = [address for address, _ in symbols]
    regions = []
    for line in Path(directory, f"{kernel}.counts").read_text().splitlines():
        match line.split():
            case ["region"]:
                regions.append({})
            case ["lock", holds, held]:
                regions[-1]["(lock held)"] = int(held)
                regions[-1]["(lock taken)"] = int(holds)
            case ["block", address, count]:
                at = bisect.bisect(addresses, int(address, 16)) - 1
                name = symbols[at][1] if int(address, 16) >> 63 and at >= 0 else "(user space)"
                regions[-1][name] = regions[-1].get(name, 0) + int(count)
    if not regions:
        sys.exit("profile: this work is not done in batches, so there is nothing to count by function")
    costs = {}
    for turn, region in enumerate(regions):
        share = pieces[turn] * ((len(regions) + 1) // 2)
        for name, count in region.items():
            costs[name] = costs.get(name, 0) + (-count if turn % 2 else count) / share
    return costs


def main():
    arguments = [word for word in sys.argv[1:] if word != "--all"]
    directory, *kernels = arguments
    control, ours = (read(directory, kernel) for kernel in kernels)
    lock = {name for name in [*control, *ours] if name.startswith("(lock")}
    rows = [(name, control.get(name, 0), ours.get(name, 0)) for name in {**control, **ours} if name not in lock]
    rows.sort(key=lambda row: (-abs(row[2] - row[1]), row[0]))
    print(f"{kernels[0]:>10} {kernels[1]:>10} {'more':>10}")
    for name, left, right in rows:
        if "--all" in sys.argv or abs(right - left) >= LEAST:
            print(f"{left:10.1f} {right:10.1f} {right - left:+10.1f} {name}")
    total = [sum(row[column] for row in rows) for column in (1, 2)]
    print(f"{total[0]:10.1f} {total[1]:10.1f} {total[1] - total[0]:+10.1f} all")
    for name in sorted(lock):
        left, right = control.get(name, 0), ours.get(name, 0)
        ratio = f"{right / left:.3f}" if left else ""
        print(f"{left:10.1f} {right:10.1f} {ratio:>10} {name}")


if __name__ == "__main__":
    main()
