import unittest

from fuzz import (
    bad,
    before_world,
    candidates,
    compare,
    difference,
    job_of,
    kind,
    look_closely,
    ranges,
    read_runs,
    shrink,
    step_of,
)

TEXT = """## 0 7 3
0 begin
  a0 is [1]
1 a0 Fork [0, 17]
  a0 answers [2]
## end 0
## 1 7 3 1,2
0 begin
## end 101
"""


class Reading(unittest.TestCase):
    def test_runs_of_one_rule(self):
        self.assertEqual(list(read_runs(TEXT, "0")), ["7 3"])
        self.assertEqual(read_runs(TEXT, "1"), {"7 3 1,2": ["0 begin", "status 101"]})

    def test_a_run_that_a_crash_cut_short(self):
        self.assertEqual(read_runs("## 0 1 2\n0 begin\n", "0"), {"1 2": ["0 begin"]})

    def test_the_step_of_a_line(self):
        lines = read_runs(TEXT, "0")["7 3"]
        self.assertEqual(step_of(lines, 3), (1, "1 a0 Fork [0, 17]"))
        self.assertEqual(step_of(lines, 1)[0], 0)
        self.assertEqual(kind(lines, 3), "Fork")


class Comparing(unittest.TestCase):
    def test_what_is_the_same(self):
        self.assertIsNone(difference(["a", "status 0"], ["a", "status 0"]))

    def test_the_first_line_that_differs(self):
        self.assertEqual(difference(["a", "b"], ["a", "c"]), (1, ["b", "c"]))
        self.assertEqual(difference(["a"], ["a", "c"]), (1, ["(nothing)", "c"]))

    def test_a_finding_counts_on_both_sides(self):
        self.assertEqual(difference(["  FINDING: x"], ["  FINDING: x"])[0], 0)
        self.assertTrue(bad("status 143"))

    def test_a_job_that_one_side_lacks(self):
        self.assertEqual([job for job, _ in compare({"1 2": ["a"], "2 2": ["a"]}, {"2 2": ["a"]})], ["1 2"])


class Shrinking(unittest.TestCase):
    def state(self, **more):
        return {"seed": 7, "step": 5, "skipped": [], "worked": []} | more

    def test_ranges(self):
        self.assertEqual(ranges([3, 1, 2, 7, 9, 10]), "1-3,7,9-10")
        self.assertEqual(ranges([]), "")

    def test_the_steps_before_the_world_of_a_line(self):
        lines = ["0 begin", "1 a0 View", "3 finish", "3 begin", "3 a0 View", "5 begin"]
        self.assertEqual(before_world(lines, 1), [])
        self.assertEqual(before_world(lines, 4), [1, 2])

    def test_the_step_that_differs_when_looked_at_closely(self):
        state = self.state(skipped=[1, 2])
        job = job_of(state, [1, 2])
        left = {job: ["0 begin", "3 a0 Kill", "x", "5 a0 View"]}
        self.assertFalse(look_closely(state, left, left))
        self.assertTrue(look_closely(state, left, {job: ["0 begin", "3 a0 Kill", "y"]}))
        self.assertEqual(state["step"], 3)

    def test_candidates_go_from_all_to_one(self):
        parts = candidates(self.state())
        self.assertEqual(parts[0], [1, 2, 3, 4])
        self.assertIn([3], parts)
        self.assertNotIn([5], sum(parts, []))

    def test_what_worked_is_tried_together_first(self):
        self.assertEqual(candidates(self.state(worked=[[1], [3]], skipped=[3]))[0], [1])

    def test_the_largest_that_still_differs_is_taken(self):
        state = self.state(candidates=[[1, 2], [3]])
        job = job_of(state, [1, 2])
        self.assertEqual(job, "7 5 1-2")
        same = {"7 5 3": ["5 a0 Kill", "x"]}
        left, right = {job: ["5 a0 Kill", "x"]} | same, {job: ["5 a0 Kill", "y"]} | same
        self.assertTrue(shrink(state, left, right))
        self.assertEqual(state["skipped"], [1, 2])

    def test_another_difference_is_not_taken(self):
        state = self.state(candidates=[[1]])
        job = job_of(state, [1])
        self.assertFalse(shrink(state, {job: ["2 a0 Kill", "x"]}, {job: ["2 a0 Kill", "y"]}))


if __name__ == "__main__":
    unittest.main()
