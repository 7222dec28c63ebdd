"""usage: analyzer.py PROJECT ROOT MODULE

Adds the module to PROJECT, the rust-project.json of a kernel, and prints that: ROOT is this tree, MODULE the directory in
which scripts/module built it.
"""

import json
import re
import sys
from pathlib import Path

# rust-analyzer finds the methods of str, of pointers and of integers only in a library that it loads itself.
LIBRARY = ("core", "alloc", "std", "proc_macro")


def cfgs_of(command):
    """What --cfg says in a command of Kbuild."""
    return re.findall(r"--cfg[ =]'?([^\s']+)'?", command)


def exports_of(kbuild, module):
    """The variables that a Kbuild file exports to rustc: paths of what it generates in the module's directory."""
    variables = dict(re.findall(r"^(?:export )?([\w-]+) := (.*)$", kbuild, re.MULTILINE))
    variables["obj"] = str(module)

    def expand(text):
        text = re.sub(r"\$\(abspath (.*)\)$", r"\1", text)
        return re.sub(r"\$\(([\w-]+)\)", lambda match: expand(variables[match[1]]), text)

    return {name: expand(variables[name]) for name in re.findall(r"^export (\w+) := ", kbuild, re.MULTILINE)}


def without_library(project):
    """The project with the sources of the library, in place of its crates."""
    crates = project["crates"]
    core = next(crate for crate in crates if crate["display_name"] == "core")
    kept = [number for number, crate in enumerate(crates) if crate["display_name"] not in LIBRARY]
    new = {old: number for number, old in enumerate(kept)}
    for number in kept:
        crate = crates[number]
        crate["deps"] = [dep | {"crate": new[dep["crate"]]} for dep in crate["deps"] if dep["crate"] in new]
    # LIBRARY/core/src/lib.rs
    source = Path(core["root_module"]).parents[2]
    return project | {"crates": [crates[number] for number in kept], "sysroot_src": str(source)}


def add_module(project, root, module, command, kbuild):
    crates = project["crates"]
    index = {crate["display_name"]: number for number, crate in enumerate(crates)}
    exports = exports_of(kbuild, module)
    crates.append(
        {
            "display_name": "pidns",
            "root_module": str(root / "src/pidns.rs"),
            "is_workspace_member": True,
            "edition": "2021",
            "deps": [
                {"crate": index[name], "name": name}
                for name in ("kernel", "pin_init", "zerocopy", "zerocopy_derive", "ffi")
                if name in index
            ],
            "cfg": [*crates[index["kernel"]]["cfg"], *cfgs_of(command)],
            "env": {"RUST_MODFILE": "pidns", **exports},
            # Files that are no module of the crate by their place, but included.
            "source": {
                "include_dirs": [str(root / "src"), *sorted({str(Path(path).parent) for path in exports.values()})],
                "exclude_dirs": [],
            },
        }
    )
    return project


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    path, root, module = map(Path, sys.argv[1:])
    command = (module / "src/.pidns.o.cmd").read_text().split("\n", 1)[0]
    project = without_library(json.loads(path.read_text()))
    json.dump(add_module(project, root, module, command, (root / "Kbuild").read_text()), sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
