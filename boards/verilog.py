# SPDX-License-Identifier: Apache-2.0
"""A board's top as Verilog."""

from ..gen.verilog import Artefact, generate
from ..golden.config import Configuration
from .board import Board
from .top import BoardTop

__all__ = ["board_verilog"]


def board_verilog(board: Board, *, simulated: bool = False) -> Artefact:
    """Generate the top of a board, of its own configuration.

    Parameters
    ----------
    board : Board
    simulated : bool
        Without cells of the family, so that the clock comes in as it is to be.

    Raises
    ------
    ToolMissing
        If Amaranth is not installed.
    """
    pins = board.pins()
    inverted = frozenset(name for name, pin in (("rst", pins["rst"]), ("led", pins["led[0]"]))
                         if pin.inverted)

    def top(config: Configuration, identification: bytes) -> BoardTop:
        return BoardTop(config, identification, oscillator_hz=board.oscillator_hz,
                        baud=board.baud, inverted=inverted, leds=len(board.leds))

    return generate(board.config, top, target=None if simulated else board.target)
