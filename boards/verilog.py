# SPDX-License-Identifier: Apache-2.0
"""A board's top as Verilog."""

from collections.abc import Callable

from amaranth.lib import wiring

from ..gen.verilog import Artefact, generate
from ..golden.config import Configuration
from ..golden.errors import UserError
from .board import Board
from .pll import pll_settings
from .top import BoardTop, line_divisor

__all__ = ["board_verilog"]


def board_verilog(board: Board, config: Configuration, *,
                  around: Callable[[wiring.Component, Configuration], wiring.Component]
                  | None = None) -> Artefact:
    """Generate the top of a board.

    Parameters
    ----------
    board : Board
    config : Configuration
        Of the device.
    around : callable, optional
        For a simulation: without cells of the family, so that the clock comes in as it is to be,
        and with what this makes of the top in its place, such as
        :func:`luthier.sim.with_sdram.with_chips`.

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

    def top(config: Configuration, identification: bytes) -> wiring.Component:
        made = BoardTop(config, identification, oscillator_hz=board.oscillator_hz,
                        baud=board.baud, inverted=inverted, leds=len(board.leds),
                        pads=around is None)
        return made if around is None else around(made, config)

    if config.sdram is not None and board.sdram is None:
        raise UserError(f"the configuration {config.name} has an SDRAM, and the {board.title} has "
                        f"none that Luthier knows; take the section [sdram] out")
    try:  # before a component is made, which Amaranth would miss
        line_divisor(config, board.baud)
        if around is None and board.oscillator_hz != config.clock_hz:
            pll_settings(board.target, board.oscillator_hz, config.clock_hz)
    except ValueError as error:
        raise UserError(f"the configuration {config.name} can not be on the {board.title}, whose "
                        f"line has {board.baud} baud: {error}") from None
    return generate(config, top, target=board.target if around is None else None)
