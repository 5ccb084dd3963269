# SPDX-License-Identifier: Apache-2.0
"""Check that a wheel holds every module and data file of the tree, and nothing else.

    python .ci/check_wheel.py luthier-0.1.0-py3-none-any.whl
"""

import sys
import zipfile
from pathlib import Path

ROOMS = ("cli", "boards", "sim", "gen", "hw", "host", "golden", "configs")
DATA = {"configs": {".toml"}, "host": {".safetensors"}, "sim": {".cpp", ".v"}, "gen": {".vlt"}}


def expected(root: Path) -> set[str]:
    """Return the files of the package as the wheel names them."""
    names = {f"luthier/{path.name}" for path in (root / "luthier").iterdir() if path.is_file()}
    for room in ROOMS:
        for path in (root / room).rglob("*"):
            if path.suffix in {".py"} | DATA.get(room, set()):
                names.add(f"luthier/{path.relative_to(root).as_posix()}")
    return names


def main() -> int:
    root = Path(__file__).resolve().parents[1]
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = expected(root)
    for name in sorted(wanted - found):
        print(f"not in the wheel: {name}")
    for name in sorted(found - wanted):
        print(f"in the wheel, not in the tree: {name}")
    print(f"{len(found)} files in the wheel")
    return int(found != wanted)


if __name__ == "__main__":
    sys.exit(main())
