# SPDX-License-Identifier: Apache-2.0
"""A board's top as Verilog."""

from ..gen.verilog import Artefact, generate
from ..golden.config import Configuration
from ..golden.errors import UserError
from .board import Board
from .pll import pll_settings
from .top import BoardTop, line_divisor

__all__ = ["board_verilog"]


def board_verilog(board: Board, config: Configuration, *, simulated: bool = False) -> Artefact:
    """Generate the top of a board.

    Parameters
    ----------
    board : Board
    config : Configuration
        Of the device.
    simulated : bool
        Without cells of the family, so that the clock comes in as it is to be.

    Raises
    ------
    ToolMissing
        If Amaranth is not installed.
    UserError
        If the configuration is none for this board.
    """
    pins = board.pins()
    inverted = frozenset(name for name, pin in (("rst", pins["rst"]), ("led", pins["led[0]"]))
                         if pin.inverted)

    def top(config: Configuration, identification: bytes) -> BoardTop:
        return BoardTop(config, identification, oscillator_hz=board.oscillator_hz,
                        baud=board.baud, inverted=inverted, leds=len(board.leds))

    try:  # before a component is made, which Amaranth would miss
        line_divisor(config, board.baud)
        if not simulated and board.oscillator_hz != config.clock_hz:
            pll_settings(board.target, board.oscillator_hz, config.clock_hz)
    except ValueError as error:
        raise UserError(f"the configuration {config.name} can not be on the {board.title}, whose "
                        f"line has {board.baud} baud: {error}") from None
    return generate(config, top, target=None if simulated else board.target)
