# SPDX-License-Identifier: Apache-2.0
"""Load a bitstream into a board."""

import shutil
import subprocess
from pathlib import Path

from ..golden.errors import DeviceError, ToolMissing, UserError
from .board import Board
from .build import BITSTREAM

__all__ = ["flash"]

#: Seconds that loading may take.
_LIMIT = 300
_REMEDIES = {
    "openFPGALoader": "install openFPGALoader, for example with: sudo apt install openfpgaloader",
}


def flash(board: Board, folder: Path) -> Path:
    """Load what :func:`~.build.build` made in a folder, and return the bitstream.

    Raises
    ------
    UserError
        If there is no bitstream.
    ToolMissing
        If the loader is not installed.
    DeviceError
        If the loader finds no board, or fails.
    """
    bitstream = folder / BITSTREAM[board.target]
    if not bitstream.is_file():
        raise UserError(f"there is no bitstream {bitstream}; make it first with: luthier build "
                        f"--board {board.name}")
    loader = shutil.which(board.loader[0])
    if loader is None:
        raise ToolMissing(f"loading the {board.title} needs {board.loader[0]}, which is not "
                          f"installed; {_REMEDIES[board.loader[0]]}")
    try:
        result = subprocess.run([loader, *board.loader[1:], str(bitstream)], capture_output=True,
                                text=True, check=False, timeout=_LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{board.loader[0]} did not load {bitstream}: {error}; check the cable, "
                          f"and that the {board.title} is powered") from None
    if result.returncode:
        said = [line.strip() for line in (result.stdout + result.stderr).splitlines()
                if line.strip()]
        raise DeviceError(
            f"{board.loader[0]} did not load {bitstream}: "
            f"{said[-1] if said else f'exit code {result.returncode}'}; check the cable, that the "
            f"{board.title} is powered, and that you may use its USB port")
    return bitstream
