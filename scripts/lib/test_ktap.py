import unittest

from ktap import parse_result, read_groups

RUN = """KTAP version 1
1..2
    KTAP version 1
    # Subtest: view
    1..3
    ok 1 numbers
    # took 4.25 seconds
    # expected 1, saw 2
    not ok 2 strangers
    ok 3 - credentials # SKIP no such kernel
not ok 1 view
    # Subtest: chain
    1..1
    ok 1 sequence
ok 2 chain
# 2 passed, 1 failed, 1 skipped
"""


def groups(text):
    return list(read_groups(text.splitlines(keepends=True)))


class Results(unittest.TestCase):
    def test_a_plain_result(self):
        result = parse_result("    not ok 12 - a name with # in it")
        self.assertEqual((result.depth, result.number, result.outcome), (4, 12, "fail"))
        self.assertEqual(result.name, "a name with # in it")

    def test_directives(self):
        self.assertEqual(parse_result("ok 1 # SKIP not here").outcome, "skip")
        self.assertEqual(parse_result("ok 1 x # skip not here").words, "not here")
        self.assertEqual(parse_result("not ok 1 x # SKIP").outcome, "skip")
        self.assertEqual(parse_result("ok 3 x # XFAIL known").outcome, "pass")
        self.assertEqual(parse_result("not ok 3 x # error in it").outcome, "fail")

    def test_other_lines(self):
        for line in ("okay 1 x", "# ok 1 x", "ok x", "1..3", "", "not okay"):
            self.assertIsNone(parse_result(line), line)


class Groups(unittest.TestCase):
    def test_a_whole_run(self):
        view, chain = groups(RUN)
        self.assertEqual((view.passed, view.failed, view.skipped), (1, 1, 1))
        self.assertEqual(view.failures, [("strangers", ["expected 1, saw 2"])])
        self.assertEqual((chain.passed, chain.failed, chain.skipped), (1, 0, 0))

    def test_words_belong_to_the_next_result(self):
        (group,) = groups("1..1\n    # Subtest: g\n    1..2\n    # of a\n    ok 1 a\n    not ok 2 b\nnot ok 1 g\n")
        self.assertEqual(group.failures, [("b", [])])

    def test_fewer_tests_than_planned(self):
        (group,) = groups("1..1\n    # Subtest: g\n    1..2\n    ok 1 a\nok 1 g\n")
        self.assertEqual(group.failures, [("(plan)", ["2 tests were planned, 1 ran"])])

    def test_no_plan(self):
        (group,) = groups("1..1\n    # Subtest: g\n    ok 1 a\nok 1 g\n")
        self.assertEqual(group.failed, 1)

    def test_a_group_that_failed_for_itself(self):
        (group,) = groups("1..1\n    # Subtest: g\n    1..1\n    ok 1 a\nnot ok 1 g\n")
        self.assertEqual(group.failures[0][0], "(group)")

    def test_a_group_without_an_end(self):
        view, chain = groups(RUN[: RUN.index("ok 2 chain")])
        self.assertEqual((view.failed, chain.failures), (1, [("(end)", ["the group did not end"])]))

    def test_groups_that_did_not_begin(self):
        view, run = groups(RUN[: RUN.index("    # Subtest: chain")])
        self.assertEqual(run.failures, [("(end)", ["2 groups were planned, 1 ran"])])
        self.assertEqual(groups("")[0].failures, [("(end)", ["some groups were planned, 0 ran"])])

    def test_deeper_results_do_not_count(self):
        (group,) = groups("1..1\n    # Subtest: g\n    1..1\n        not ok 1 deep\n    ok 1 a\nok 1 g\n")
        self.assertEqual((group.passed, group.failed), (1, 0))


if __name__ == "__main__":
    unittest.main()
