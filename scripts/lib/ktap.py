"""Reads KTAP: result lines, and the groups that tests/guest and KUnit write."""

import re
from dataclasses import dataclass, field

RESULT = re.compile(r"(\s*)(not )?ok (\d+)(?:\s+-)?\s*(.*)")
# How long a test took is no reason why it failed.
TOOK = re.compile(r" {4}# took [0-9.]+ seconds")
DIRECTIVE = re.compile(r"(.*?)\s*#\s*(SKIP|XFAIL|XPASS|error)\b\s*(.*)", re.IGNORECASE)


@dataclass
class Result:
    """A line that says how a test ended."""

    depth: int
    ok: bool
    number: int
    name: str
    directive: str = ""
    words: str = ""

    @property
    def outcome(self):
        if self.directive == "SKIP":
            return "skip"
        return "pass" if self.ok else "fail"


def parse_result(line):
    """The result that a line tells of, or None."""
    match = RESULT.fullmatch(line)
    if not match:
        return None
    result = Result(len(match[1]), not match[2], int(match[3]), match[4])
    if directive := DIRECTIVE.fullmatch(match[4]):
        result.name, result.words = directive[1], directive[3]
        result.directive = directive[2].upper()
    return result


@dataclass
class Group:
    """The tests under one `# Subtest:`."""

    name: str
    planned: int | None = None
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    # Pairs of a test's name and what it said.
    failures: list = field(default_factory=list)
    # Pairs of a test's name and why it was skipped.
    skips: list = field(default_factory=list)

    def fail(self, test, words):
        self.failed += 1
        self.failures.append((test, words))

    def ran(self):
        return self.passed + self.failed + self.skipped


def read_groups(lines):
    """The groups of a run, each when it has ended. What is missing counts as a failure: of its group where that has
    begun, and of one named `run` where it has not."""
    planned, seen, group, words = None, 0, None, []
    for line in lines:
        line = line.rstrip("\r\n")
        if match := re.fullmatch(r"1\.\.(\d+)", line):
            planned = int(match[1])
        elif match := re.fullmatch(r" {4}# Subtest: (.*)", line):
            group, words = Group(match[1]), []
        elif group and (match := re.fullmatch(r" {4}1\.\.(\d+)", line)):
            group.planned = int(match[1])
        elif group and line.startswith("    # "):
            if not TOOK.fullmatch(line):
                words.append(line[6:])
        elif group and (result := parse_result(line)) and result.depth in (0, 4):
            if result.depth == 4:
                match result.outcome:
                    case "pass":
                        group.passed += 1
                    case "skip":
                        group.skipped += 1
                        group.skips.append((result.name, result.words))
                    case _:
                        group.fail(result.name or "?", words)
                words = []
                continue
            if group.planned != group.ran():
                group.fail("(plan)", [f"{group.planned} tests were planned, {group.ran()} ran"])
            elif not result.ok and not group.failed:
                group.fail("(group)", ["the group failed, and none of its tests"])
            seen += 1
            yield group
            group = None
    if group:
        group.fail("(end)", ["the group did not end"])
        yield group
    elif seen != planned:
        run = Group("run")
        run.fail("(end)", [f"{'some' if planned is None else planned} groups were planned, {seen} ran"])
        yield run
