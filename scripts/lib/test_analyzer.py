import unittest
from pathlib import Path

from analyzer import add_module, cfgs_of, exports_of, without_library

KBUILD = """pidns-bindings := $(obj)/src/bindings/generated.rs
export PIDNS_BINDINGS := $(abspath $(pidns-bindings))
export PIDNS_OTHERS := $(abspath $(obj)/src/other.rs)
"""


def crate(name, *deps):
    return {
        "display_name": name,
        "root_module": f"/library/{name}/src/lib.rs",
        "cfg": ["CONFIG_X"],
        "deps": [{"crate": number, "name": "x"} for number in deps],
    }


class Analyzer(unittest.TestCase):
    def test_cfgs(self):
        command = "rustc --cfg pidns_jumps  --cfg MODULE --cfg=a --cfg 'b=\"c\"' @/x/rustc_cfg"
        self.assertEqual(cfgs_of(command), ["pidns_jumps", "MODULE", "a", 'b="c"'])

    def test_exports(self):
        self.assertEqual(
            exports_of(KBUILD, Path("/m")),
            {"PIDNS_BINDINGS": "/m/src/bindings/generated.rs", "PIDNS_OTHERS": "/m/src/other.rs"},
        )

    def test_the_library_is_named_and_not_listed(self):
        project = {"crates": [crate("core"), crate("macros", 0), crate("std", 0), crate("kernel", 0, 1, 2)]}
        project = without_library(project)
        self.assertEqual([c["display_name"] for c in project["crates"]], ["macros", "kernel"])
        self.assertEqual(project["crates"][1]["deps"], [{"crate": 0, "name": "x"}])
        self.assertEqual(project["sysroot_src"], "/library")

    def test_the_module_is_added(self):
        project = {"crates": [crate("kernel"), crate("pin_init")]}
        module = add_module(project, Path("/r"), Path("/m"), "rustc --cfg MODULE", KBUILD)["crates"][-1]
        self.assertEqual([dep["crate"] for dep in module["deps"]], [0, 1])
        self.assertEqual(module["cfg"], ["CONFIG_X", "MODULE"])
        self.assertEqual(module["env"]["PIDNS_OTHERS"], "/m/src/other.rs")
        self.assertEqual(module["source"]["include_dirs"], ["/r/src", "/m/src", "/m/src/bindings"])


if __name__ == "__main__":
    unittest.main()
