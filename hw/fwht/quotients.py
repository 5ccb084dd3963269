# SPDX-License-Identifier: Apache-2.0
"""Samples and the extremes of their groups to codes and scales: the quantiser's arithmetic."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.quantiser import MANTISSA_BITS, SMALLEST_GROUP, Mode, QuantiserShape
from ..tree import delayed
from .block_scale import BlockScale, divisor_width, scale_layout
from .divider import Divider
from .maximum import extremes_layout
from .multiplier import Multiplier
from .rounding import Rounder

__all__ = ["Quotients", "numbers_layout", "quotients_latency"]


def numbers_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return what a packet's codes depend on, besides its samples.

    ``mode``: a :class:`~luthier.golden.quantiser.Mode`; ``away``: half-way quotients go away from
    zero; ``bits`` of a code; ``mantissa`` and ``shift`` of a static scale, 0 to ``W + 15``.
    """
    return data.StructLayout({
        "mode": 2, "away": 1, "bits": range(shape.bits + 1), "mantissa": MANTISSA_BITS,
        "shift": range(shape.largest_shift + 1)})


#: Cycles from the numbers to samples, and to numerators and scales.
SAMPLES, NUMERATORS = 2, 5


def quotients_latency(shape: QuantiserShape) -> int:
    """Return the cycles from the numbers to codes."""
    return NUMERATORS + shape.bits + 5


class Quotients(wiring.Component):
    """Subtract, multiply, divide, round; all modes are the same arithmetic with other numbers.

    A magnitude is multiplied by ``2**(b-1) - 1``, ``2**b - 1``, ``2**(b-2)`` or the mantissa, in a
    DSP where there are any, and divided. A static scale with a long shift takes 16 places off the
    product beforehand, and remembers whether there was anything in them, so that divisors have no
    more bits than samples.

    Latency: ``bits + 10`` cycles from the numbers to codes, 5 to the scales. Throughput: one beat
    a cycle; it cannot be stalled.

    Parameters
    ----------
    shape : QuantiserShape

    Members
    -------
    numbers : ``In(numbers_layout(shape))``, extremes : ``In(extremes_layout(shape))``
        Of a beat.
    y : ``In(signed(W))`` x lanes
        Its samples, two cycles later.
    scales : ``Out(scale_layout(shape))`` x slots
    codes : ``Out(signed(B))`` x lanes
    saturated : ``Out(range(lanes + 1))``
    """

    def __init__(self, shape: QuantiserShape):
        self._shape = shape
        super().__init__({
            "numbers": In(numbers_layout(shape)),
            "extremes": In(extremes_layout(shape)),
            "y": In(data.ArrayLayout(signed(shape.width), shape.lanes)),
            "scales": Out(data.ArrayLayout(scale_layout(shape), shape.slots)),
            "codes": Out(data.ArrayLayout(signed(shape.bits), shape.lanes)),
            "saturated": Out(range(shape.lanes + 1)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the numbers to codes."""
        return quotients_latency(self._shape)

    def elaborate(self, platform):
        m = Module()
        shape, width = self._shape, divisor_width(self._shape)
        numbers = [self.numbers, *(Signal.like(self.numbers, name=f"numbers_{age}",
                                               reset_less=True) for age in range(1, 3))]
        for before, after in zip(numbers, numbers[1:]):
            m.d.sync += after.eq(before)
        asymmetric = delayed(m, "asymmetric", numbers[1].mode == Mode.ASYMMETRIC)
        multiplier = Signal(MANTISSA_BITS, reset_less=True)
        m.d.sync += multiplier.eq(self._multiplier(m, numbers[2]))
        # Of the numbers, the last stages need only these.
        last = [delayed(m, f"last_{name}", numbers[2][name], self.latency - NUMERATORS)
                for name in ("mode", "away", "bits")]
        m.submodules.rounder = rounder = Rounder(shape.lanes, shape.bits)
        m.d.comb += Cat(rounder.mode, rounder.away, rounder.bits).eq(Cat(last))
        extremes = Signal.like(self.extremes, reset_less=True)
        m.d.sync += extremes.eq(self.extremes)

        each = min(shape.lanes, SMALLEST_GROUP)
        for slot in range(shape.slots):
            scale = BlockScale(shape)
            divider = Divider(each, shape.width + MANTISSA_BITS, width, shape.bits)
            m.submodules[f"scale_{slot}"], m.submodules[f"divider_{slot}"] = scale, divider
            m.d.comb += [
                scale.largest.eq(extremes.largest[slot]),
                scale.least.eq(extremes.least[slot]),
                scale.mode.eq(numbers[1].mode),
                scale.shift.eq(numbers[1].shift),
                self.scales[slot].eq(scale.record),
                divider.divisor.eq(scale.divisor),
            ]
            for place in range(each):
                lane = slot * each + place
                product, negative = self._product(
                    m, f"lane_{lane}", self.y[lane], scale.base, asymmetric, multiplier)
                sticky = Signal(name=f"lane_{lane}_sticky", reset_less=True)
                numerator = Signal(len(product), name=f"lane_{lane}_numerator", reset_less=True)
                m.d.sync += [
                    sticky.eq(scale.skip & product[:MANTISSA_BITS].any()),
                    numerator.eq(Mux(scale.skip, product >> MANTISSA_BITS, product)),
                ]
                m.d.comb += [
                    divider.numerators[place].eq(numerator),
                    rounder.quotients[lane].eq(divider.quotients[place]),
                    rounder.sticky[lane].eq(
                        delayed(m, f"lane_{lane}_sticky_later", sticky, divider.latency)),
                    rounder.negative[lane].eq(
                        delayed(m, f"lane_{lane}_negative", negative, divider.latency + 2)),
                ]
            part = slice(slot * each, (slot + 1) * each)
            m.d.comb += [getattr(rounder, name)[part].eq(getattr(divider, name))
                         for name in ("above", "half", "beyond")]
        m.d.comb += [self.codes.eq(rounder.codes), self.saturated.eq(rounder.saturated)]
        return m

    def _multiplier(self, m, numbers):
        multiplier = Signal(MANTISSA_BITS, name="next_multiplier")
        with m.If(numbers.mode == Mode.STATIC):
            m.d.comb += multiplier.eq(numbers.mantissa)
        with m.Else():
            with m.Switch(numbers.bits):
                for bits in range(2, self._shape.bits + 1):
                    with m.Case(bits):
                        m.d.comb += multiplier.eq(Mux(
                            numbers.mode == Mode.POWER, 1 << bits - 2,
                            Mux(numbers.mode == Mode.SYMMETRIC, (1 << bits - 1) - 1,
                                (1 << bits) - 1)))
        return multiplier

    def _product(self, m, name, y, base, asymmetric, multiplier):
        """Return the product, two cycles after the sample, and the sign, one cycle after it."""
        width = self._shape.width
        magnitude = Signal(width, name=f"{name}_magnitude", reset_less=True)
        negative = Signal(name=f"{name}_negative", reset_less=True)
        m.submodules[f"{name}_multiplier"] = unit = Multiplier(width, MANTISSA_BITS)
        # The magnitude or the distance from the minimum: both fit, unsigned, and so does the sum
        # modulo 2**W. The carry is an extra lowest bit, so that this is one chain.
        flip = y[-1] & ~asymmetric
        total = Cat(1, y ^ flip.replicate(width)) + Cat(y[-1] | asymmetric, base)
        m.d.sync += [
            magnitude.eq(total[1:]),
            negative.eq(flip),
        ]
        m.d.comb += [unit.a.eq(magnitude), unit.b.eq(multiplier)]
        return unit.product, negative
