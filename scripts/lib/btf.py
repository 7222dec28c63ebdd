#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: scripts/lib/btf.py VMLINUX...

Compares what src/bindings says by hand of functions and structures that are private to the kernel's files with what
kernels say of themselves (their BTF, by pfunct and pahole). A function that a kernel does not have is passed over, but
each must be in one of them. Prints what differs; exits with 1 if anything does.
"""

import pathlib
import re
import subprocess
import sys

INPUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "bindings" / "input.h"

# Private structures of which src knows where something is: member and offset.
LAYOUTS = {
    "ipc_proc_iter": {"pid_ns": 8},
    "bpf_iter_seq_task_common": {"ns": 0},
    "proc_fs_context": {"pid_ns": 0},
    "perf_namespaces_event": {"task": 0, "pid": 16, "tid": 20, "nr_namespaces": 24, "link_info": 32},
}


# What has two spellings.
SPELLINGS = {"long unsigned int": "unsigned long", "long int": "long", "struct rcu_head": "struct callback_head"}


def squeeze(text):
    """Types with one space between words, and none before or behind a star."""
    text = re.sub(r"\s+", " ", text.strip())
    for one, other in SPELLINGS.items():
        text = re.sub(rf"\b{one}\b", other, text)
    return re.sub(r" ?\* ?", "*", text)


def parameter_type(text):
    """The type of a parameter, whether or not it has a name."""
    text = squeeze(re.sub(r"\b__user\b", "", text))
    named = re.fullmatch(r"(.*[* ])(\w+)", text)
    if not named:
        return text
    before, last = named.groups()
    is_type = not before.endswith("*") and (
        re.fullmatch(r"(const )?(struct|enum|union) ", before)
        or last in ("int", "long", "char", "short", "unsigned", "bool")
    )
    return text if is_type else before.strip()


def signature(prototype):
    """Of `int f(struct a *b, int c)` the pair of `f` and a list of types, the result's first."""
    match = re.fullmatch(r"(.*?[* ])(\w+)\((.*)\);?", squeeze_lines(prototype))
    result, name, parameters = match.groups()
    result = re.sub(r"\b(static|inline|extern)\b", "", result)
    types = [parameter_type(p) for p in parameters.split(",")]
    return name, [squeeze(result)] + [t for t in types if t != "void"]


def squeeze_lines(text):
    return re.sub(r"\s+", " ", text.strip())


def declared(text):
    """The functions that input.h declares by hand."""
    begin = text.index("/* Static in the kernel")
    text = text[begin : text.index("#include <calls.h>")]
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for statement in text.split(";"):
        if "(" not in statement:
            continue
        # `long f(x), g(x)`: two of one type.
        first = statement[: statement.index("(")]
        result = first[: len(first) - len(first.split()[-1].lstrip("*"))]
        parts = re.findall(r"(\w+)\(([^()]*)\)", statement)
        for name, parameters in parts:
            yield signature(f"{result}{name}({parameters})")


def ask(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def offsets(text):
    """Members of a structure as pahole prints it, with their offsets."""
    return {name: int(offset) for name, offset in re.findall(r"(\w+)(?:\[\d+\])?;\s*/\*\s*(\d+)\s+\d+ \*/", text)}


def main(kernels):
    wrong = []
    missing = {}
    for name, ours in declared(INPUT.read_text()):
        missing[name] = True
        for kernel in kernels:
            theirs = ask("pfunct", "-F", "btf", "-P", "-f", name, kernel)
            if not theirs.strip():
                continue
            missing[name] = False
            if signature(theirs)[1] != ours:
                wrong.append(f"{name}: {ours} is {signature(theirs)[1]} in {kernel}")
    for structure, members in LAYOUTS.items():
        known = [offsets(ask("pahole", "-F", "btf", "-C", structure, kernel)) for kernel in kernels]
        if not any(known):
            wrong.append(f"no kernel knows struct {structure}")
        for found in filter(None, known):
            wrong += [
                f"struct {structure}: {member} is at {found.get(member)}, not {offset}"
                for member, offset in members.items()
                if found.get(member) != offset
            ]
    wrong += [f"no kernel knows {name}" for name, is_missing in missing.items() if is_missing]
    for line in wrong:
        print(f"btf: {line}")
    print(f"btf: {len(missing)} functions and {len(LAYOUTS)} structures compared", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
