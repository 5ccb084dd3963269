# SPDX-License-Identifier: Apache-2.0
"""Exact quotients, one bit a stage."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import less
from ..tree import delayed

__all__ = ["Divider"]


class Divider(wiring.Component):
    """Divide the numerators of a beat by one divisor: a pipelined restoring divider.

    Stage k subtracts the divisor from twice the rest, takes the difference where it is not
    negative, and so finds bit ``bits - k`` of the quotient. Bits come most significant first: a
    consumer that works bit by bit may begin when the first is known. What is left in the end is
    compared with half the divisor, which is all that exact rounding needs.

    Latency: ``bits + 2`` cycles. Throughput: one beat a cycle; it cannot be stalled. Takes
    ``lanes * (bits + 2)`` subtractions of ``width + 1`` bits and ``(bits + 2) * (lanes * (width +
    bits) + width)`` registers, or little less.

    Parameters
    ----------
    lanes : int
        Numerators of a beat.
    numerator : int
        Bits of a numerator.
    width : int
        Bits of the divisor.
    bits : int
        Bits of a quotient.

    Members
    -------
    numerators : ``In(numerator)`` x lanes, divisor : ``In(width)``
        Of a beat. The divisor is not 0.
    quotients : ``Out(bits)`` x lanes
        Rounded down.
    above, half : ``Out(lanes)``
        For each lane: the rest is more than half the divisor, or just that.
    beyond : ``Out(lanes)``
        The quotient has more bits; the other outputs of the lane are undefined.

    Source: restoring division as in textbooks of computer arithmetic.
    """

    def __init__(self, lanes: int, numerator: int, width: int, bits: int):
        self._lanes, self._width, self._bits = lanes, width, bits
        super().__init__({
            "numerators": In(data.ArrayLayout(numerator, lanes)),
            "divisor": In(width),
            "quotients": Out(data.ArrayLayout(bits, lanes)),
            "above": Out(lanes),
            "half": Out(lanes),
            "beyond": Out(lanes),
        })

    @property
    def latency(self) -> int:
        """Cycles from numerators to quotients."""
        return self._bits + 2

    def elaborate(self, platform):
        m = Module()
        bits = self._bits
        divisors = [self.divisor]
        for stage in range(bits + 1):
            divisors.append(delayed(m, f"divisor_{stage}", divisors[-1]))
        for lane in range(self._lanes):
            self._lane(m, f"lane_{lane}", lane, divisors)
        return m

    def _lane(self, m, name, lane, divisors):
        width, bits, numerator = self._width, self._bits, self.numerators[lane]
        # Bits of the numerator that are still to come, from the top; the quotient's follow below.
        rest, digits = Signal(width, name=f"{name}_rest", reset_less=True), Signal(
            bits, name=f"{name}_digits", reset_less=True)
        beyond = Signal(name=f"{name}_beyond", reset_less=True)
        m.d.sync += [
            rest.eq(numerator[bits:]),
            digits.eq(numerator),
            beyond.eq(~less(m, f"{name}_first", numerator[bits : bits + width], divisors[0])
                      | numerator[bits + width:].any()),
        ]
        for stage, divisor in enumerate(divisors[1:-1], 1):
            # The sign is one bit more than twice the rest has.
            difference = Signal(width + 2, name=f"{name}_difference_{stage}")
            twice, fits = Cat(digits[-1], rest), ~difference[-1]
            m.d.comb += difference.eq(twice - divisor)
            rest, before = Signal(width, name=f"{name}_rest_{stage}", reset_less=True), rest
            digits, earlier = Signal(bits, name=f"{name}_digits_{stage}", reset_less=True), digits
            m.d.sync += [
                rest.eq(Mux(fits, difference, Cat(earlier[-1], before))),
                digits.eq(Cat(fits, earlier[:-1])),
            ]
        twice, divisor = Cat(0, rest), divisors[-1]
        m.d.sync += [
            self.quotients[lane].eq(digits),
            self.above[lane].eq(less(m, f"{name}_last", divisor, twice)),
            self.half[lane].eq(twice == divisor),
        ]
        m.d.comb += self.beyond[lane].eq(delayed(m, f"{name}_beyond_later", beyond, bits + 1))
