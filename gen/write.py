# SPDX-License-Identifier: Apache-2.0
"""Write generated files: never over a folder of somebody else's, and only what changed."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ..golden.errors import UserError
from .verilog import Artefact

__all__ = ["MANIFEST", "VERILOG", "check_folder", "write"]

VERILOG = "luthier.v"
MANIFEST = "luthier.json"


def write(artefact: Artefact, folder: str | Path) -> dict[str, bool]:
    """Write ``luthier.v`` and ``luthier.json``, and return which of them changed.

    Parameters
    ----------
    artefact : Artefact
        What to write.
    folder : str or Path
        A new folder, an empty one, or one that this function made: then it has a manifest.

    Raises
    ------
    UserError
        If the folder holds something else, or can not be written.
    """
    folder = Path(folder)
    try:
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(artefact.manifest, indent=2) + "\n"
        return {VERILOG: _update(folder / VERILOG, artefact.verilog),
                MANIFEST: _update(folder / MANIFEST, text)}
    except OSError as error:
        raise _cannot_write(folder, error.strerror or error) from None


def check_folder(folder: Path) -> None:
    """Check that a folder is free or ours, and raise UserError if not: before any work is done."""
    try:
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is not a folder; give -o the name of a new folder")
        if folder.is_dir() and any(folder.iterdir()) and not _ours(folder / MANIFEST):
            raise UserError(f"{folder} exists and was not made by `luthier generate`; "
                            f"give -o the name of a new folder, or remove this one")
        nearest = folder.absolute()
        while not nearest.exists():
            nearest = nearest.parent
        if not nearest.is_dir():
            raise _cannot_write(folder, f"{nearest} is not a folder")
        with tempfile.TemporaryFile(dir=nearest):  # permissions alone do not tell
            pass
    except OSError as error:
        raise _cannot_write(folder, error.strerror or error) from None


def _cannot_write(folder: Path, why: object) -> UserError:
    return UserError(f"cannot write to {folder}: {why}; give -o the name of a folder where you may "
                     f"write")


def _ours(path: Path) -> bool:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "luthier" in content and "build_id" in content


def _update(path: Path, text: str) -> bool:
    """Write a file in one step if its content differs."""
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
