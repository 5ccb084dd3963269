# SPDX-License-Identifier: Apache-2.0
"""Registers at pins, in the pins' own cells where a family has them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PadRegister"]

#: Cells of ECP5 that nextpnr places at the pin.
_CELLS = {"input": "IFS1P3DX", "output": "OFS1P3DX"}


class PadRegister(wiring.Component):
    """Bits that pass a register at their pins. It is never reset.

    Latency: 1 cycle.

    Parameters
    ----------
    width : int
    direction : str
        ``"input"`` or ``"output"``: where the pin is.

    Members
    -------
    d : ``In(width)``, q : ``Out(width)``
    """

    def __init__(self, width: int, direction: str):
        self._cell = _CELLS[direction]
        super().__init__({"d": In(width), "q": Out(width)})

    @property
    def latency(self) -> int:
        """Cycles from ``d`` to ``q``."""
        return 1

    def elaborate(self, platform):
        m = Module()
        if getattr(platform, "family", None) != "ecp5":
            register = Signal.like(self.q, reset_less=True)
            m.d.sync += register.eq(self.d)
            m.d.comb += self.q.eq(register)
            return m
        for bit in range(len(self.d)):
            m.submodules[f"bit_{bit}"] = Instance(
                self._cell, i_SCLK=ClockSignal(), i_SP=Const(1), i_CD=Const(0), i_D=self.d[bit],
                o_Q=self.q[bit])
        return m
