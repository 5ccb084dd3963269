# SPDX-License-Identifier: Apache-2.0
"""What commands with ``--plot FILE`` share."""

from pathlib import Path
from typing import Any

from ..golden.errors import ToolMissing, UserError

__all__ = ["check_plot", "pyplot", "save_plot"]


def pyplot() -> Any:
    """Return Matplotlib's pyplot, without a window; ToolMissing if it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise ToolMissing("--plot needs Matplotlib, which is not installed: "
                          "pip install 'luthier[plot]'") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def check_plot(path: Path | None) -> None:
    """Refuse a ``--plot`` that could not be drawn, before any work is done.

    Raises
    ------
    UserError
        If it has another ending, or its folder does not exist.
    ToolMissing
        If Matplotlib is not installed.
    """
    if path is None:
        return
    if path.suffix not in (".png", ".svg"):
        raise UserError(f"--plot {path}: the name must end in .png or .svg")
    if not path.parent.is_dir():
        raise UserError(f"--plot {path}: there is no folder {path.parent}; create it first")
    pyplot()


def save_plot(figure: Any, path: Path) -> None:
    """Write a figure, the same bytes each time; UserError if that fails."""
    try:
        figure.savefig(path, metadata={"Date" if path.suffix == ".svg" else "Software": None})
    except OSError as error:
        raise UserError(f"--plot {path}: cannot write: {error.strerror or error}; give the name of "
                        f"a file that can be written") from None
