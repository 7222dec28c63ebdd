"""usage: results.py ktap RESULTS <KTAP
       results.py ended RESULTS STATUS ERRORS
       results.py cargo RESULTS LOG STATUS
       results.py unittest RESULTS LOG
       results.py summary RESULTS GROUP LOG
       results.py left-out ALL QUICK
       results.py table LOGS RESULTS...

What scripts/test knows of a run is in a file RESULTS with a line of JSON for each group. `ktap` writes it from what a test program
says, with a line on the standard output for each group that has ended; `ended` adds how the guest ended, and fails what was skipped
for no known reason: STATUS is that of scripts/vm and ERRORS a file with its last words. `cargo` writes the results of `cargo test`,
`unittest` runs those of this directory. `summary` reads what a script ends with, "N passed, N failed". `left-out` says which tests
of the list ALL are not in the list QUICK. `table` prints group x run, what failed, and "N passed, N failed"; it ends with 1 if
anything did.
"""

import json
import re
import sys
import unittest
from pathlib import Path

from ktap import Group, read_groups

# scripts/vm: the guest crashed, hung or printed a report.
CRASHED = 125

# Why a test may be skipped, and in which runs (a pattern of the name): anywhere else it would hide that something is missing.
SKIPS = {
    "mainline's init has one side": r"native(-arm64)?",
    "mainline's init waits for all of them": r"native(-arm64)?",
    "the module is not loaded": r"native(-arm64)?",
    "here a namespace keeps the module": r"supply.*",
    # Who asks for that group there.
    "this kernel has pid namespaces of its own": r"(?!supply).*",
    "here it is the module's": r".*",
    "this kernel has no fault injection": r"(?!.*-debug).*",
    "there is no /sys/kernel/btf/vmlinux": r".*-debug",
    "this kernel has no live patching (CONFIG_LIVEPATCH)": r"(?!stock).*|stock.*-arm64",
    "32-bit programs come by the same functions": r".*-arm64",
}


def load(path):
    """The groups of a run; none if it has not begun."""
    if not path.exists():
        return []
    return [Group(**json.loads(line)) for line in path.read_text().splitlines()]


def store(path, groups):
    path.write_text("".join(json.dumps(vars(group)) + "\n" for group in groups))


def said(group):
    line = f"  {group.name:<10} {group.passed:3d} passed"
    if group.failed:
        line += f", {group.failed} failed"
    if group.skipped:
        line += f", {group.skipped} skipped"
    return line


def read_ktap(path, lines):
    store(path, [])
    for group in read_groups(lines):
        with path.open("a") as file:
            file.write(json.dumps(vars(group)) + "\n")
        if group.name != "run":
            print(said(group), flush=True)


def judge_end(groups, status, last_words):
    """The groups of a run, with how its guest ended."""
    if status == CRASHED:
        # What is cut short by a crash is one failure: the crash.
        for group in groups:
            kept = [failure for failure in group.failures if failure[0] != "(end)"]
            group.failed -= len(group.failures) - len(kept)
            group.failures = kept
        groups = [group for group in groups if group.name != "run"]
        return groups + [failed_group("guest", "(crash)", last_words)]
    if status != 0 and not any(group.failed for group in groups):
        words = f"the test program ended with {status}: {last_words}"
        return groups + [failed_group("guest", "(status)", words)]
    return groups


def judge_skips(groups, run):
    """A test that is skipped where nobody expects it has failed."""
    for group in groups:
        for test, why in group.skips:
            if not re.fullmatch(SKIPS.get(why, ""), run):
                group.skipped -= 1
                group.fail(test, [f"skipped on {run}, where it must not be: {why}"])
    return groups


def failed_group(name, test, words):
    group = Group(name)
    group.fail(test, [words])
    return group


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no words"


def read_cargo(text, status, log):
    """The group that one `cargo test` is."""
    group = Group("rules")
    for passed, failed, skipped in re.findall(
        r"^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored", text, re.MULTILINE
    ):
        group.passed += int(passed)
        group.failed += int(failed)
        group.skipped += int(skipped)
    if status != 0:
        group.failed = max(group.failed, 1)
        group.failures.append(("(cargo test)", [f"see {log}"]))
    return group


def read_summary(name, text, log):
    """The group that a script is which ends with a line of counts."""
    counts = re.findall(r"^(\d+) passed, (\d+) failed$", text, re.MULTILINE)
    if not counts:
        return failed_group(name, "(end)", last_line(text))
    group = Group(name, passed=int(counts[-1][0]), failed=int(counts[-1][1]))
    if group.failed:
        group.failures.append(("(some)", [f"see {log}"]))
    return group


def run_unittests(log):
    suite = unittest.defaultTestLoader.discover(str(Path(__file__).parent), pattern="test_*.py")
    with log.open("w") as stream:
        result = unittest.TextTestRunner(stream=stream, verbosity=2).run(suite)
    group = Group("scripts", skipped=len(result.skipped))
    for test, words in result.failures + result.errors:
        group.fail(str(test), [last_line(words)])
    group.passed = result.testsRun - group.failed - group.skipped
    if not result.testsRun:
        group.fail("(plan)", ["no tests were found"])
    return group


def table(runs, logs):
    """The text for runs, a list of pairs of a name and its groups, and how many tests failed."""
    names = list(dict.fromkeys(group.name for _, groups in runs for group in groups))
    text = ["", f"{'group':<12}" + "".join(f"{run:>16}" for run, _ in runs), "(passed/failed/skipped)"]
    for name in names:
        row = f"{name:<12}"
        for _, groups in runs:
            here = [group for group in groups if group.name == name]
            cell = "/".join(
                str(sum(getattr(group, count) for group in here)) for count in ("passed", "failed", "skipped")
            )
            row += f"{cell if here else '-':>16}"
        text.append(row)
    text.append("")
    for run, groups in runs:
        for group in groups:
            for test, words in group.failures:
                text += [f"FAILED {run}: {group.name}/{test}", *(f"    {line}" for line in words)]
    every = [group for _, groups in runs for group in groups]
    passed, failed, skipped = (sum(getattr(group, c) for group in every) for c in ("passed", "failed", "skipped"))
    if not passed + failed:
        why = f": all {skipped} were skipped, see {logs}/test-*.ktap" if skipped else ""
        failed, text = 1, [*text, f"FAILED: no test ran{why}"]
    if failed:
        text.append(f"logs: {logs}/test-*")
    text.append(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return "\n".join(text), failed


def left_out(every, quick):
    """What --quick does not run, by groups."""
    missing = {}
    for name in every:
        group, test = name.split("/", 1)
        if name not in quick:
            missing.setdefault(group, []).append(test)
    whole = [g for g in missing if not any(name.startswith(f"{g}/") for name in quick)]
    count = sum(map(len, missing.values()))
    text = ["", f"left out: {count} of {len(every)} tests, which take 3 seconds or more, or want a guest of their own;"]
    text += [f"  {group}: all {len(missing[group])}" for group in whole]
    text += [f"  {group}: {', '.join(tests)}" for group, tests in missing.items() if group not in whole]
    text += ["and the KUnit tests, and the kernels native, stock and supply-debug. `make test` runs everything,"]
    text += ["scripts/test --kernel supply GROUP[/TEST]... a part."]
    return "\n".join(text)


def main():
    match sys.argv[1:]:
        case ["ktap", results]:
            # A guest's bytes need not be UTF-8.
            sys.stdin.reconfigure(errors="replace")
            read_ktap(Path(results), sys.stdin)
        case ["ended", results, status, errors]:
            words = last_line(Path(errors).read_text(errors="replace"))
            groups = judge_skips(load(Path(results)), Path(results).name.split(".")[0])
            store(Path(results), judge_end(groups, int(status), words))
        case ["cargo", results, log, status]:
            store(Path(results), [read_cargo(Path(log).read_text(errors="replace"), int(status), log)])
        case ["unittest", results, log]:
            store(Path(results), [run_unittests(Path(log))])
        case ["summary", results, name, log]:
            group = read_summary(name, Path(log).read_text(errors="replace"), log)
            store(Path(results), [group])
            print(said(group))
        case ["left-out", every, quick]:
            print(left_out(*(Path(path).read_text().split() for path in (every, quick))))
        case ["table", logs, *results]:
            # Several files of one run: its name is before a dot.
            runs = {}
            for path in map(Path, results):
                groups = load(path) or [failed_group("guest", "(results)", f"no results of {path.name}")]
                runs.setdefault(path.name.split(".")[0], []).extend(groups)
            text, failed = table(list(runs.items()), logs)
            print(text)
            return 1 if failed else 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
