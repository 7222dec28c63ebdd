# SPDX-License-Identifier: GPL-2.0
import tempfile
import unittest
from pathlib import Path

from counts import read

PRINTED = """region\t10
region\t10
a work\t1\t42
ffffffff81000000 T first
ffffffff81000100 t second
ffffffff82000000 d data
ffffffffc0000000 t ours\t[pidns]
"""


class Counts(unittest.TestCase):
    def read(self, counts):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "native").write_text(PRINTED)
            Path(directory, "native.counts").write_text(counts)
            return read(directory, "native")

    def test_instructions_are_those_of_a_piece_by_function(self):
        costs = self.read(
            "region\nlock 20 300\nblock 0xffffffff81000010 100\nblock 0xffffffff81000020 50\n"
            "block 0xffffffffc0000100 70\nblock 0x401000 30\n"
        )
        self.assertEqual(costs["first"], 15)
        self.assertEqual(costs["ours"], 7)
        self.assertEqual(costs["(user space)"], 3)
        self.assertEqual((costs["(lock taken)"], costs["(lock held)"]), (2, 30))

    def test_every_second_region_is_subtracted(self):
        region = "region\nlock 0 0\nblock 0xffffffff81000110 {}\n"
        costs = self.read(region.format(100) + region.format(40))
        self.assertEqual(costs["second"], 6)


if __name__ == "__main__":
    unittest.main()
