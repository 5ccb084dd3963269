# SPDX-License-Identifier: Apache-2.0
"""Quotients and their signs to codes."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.quantiser import Mode
from ..arithmetic import count_ones

__all__ = ["Rounder"]


class Rounder(wiring.Component):
    """Round quotients, saturate them and give them their signs.

    Latency: 3 cycles. Throughput: one beat a cycle; it cannot be stalled.

    Parameters
    ----------
    lanes : int
    bits : int
        Bits of a quotient and of the longest code.

    Members
    -------
    quotients : ``In(bits)`` x lanes, above, half, beyond : ``In(lanes)``
        As :class:`~.divider.Divider` gives them.
    sticky : ``In(lanes)``
        The rest is a little more than it says.
    negative : ``In(lanes)``
    mode : ``In(2)``, away : ``In(1)``, bits : ``In(range(bits + 1))``
        Of the codes; ``away``: half-way quotients go away from zero, not to the even code.
    codes : ``Out(signed(bits))`` x lanes
        Unsigned where the mode is asymmetric: the same bits.
    saturated : ``Out(range(lanes + 1))``
        How many of them were out of range.
    """

    def __init__(self, lanes: int, bits: int):
        self._lanes, self._bits = lanes, bits
        super().__init__({
            "quotients": In(data.ArrayLayout(bits, lanes)),
            "above": In(lanes),
            "half": In(lanes),
            "beyond": In(lanes),
            "sticky": In(lanes),
            "negative": In(lanes),
            "mode": In(2),
            "away": In(1),
            "bits": In(range(bits + 1)),
            "codes": Out(data.ArrayLayout(signed(bits), lanes)),
            "saturated": Out(range(lanes + 1)),
        })

    @property
    def latency(self) -> int:
        """Cycles from quotients to codes."""
        return 3

    def elaborate(self, platform):
        m = Module()
        top = Signal(self._bits)
        with m.Switch(self.bits):
            for bits in range(2, self._bits + 1):
                with m.Case(bits):
                    asymmetric = self.mode == Mode.ASYMMETRIC
                    m.d.comb += top.eq(Mux(asymmetric, (1 << bits) - 1, (1 << bits - 1) - 1))
        outside = [self._lane(m, f"lane_{lane}", lane, top) for lane in range(self._lanes)]
        m.d.sync += self.saturated.eq(count_ones(outside))
        return m

    def _lane(self, m, name, lane, top):
        def register(shape, suffix):
            return Signal(shape, name=f"{name}_{suffix}", reset_less=True)

        # One more bit than the quotient, for all ones rounded up, and for a clamped magnitude.
        rounded, limit = register(self._bits + 1, "rounded"), register(self._bits, "limit")
        signs, beyond = register(2, "signs"), register(1, "beyond")
        up = Signal(name=f"{name}_up")
        m.d.comb += up.eq(self.above[lane] | self.half[lane] & (
            self.sticky[lane] | self.away | self.quotients[lane][0]))
        m.d.sync += [
            rounded.eq(self.quotients[lane] + up),
            limit.eq(top + (self.negative[lane] & (self.mode == Mode.STATIC))),
            beyond.eq(self.beyond[lane]),
            signs.eq(Cat(self.negative[lane], signs[0])),
        ]
        magnitude, outside = register(self._bits, "magnitude"), register(1, "outside")
        over = Signal(name=f"{name}_over")
        m.d.comb += over.eq(beyond | (rounded > limit))
        m.d.sync += [magnitude.eq(Mux(over, limit, rounded)), outside.eq(over)]
        # The carry is an extra lowest bit, so that this is one chain.
        flipped = magnitude ^ signs[1].replicate(self._bits)
        m.d.sync += self.codes[lane].eq((Cat(1, flipped) + signs[1])[1:])
        return outside
