# SPDX-License-Identifier: Apache-2.0
"""Multiplier whose output register is used."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Multiplier"]

#: Bits of the factors of ECP5's cell.
_CELL_BITS = 18


class Multiplier(wiring.Component):
    """Multiply two unsigned numbers, with a register for the product.

    The register is the multiplier's own where the family has a cell for it here: ``MULT18X18D`` of
    ECP5, for factors of up to 18 bits. Synthesis leaves the register outside, which costs a way
    across the chip in the same cycle: the quantiser then reached 134 MHz. Elsewhere, and if a
    factor has more bits, it is a plain product with a register behind it.

    Latency: 1 cycle. Throughput: one product a cycle.

    Parameters
    ----------
    widths : int, int
        Bits of the factors.

    Members
    -------
    a : ``In(widths[0])``, b : ``In(widths[1])``
    product : ``Out(widths[0] + widths[1])``

    Source: Lattice FPGA-TN-02205 and Yosys' own use of the cell.
    """

    def __init__(self, *widths: int):
        self._widths = widths
        super().__init__({"a": In(widths[0]), "b": In(widths[1]), "product": Out(sum(widths))})

    @property
    def latency(self) -> int:
        """Cycles from factors to their product."""
        return 1

    def elaborate(self, platform):
        m = Module()
        if getattr(platform, "family", None) == "ecp5" and max(self._widths) <= _CELL_BITS:
            self._ecp5(m)
        else:
            product = Signal(len(self.product), reset_less=True)
            m.d.sync += product.eq(self.a * self.b)
            m.d.comb += self.product.eq(product)
        return m

    def _ecp5(self, m):
        a, b, product = (Signal(bits, name=name) for name, bits in (
            ("factor_a", _CELL_BITS), ("factor_b", _CELL_BITS), ("cell_product", 2 * _CELL_BITS)))
        m.d.comb += [a.eq(self.a), b.eq(self.b), self.product.eq(product)]
        pins = {f"i_{port}": Const(0, 1) for port in ("SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB")}
        for bit in range(_CELL_BITS):
            pins |= {f"i_A{bit}": a[bit], f"i_B{bit}": b[bit]}
        for bit in range(2 * _CELL_BITS):
            pins[f"o_P{bit}"] = product[bit]
        m.submodules.cell = Instance(
            "MULT18X18D", p_REG_OUTPUT_CLK="CLK0", p_GSR="DISABLED", i_CLK0=ClockSignal(),
            i_CE0=Const(1, 1), i_RST0=Const(0, 1), **pins)
