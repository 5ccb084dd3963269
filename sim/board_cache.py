# SPDX-License-Identifier: Apache-2.0
"""Simulated boards that were built before: one folder each, for this user only.

A shared library is code that runs here, so the folder has mode 0700 and an entry whose bytes differ
from what was stored is thrown away. Builds of the same board wait for one another; an entry appears
whole or not at all.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..golden.errors import UserError

__all__ = ["cache_folder", "fetch"]

_RECORD = "record.json"
#: Entries kept; of the others, those unused for a day go.
_KEEP = 20
_KEEP_SECONDS = 24 * 3600


def cache_folder() -> Path:
    """Return this user's folder, made with mode 0700 if it is not there.

    It is ``luthier`` in ``$XDG_CACHE_HOME``, else in ``~/.cache`` (macOS: ``~/Library/Caches``).

    Raises
    ------
    UserError
        If it can not be made, or belongs to somebody else.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        parent = Path(base)
    elif sys.platform == "darwin":
        parent = Path.home() / "Library" / "Caches"
    else:
        parent = Path.home() / ".cache"
    folder = parent / "luthier"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.stat()
        if hasattr(os, "getuid") and state.st_uid != os.getuid():
            raise UserError(f"{folder} belongs to another user; set XDG_CACHE_HOME to a folder of "
                            f"your own")
        if stat.S_IMODE(state.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise UserError(f"the cache folder {folder} cannot be used: {error.strerror or error}; set "
                        f"XDG_CACHE_HOME to a folder of your own") from None
    return folder


def fetch(key: str, name: str, build: Callable[[Path], None]) -> tuple[Path, float | None]:
    """Return a file that was built once, and the seconds that took, None if it was there.

    Parameters
    ----------
    key : str
        Says everything that the file depends on.
    name : str
        Its name.
    build : callable
        Makes a file of that name in the folder that it is given.
    """
    folder = cache_folder()
    entry = folder / key
    if _valid(entry / name):
        return _used(entry / name), None
    with _lock(folder / f"{key}.lock"):
        if _valid(entry / name):  # another process built it meanwhile
            return _used(entry / name), None
        shutil.rmtree(entry, ignore_errors=True)
        _prune(folder)
        begin = time.monotonic()
        work = Path(tempfile.mkdtemp(dir=folder, prefix="build-"))
        try:
            build(work)
            finished = Path(tempfile.mkdtemp(dir=folder, prefix="build-"))
            (work / name).rename(finished / name)
            seconds = time.monotonic() - begin
            record = {"sha256": _digest(finished / name), "build_seconds": seconds}
            (finished / _RECORD).write_text(json.dumps(record))
            finished.rename(entry)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return entry / name, seconds


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _valid(path: Path) -> bool:
    try:
        record = json.loads((path.parent / _RECORD).read_text())
        return record["sha256"] == _digest(path)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _used(path: Path) -> Path:
    with contextlib.suppress(OSError):
        os.utime(path.parent)
    return path


def _prune(folder: Path) -> None:
    """Remove old entries, and what an interrupted build left behind."""
    found: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.is_dir():
                found.append((path.stat().st_mtime, path))
    limit = time.time() - _KEEP_SECONDS
    for modified, path in sorted(found, reverse=True)[_KEEP:]:
        if modified < limit:
            shutil.rmtree(path, ignore_errors=True)
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    for modified, path in found:
        if path.name.startswith("build-") and modified < limit:
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the system frees it when the process ends, however it ends."""
    import fcntl  # not on Windows, where the simulated board runs in WSL2

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
