#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes docs/PERFORMANCE.md from what pidns-test --bench has counted.

usage: bench.py DIR RELEASE-OF-STOCK RELEASE-OF-NATIVE

DIR has a file for each kernel: lines of a work's name, the level at which it was done, the
instructions that a piece took, and their spread, with tabs between. What was done at level 0 alone is a row of a table
of kernels; the rest has tables of levels. Prints the numbers of the plot, docs/depth.svg.
"""

import pathlib
import sys

PLOTTED = "vfork, exit and wait"


def read(path):
    """{work: {level: instructions}}, in the order of the file."""
    works = {}
    for line in path.read_text().splitlines():
        name, level, cost, spread = line.split("\t")
        works.setdefault(name, {})[int(level)] = Cost(cost, spread)
    return works


class Cost(int):
    """Instructions, with the spread of the batches."""

    def __new__(cls, cost, spread):
        self = super().__new__(cls, cost)
        self.spread = int(spread)
        return self


def cell(cost, control=None):
    """What is shown of one; the spread only if it is above one in a hundred."""
    spread = max((one.spread / one for one in (cost, control) if isinstance(one, Cost) and one), default=0)
    ratio = f" ({cost / control:.3f})" if control else ""
    return f"{cost:d}{ratio}" + (f" ±{spread * 100:.0f} %" if spread > 0.01 else "")


def is_flat(work):
    return list(work) == [0]


def kernels(control, others):
    """Rows of the works that were done at level 0 alone."""
    for name, work in control.items():
        if is_flat(work):
            cells = [cell(work[0])] + [cell(other[name][0], work[0]) for other in others]
            yield f"| {name} | " + " | ".join(cells) + " |"


def levels(control, ours):
    """A table for each set of levels: of each work our instructions, and their ratio to the control's."""
    sets = []
    for work in control.values():
        if not is_flat(work) and list(work) not in sets:
            sets.append(list(work))
    for at in sets:
        yield "| work, at level | " + " | ".join(map(str, at)) + " |"
        yield "| --- |" + " --- |" * len(at)
        for name, work in control.items():
            if list(work) == at:
                cells = [cell(ours[name][level], work[level]) for level in at]
                yield f"| {name} | " + " | ".join(cells) + " |"
        yield ""


def counted(path, name):
    """A table of what `scripts/profile` has counted, from lines of a level and the instructions of both."""
    rows = [line.split() for line in path.read_text().splitlines()]
    cells = [cell(round(float(ours)), float(control)) for _, control, ours in rows]
    yield f"| {name}, at level | " + " | ".join(row[0] for row in rows) + " |"
    yield "| --- |" + " --- |" * len(rows)
    yield "| instructions | " + " | ".join(cells) + " |"


def document(directory, stock_release, native_release):
    columns = ["native", "takeover", "supply", "bare", "stock"]
    native, takeover, supply, bare, stock = (read(directory / name) for name in columns)
    arm64 = {name: read(directory / f"{name}-arm64") for name in columns}
    native_depth, supply_depth = (read(directory / f"{name}-arm64-depth") for name in ["native", "supply"])
    load = read(directory / "load")
    return f"""# What it costs

Made by `make bench`; do not edit it. Instructions of the guest for one piece of work, counted by QEMU's
deterministic clock (`scripts/vm --icount`: one instruction takes 1 ns, one processor): the median of 40 batches of 200; of forks
and threads, of 11 of 100; of lists, of 15; of falls and memory, of 3. Tracepoints are off. In brackets: the ratio to the
same kernel's own pid namespaces. Where half of the batches are not within a hundredth of the median, ± says how far they reach: the
longer a work, the more of it is the scheduler's and the timer's, which do not come at the same places.

## Depth

`supply`, a kernel without pid namespaces, with pidns.ko; in brackets the ratio to `native`, the same kernel with
`CONFIG_PID_NS=y`, at the same level. Each work is done by a namespace's init that was executed there, so that what it inherits is the
same at each level. A level costs mainline a leaf and a root of the radix tree for each fork and exit; ours keeps the leaf
([ARCHITECTURE.md](ARCHITECTURE.md#the-number-tables)).

![Instructions of a vfork, exit and wait, by level](depth.svg)

{chr(10).join(levels(native, supply))}
A namespace's own part is what the same vfork costs more with `CLONE_NEWPID`, its end included. The difference of two such numbers
is small beside what grace periods put off into this batch or the next; so it is counted by `scripts/profile`, with all that was put off:

{chr(10).join(counted(directory / "own", "a namespace's own part"))}

The lock that all forks and exits of the machine share, from its first write to its last (`scripts/profile`, which also says
where the instructions of each work above go):

{chr(10).join(counted(directory / "locks", "`pidmap_lock` held in a task's life"))}

The module for `supply` has {(directory / "size").read_text().strip()} bytes of code and data. Of the guest's time, most of
which it waits for grace periods, a load takes {load["load"][0] / 1e6:.1f} ms and an unload {load["unload"][0] / 1e6:.1f} ms.

## Signals

A signal to an ordinary process costs less than in mainline (but on arm64, below): who sends to a task of the initial namespace need
not be looked for there, everybody has a number in it. A signal to a namespace's init is judged and counted, which shows most
where nothing else is done, as it is ignored or dropped. One that it sends to itself is
remembered as such, goes all of mainline's way besides, and is judged a second time when it is taken.
An exit counts itself as inside the module, and a write to a pseudo-terminal looks at who writes.
Reading a sysctl goes through ftrace, so that the module stays while somebody is in one of its own.

### Debian's unmodified kernel, {stock_release}

| work | without the module | with it |
| --- | --- | --- |
{chr(10).join(kernels(bare, [stock]))}

### The test kernels, {native_release}

`takeover` is `native` with pidns.ko. They have no CONFIG_JUMP_LABEL, because QEMU's parallel emulation does not bear code that is
patched while it runs; so a tracepoint that is off costs a comparison here, and nothing on Debian's kernel.

| work | native | takeover | supply |
| --- | --- | --- | --- |
{chr(10).join(kernels(native, [takeover, supply]))}

## arm64

There every hook goes by ftrace's redirect ([ARCHITECTURE.md](ARCHITECTURE.md#processors)), which is some hundred instructions a call; so what
is quick costs more than in mainline, and only depth is a gain.

{chr(10).join(levels(native_depth, supply_depth))}
| work | native | takeover | supply | Debian's, without the module | with it |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(side_by_side(arm64))}
"""


def side_by_side(columns):
    """Rows of two controls, each with what is compared with it."""
    native, bare = columns["native"], columns["bare"]
    for name, work in native.items():
        cells = [cell(work[0])] + [cell(columns[it][name][0], work[0]) for it in ("takeover", "supply")]
        cells += [cell(bare[name][0]), cell(columns["stock"][name][0], bare[name][0])]
        yield f"| {name} | " + " | ".join(cells) + " |"


def main():
    directory = pathlib.Path(sys.argv[1])
    text = document(directory, *sys.argv[2:])
    pathlib.Path("docs/PERFORMANCE.md").write_text(text)
    native, supply = (read(directory / name)[PLOTTED] for name in ["native", "supply"])
    for level, cost in native.items():
        print(level, cost / 1000, supply[level] / 1000)


if __name__ == "__main__":
    main()
