# SPDX-License-Identifier: Apache-2.0
"""``luthier flash``: a bitstream into a board."""

import typer

from .build import BoardOption, FolderOption, folder_of
from .output import Output

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("flash", epilog="Example: luthier flash --board ulx3s_85f, then luthier run "
                                 "--device 'serial:/dev/ttyUSB0?baud=2000000'")
    def flash(board: BoardOption, target: FolderOption = None) -> None:
        """Load the bitstream that `luthier build` made into a board."""
        from ..boards.catalogue import find_board
        from ..boards.flash import flash as load

        found = find_board(board)
        output = Output()
        output.line(f"{load(found, folder_of(target, board))}: loaded into {found.title}")
        output.line(f"next: luthier run --device 'serial:PORT?baud={found.baud}'")
