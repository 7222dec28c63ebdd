import unittest
from pathlib import Path

from analyzer import add_module, cfgs_of


class Analyzer(unittest.TestCase):
    def test_cfgs(self):
        command = "rustc --cfg pidns_jumps  --cfg MODULE --cfg=a --cfg 'b=\"c\"' @/x/rustc_cfg"
        self.assertEqual(cfgs_of(command), ["pidns_jumps", "MODULE", "a", 'b="c"'])

    def test_the_module_is_added(self):
        names = ("core", "kernel", "pin_init")
        project = {"crates": [{"display_name": name, "cfg": ["CONFIG_X"]} for name in names]}
        crate = add_module(project, Path("/r"), Path("/m"), "rustc --cfg MODULE")["crates"][-1]
        self.assertEqual([dep["crate"] for dep in crate["deps"]], [0, 1, 2])
        self.assertEqual(crate["cfg"], ["CONFIG_X", "MODULE"])
        self.assertEqual(crate["env"]["PIDNS_BINDINGS"], "/m/src/bindings/generated.rs")


if __name__ == "__main__":
    unittest.main()
