# SPDX-License-Identifier: Apache-2.0
"""The boards."""

import difflib

from ..golden.errors import UserError
from .arty import ArtyA735, ArtyA7100
from .board import Board
from .ecpix5 import Ecpix585F
from .ulx3s import Ulx3s12F, Ulx3s85F

__all__ = ["BOARDS", "find_board"]

#: By name.
BOARDS: dict[str, type[Board]] = {
    board.name: board for board in (
        Ulx3s85F, Ulx3s12F, Ecpix585F, ArtyA735, ArtyA7100)}


def find_board(name: str) -> Board:
    """Return the board of that name.

    Raises
    ------
    UserError
        If there is none.
    ToolMissing
        If amaranth-boards is not installed.
    """
    if name not in BOARDS:
        near = difflib.get_close_matches(name.lower(), BOARDS, n=1)
        raise UserError(f"there is no board called {name!r}; "
                        + (f"did you mean {near[0]!r}? " if near else "")
                        + f"the boards are {', '.join(BOARDS)}")
    return BOARDS[name]()
