# SPDX-License-Identifier: Apache-2.0
"""Extremes of a group to what its samples are divided by."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.quantiser import MANTISSA_BITS, Mode, QuantiserShape
from ..arithmetic import less
from ..tree import delayed

__all__ = ["BlockScale", "divisor_width", "scale_layout"]


def divisor_width(shape: QuantiserShape) -> int:
    """Return the bits of a divisor.

    A range has as many bits as a sample. A shift of so many places or more takes 16 off, and the
    largest then leaves ``2**(W-1)``. Of 16 itself nothing would be left, and what the numerator
    loses would be half a divisor or more; so it must not be one of those.
    """
    return max(shape.width, MANTISSA_BITS + 1)


def scale_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return the layout of a group's scale; see :class:`luthier.golden.quantiser.Quantised`."""
    return data.StructLayout({"scale": shape.width, "offset": signed(shape.width)})


class BlockScale(wiring.Component):
    """Derive divisor, offset and scale of a group from its extremes, its mode and a static scale.

    A power of two is the leading one of the largest magnitude. That of the OR of all magnitudes is
    the same bit; the maximum is there anyway.

    Latency: 4 cycles to ``divisor`` and ``record``, 3 to ``skip``, 1 to ``base``. Throughput: one
    group a cycle.

    Parameters
    ----------
    shape : QuantiserShape

    Members
    -------
    largest, least : ``In(signed(W))``
        Extremes of the group.
    mode : ``In(2)``
        A :class:`~luthier.golden.quantiser.Mode`.
    shift : ``In(range(W + 16))``
        Of a static scale.
    base : ``Out(W)``
        To be added to each sample, and 1 to it: the complement of the minimum. 0 unless
        asymmetric.
    skip : ``Out(1)``
        Numerators are shifted right by 16 places, since the divisor is.
    divisor : ``Out(divisor_width(shape))``
        At least 1.
    record : ``Out(scale_layout(shape))``
    """

    def __init__(self, shape: QuantiserShape):
        self._shape = shape
        super().__init__({
            "largest": In(signed(shape.width)),
            "least": In(signed(shape.width)),
            "mode": In(2),
            "shift": In(range(shape.largest_shift + 1)),
            "base": Out(shape.width),
            "skip": Out(1),
            "divisor": Out(divisor_width(shape)),
            "record": Out(scale_layout(shape)),
        })

    @property
    def latency(self) -> int:
        """Cycles from extremes to the divisor."""
        return 4

    def elaborate(self, platform):
        m = Module()
        width, most = self._shape.width, divisor_width(self._shape)
        mode = [delayed(m, f"mode_{age}", self.mode, age) for age in range(4)]
        offset = Mux(self.mode == Mode.ASYMMETRIC, self.least, 0)

        negated = Signal(signed(width + 1), reset_less=True)
        range_ = Signal(width, name="range", reset_less=True)
        largest = delayed(m, "largest", self.largest)
        m.d.sync += [
            negated.eq(-self.least),
            range_.eq(self.largest - self.least),
            self.base.eq(Mux(self.mode == Mode.ASYMMETRIC, ~self.least, 0)),
        ]

        # The largest magnitude, not negative even where the largest sample is; or the range.
        span = Signal(width, reset_less=True)
        with m.If(mode[1] == Mode.ASYMMETRIC):
            m.d.sync += span.eq(range_)
        with m.Else():
            m.d.sync += span.eq(Mux(less(m, "largest", largest, negated), negated, largest))

        below, leading = span, Signal(width, reset_less=True)
        for place in range((width - 1).bit_length()):
            smeared = Signal(width, name=f"smeared_{place}")
            m.d.comb += smeared.eq(below | below >> (1 << place))
            below = smeared
        zero = Signal(reset_less=True)
        m.d.sync += [leading.eq(below & ~(below >> 1)), zero.eq(span == 0)]
        later = delayed(m, "span_later", span)

        skip, places = Signal(reset_less=True), Signal(range(most), reset_less=True)
        m.d.sync += [
            skip.eq(self.shift >= most),
            places.eq(Mux(self.shift >= most, self.shift - MANTISSA_BITS, self.shift)),
        ]
        static = delayed(m, "static", (1 << delayed(m, "places_later", places))[:most])
        m.d.comb += self.skip.eq(delayed(m, "skip_later", skip & (mode[1] == Mode.STATIC), 2))

        exponent = Cat(Cat(leading[bit] for bit in range(width) if bit >> place & 1).any()
                       for place in range((width - 1).bit_length()))
        m.d.sync += self.record.offset.eq(delayed(m, "offset", offset, 3))
        with m.Switch(mode[3]):
            with m.Case(Mode.STATIC):
                m.d.sync += self.divisor.eq(static)
            with m.Case(Mode.POWER):
                m.d.sync += [self.divisor.eq(leading | zero), self.record.scale.eq(exponent)]
            with m.Default():
                m.d.sync += [self.divisor.eq(later | zero), self.record.scale.eq(later)]
        return m
