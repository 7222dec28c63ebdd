"""usage: fuzz.py compare WORK WAY LEFT RULE RIGHT RULE
       fuzz.py shrink STATE LEFT RULE RIGHT RULE JOBS

LEFT and RIGHT are what two guests have printed (scripts/guest/fuzz). `compare` prints how many seeds are the same
and the first line of each that is not, and leaves for each difference worth it a file WORK/WAY.N.state, that `shrink` reads.
First it wants the steps of that world alone, and finds the step that differs when all is looked at after each. Then
it takes the best of what the guests made of the candidates for fewer steps, and writes the next ones to JOBS. It ends
with 1 when there are none.
"""

import json
import re
import sys
from pathlib import Path

# As many differences of one way are made small; others have mostly the same cause.
MOST_SHRUNK = 3
MOST_CANDIDATES = 40


def read_runs(text, rule):
    """The transcripts under a rule, by their jobs; the last line says how each ended."""
    runs, lines = {}, None
    for line in text.splitlines():
        if line.startswith("## end "):
            lines.append(f"status {line.split()[2]}")
            lines = None
        elif line.startswith("## "):
            words = line.split()
            lines = []
            if words[1] == rule:
                runs[" ".join(words[2:])] = lines
        elif lines is not None:
            lines.append(line)
    return runs


def step_of(lines, index):
    """The step that a line belongs to, and its first line."""
    for line in reversed(lines[: index + 1]):
        if match := re.match(r"(\d+) ", line):
            return int(match.group(1)), line
    return 0, ""


def difference(left, right):
    """The place of the first line that is not the same, or that tells of a finding; None if there is none."""
    for index in range(max(len(left), len(right))):
        pair = [lines[index] if index < len(lines) else "(nothing)" for lines in (left, right)]
        if pair[0] != pair[1] or any(bad(line) for line in pair):
            return index, pair
    return None


def bad(line):
    return "FINDING" in line or line.startswith("status ") and line != "status 0"


def before_world(lines, index):
    """The steps before the world that a line belongs to: it does not know of them."""
    begins = (re.match(r"(\d+) begin", line) for line in lines[: index + 1])
    return list(range(1, max((int(begin.group(1)) for begin in begins if begin), default=0)))


def kind(lines, index):
    """What a difference is like: the operation of its step."""
    words = step_of(lines, index)[1].split()
    return words[2] if len(words) > 2 else ""


def compare(left, right):
    """Pairs of a job and its difference."""
    found = []
    for job in dict.fromkeys([*left, *right]):
        here = difference(left.get(job, []), right.get(job, []))
        if here:
            found.append((job, here))
    return found


def ranges(numbers):
    """Numbers as the program reads them: 1-3,7."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def job_of(state, skipped):
    return f"{state['seed']} {state['step']} {ranges(skipped)}".strip()


def candidates(state):
    """More steps to leave out, the most promising first: what worked alone taken together, then ever smaller parts."""
    left_out = set(state["skipped"])
    kept = [step for step in range(1, state["step"]) if step not in left_out]
    tried = []
    if state["worked"]:
        tried.append(sorted({step for part in state["worked"] for step in part} - left_out))
    size = len(kept)
    while size >= 1 and len(tried) < MOST_CANDIDATES:
        tried += [kept[start : start + size] for start in range(0, len(kept), size)]
        if size == 1:
            break
        size = (size + 1) // 2
    result = []
    for part in tried[:MOST_CANDIDATES]:
        if part and part not in result:
            result.append(part)
    return result


def shrink(state, left, right):
    """Takes the candidate that leaves out the most and differs in the same step still. False if none does."""
    worked = []
    for part in state["candidates"]:
        job = job_of(state, set(state["skipped"]) | set(part))
        here = difference(left.get(job, []), right.get(job, []))
        if here and step_of(left.get(job, []), here[0])[0] == state["step"]:
            worked.append(part)
    if not worked:
        return False
    best = max(worked, key=len)
    state["skipped"] = sorted(set(state["skipped"]) | set(best))
    state["worked"] = [part for part in worked if part != best]
    return True


def look_closely(state, left, right):
    """Finds the step that differs when all is looked at after each. False if none does."""
    job = job_of(state, state["skipped"])
    here = difference(left.get(job, []), right.get(job, []))
    if here:
        state["step"] = step_of(left.get(job, []), here[0])[0]
    return bool(here)


def say(job, here, left):
    index, pair = here
    number, first = step_of(left, index)
    lines = [f"seed {job.split()[0]}, step {number}: {first}", f"  < {pair[0]}", f"  > {pair[1]}"]
    return "\n".join(lines)


def main():
    match sys.argv[1:]:
        case ["compare", work, way, left, left_rule, right, right_rule]:
            left = read_runs(Path(left).read_text(errors="replace"), left_rule)
            right = read_runs(Path(right).read_text(errors="replace"), right_rule)
            found, kinds = compare(left, right), set()
            for job, here in found:
                lines = left.get(job, [])
                print(f"{way}: {say(job, here, lines)}")
                what = kind(lines, here[0])
                if what not in kinds and len(kinds) < MOST_SHRUNK:
                    kinds.add(what)
                    state = {"seed": int(job.split()[0]), "step": step_of(lines, here[0])[0], "worked": []}
                    state["skipped"] = before_world(lines, here[0])
                    Path(work, f"{way}.{len(kinds)}.state").write_text(json.dumps(state))
            jobs = len(dict.fromkeys([*left, *right]))
            Path(work, f"{way}.count").write_text(f"{jobs - len(found)} {len(found)}\n")
        case ["shrink", path, left, left_rule, right, right_rule, jobs]:
            state = json.loads(Path(path).read_text())
            if "candidates" not in state:
                state["candidates"] = []
                Path(path).write_text(json.dumps(state))
                Path(jobs).write_text(job_of(state, state["skipped"]) + "\n")
                return 0
            left = read_runs(Path(left).read_text(errors="replace"), left_rule)
            right = read_runs(Path(right).read_text(errors="replace"), right_rule)
            if not state["candidates"]:
                if not look_closely(state, left, right):
                    print("Looked at after each step, nothing differs.")
                    return 1
            elif not shrink(state, left, right) and not state.pop("again", False):
                return 1
            state["candidates"] = candidates(state)
            # What worked together need not; then each is tried alone once more.
            state["again"] = bool(state["worked"])
            state["worked"] = []
            Path(path).write_text(json.dumps(state))
            lines = [job_of(state, set(state["skipped"]) | set(part)) for part in state["candidates"]]
            Path(jobs).write_text("".join(line + "\n" for line in lines))
            return 0 if lines else 1
        case ["job", path]:
            state = json.loads(Path(path).read_text())
            print(job_of(state, state["skipped"]))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
