import tempfile
import unittest
from pathlib import Path

from ktap import Group
from results import judge_end, judge_skips, last_line, left_out, load, read_cargo, read_summary, store, table


def failed(name, *tests):
    group = Group(name)
    for test in tests:
        group.fail(test, ["why"])
    return group


class Summary(unittest.TestCase):
    def test_the_last_line_counts(self):
        group = read_summary("fuzz", "3 passed, 0 failed\nmore\n12 passed, 2 failed\n", "log")
        self.assertEqual((group.passed, group.failed), (12, 2))
        self.assertEqual(group.failures, [("(some)", ["see log"])])

    def test_without_one_it_has_failed(self):
        group = read_summary("fuzz", "fuzz: no space\n", "log")
        self.assertEqual(group.failures, [("(end)", ["fuzz: no space"])])


class End(unittest.TestCase):
    def test_a_crash_is_one_failure(self):
        groups = judge_end([Group("view", passed=3), failed("chain", "(end)")], 125, "vm: it crashed")
        self.assertEqual([group.failed for group in groups], [0, 0, 1])
        self.assertEqual(groups[-1].failures, [("(crash)", ["vm: it crashed"])])

    def test_a_crash_before_the_first_group(self):
        (group,) = judge_end([failed("run", "(end)")], 125, "vm: it crashed")
        self.assertEqual(group.name, "guest")

    def test_a_crash_keeps_what_failed_before(self):
        groups = judge_end([failed("chain", "sequence", "(end)")], 125, "vm: it crashed")
        self.assertEqual(groups[0].failures, [("sequence", ["why"])])
        self.assertEqual([group.failed for group in groups], [1, 1])

    def test_a_status_that_no_test_explains(self):
        self.assertEqual(judge_end([Group("view", passed=1)], 101, "x")[-1].failures[0][0], "(status)")
        self.assertEqual(judge_end([], 2, "x")[-1].failed, 1)

    def test_a_status_that_a_test_explains(self):
        groups = [failed("view", "numbers")]
        self.assertEqual(judge_end(groups, 1, "x"), groups)
        self.assertEqual(judge_end([Group("view", passed=1)], 0, ""), [Group("view", passed=1)])


class Skips(unittest.TestCase):
    def judged(self, why, run):
        (group,) = judge_skips([Group("view", passed=1, skipped=1, skips=[("numbers", why)])], run)
        return group.passed, group.failed, group.skipped

    def test_expected(self):
        self.assertEqual(self.judged("this kernel has no fault injection", "supply"), (1, 0, 1))
        self.assertEqual(self.judged("the module is not loaded", "native-arm64"), (1, 0, 1))

    def test_elsewhere(self):
        self.assertEqual(self.judged("this kernel has no fault injection", "supply-debug"), (1, 1, 0))
        self.assertEqual(self.judged("the module is not loaded", "supply"), (1, 1, 0))

    def test_for_no_known_reason(self):
        self.assertEqual(self.judged("no tracefs", "native"), (1, 1, 0))


class Cargo(unittest.TestCase):
    text = (
        "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n"
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n"
    )

    def test_sums(self):
        group = read_cargo(self.text, 0, "log")
        self.assertEqual((group.passed, group.failed, group.skipped), (7, 0, 1))

    def test_what_did_not_compile_is_a_failure(self):
        group = read_cargo("error: no such crate\n", 101, "log")
        self.assertEqual((group.passed, group.failed, len(group.failures)), (0, 1, 1))


class Table(unittest.TestCase):
    def test_counts_and_order(self):
        runs = [
            ("native", [Group("view", passed=2), Group("chain", passed=1, skipped=1)]),
            ("supply", [failed("view", "numbers"), Group("view", passed=1)]),
        ]
        text, bad = table(runs, "/logs")
        lines = text.splitlines()
        self.assertEqual(lines[1].split(), ["group", "native", "supply"])
        self.assertEqual(lines[3].split(), ["view", "2/0/0", "1/1/0"])
        self.assertEqual(lines[4].split(), ["chain", "1/0/1", "-"])
        self.assertIn("FAILED supply: view/numbers\n    why\nlogs: /logs/test-*\n", text)
        self.assertEqual((lines[-1], bad), ("4 passed, 1 failed, 1 skipped", 1))

    def test_all_well(self):
        text, bad = table([("native", [Group("view", passed=2)])], "/logs")
        self.assertEqual((text.splitlines()[-1], bad), ("2 passed, 0 failed", 0))

    def test_nothing_is_not_well(self):
        self.assertEqual(table([("native", [])], "/logs")[1], 1)
        text, bad = table([("native", [Group("view", skipped=2)])], "/logs")
        self.assertEqual(bad, 1)
        self.assertIn("no test ran: all 2 were skipped, see /logs/test-*.ktap", text)


class LeftOut(unittest.TestCase):
    def test_whole_groups_and_single_tests(self):
        text = left_out(["view/a", "view/b", "load/a", "load/b"], ["view/a"])
        self.assertIn("left out: 3 of 4 tests", text)
        self.assertIn("\n  load: all 2\n", text)
        self.assertIn("\n  view: b\n", text)


class Files(unittest.TestCase):
    def test_what_is_stored_is_loaded(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "native"
            self.assertEqual(load(path), [])
            groups = [Group("view", planned=3, passed=2), failed("chain", "a", "b")]
            store(path, groups)
            self.assertEqual([vars(g) | {"failures": [tuple(f) for f in g.failures]} for g in load(path)],
                             [vars(g) for g in groups])

    def test_last_line(self):
        self.assertEqual(last_line("a\nb\n\n"), "b")
        self.assertEqual(last_line(""), "no words")


if __name__ == "__main__":
    unittest.main()
