"""usage: analyzer.py PROJECT ROOT MODULE

Adds the module to PROJECT, the rust-project.json of a kernel, and prints that: ROOT is this tree, MODULE the directory in
which scripts/module built it.
"""

import json
import re
import sys
from pathlib import Path


def cfgs_of(command):
    """What --cfg says in a command of Kbuild."""
    return re.findall(r"--cfg[ =]'?([^\s']+)'?", command)


def add_module(project, root, module, command):
    crates = project["crates"]
    index = {crate["display_name"]: number for number, crate in enumerate(crates)}
    kernel = crates[index["kernel"]]
    bindings = module / "src/bindings/generated.rs"
    crates.append(
        {
            "display_name": "pidns",
            "root_module": str(root / "src/pidns.rs"),
            "is_workspace_member": True,
            "edition": "2021",
            "deps": [
                {"crate": index[name], "name": name}
                for name in ("core", "kernel", "pin_init", "zerocopy", "zerocopy_derive", "ffi")
                if name in index
            ],
            "cfg": [*kernel["cfg"], *cfgs_of(command)],
            "env": {"RUST_MODFILE": "pidns", "PIDNS_BINDINGS": str(bindings)},
            # Files that are no module of the crate by their place, but included.
            "source": {"include_dirs": [str(root / "src"), str(bindings.parent)], "exclude_dirs": []},
        }
    )
    return project


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    project, root, module = map(Path, sys.argv[1:])
    command = (module / "src/.pidns.o.cmd").read_text().split("\n", 1)[0]
    json.dump(add_module(json.loads(project.read_text()), root, module, command), sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
