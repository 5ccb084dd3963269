# SPDX-License-Identifier: Apache-2.0
"""The output stage: multiply, shift, round half to even, saturate."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element, element_bits
from ...golden.scales import product_width, sum_width
from .commands import scale_command

__all__ = ["OUTPUT_LATENCY", "OutputStage", "result_layout"]

#: A result: ``last`` of its command; ``saturated``: it was out of range.
result_layout = data.StructLayout({"value": signed(32), "last": 1, "saturated": 1})

#: Cycles from a sum to its result.
OUTPUT_LATENCY = 5

#: Bits of the lower part of a sum, and of the multiplier.
_WORD, _MULTIPLIER = 32, 16


class OutputStage(wiring.Component):
    """Turn exact sums into results, see :func:`luthier.golden.scales.output_stage`.

    Latency: 5 cycles. Throughput: one sum a cycle; it cannot be stalled.

    Parameters
    ----------
    config : Configuration
    width : int, optional
        Bits of a sum; by default those of a row's.

    Members
    -------
    valid : ``In(1)``, total : ``In(signed(width))``, last : ``In(1)``
        A sum.
    stage : ``In(scale_command())``
        What to do with it.
    result : ``Out(result_layout)``, result_valid : ``Out(1)``
    """

    def __init__(self, config: Configuration, width: int | None = None):
        self._config = config
        self._product_bits = product_width(config) if width is None else width + _MULTIPLIER
        super().__init__({
            "valid": In(1),
            "total": In(signed(sum_width(config) if width is None else width)),
            "last": In(1),
            "stage": In(scale_command()),
            "result": Out(result_layout),
            "result_valid": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a sum to its result."""
        return OUTPUT_LATENCY

    def elaborate(self, platform):
        m = Module()
        product = Signal(signed(self._product_bits), name="product", reset_less=True)
        # One bit more than a result, so that whatever was out of range still is.
        quotient = Signal(signed(33), reset_less=True)
        # Bits of the quotient from its 33rd on: all the same, if that is its sign.
        above = Signal(self._product_bits - 32, reset_less=True)
        up = Signal(reset_less=True)
        valid, last = Signal(OUTPUT_LATENCY - 1), Signal(OUTPUT_LATENCY - 1)
        shifts, elements = ([Signal.like(self.stage[name], name=f"{name}_{number}",
                                         reset_less=True) for number in range(count)]
                            for name, count in (("shift", 2), ("element", OUTPUT_LATENCY - 1)))
        m.d.sync += [
            Cat(valid, self.result_valid).eq(Cat(self.valid, valid)),
            Cat(last, self.result.last).eq(Cat(self.last, last)),
            *(after.eq(before) for names, first in ((shifts, self.stage.shift),
                                                    (elements, self.stage.element))
              for before, after in zip([first, *names], names)),
        ]
        whole_product = self._multiply(m)
        with m.If(valid[0]):
            m.d.sync += product.eq(whole_product)
        shift = shifts[1]

        # The bit below the quotient is a half; the others below that decide a tie.
        shifted, whole = Signal(signed(len(product) + 1)), Signal(signed(len(product)))
        mask = Signal(1 << len(shift), reset_less=True)  # of the bits below the half
        rest = Signal()
        m.d.comb += [
            shifted.eq(Cat(0, product).as_signed() >> shift),
            whole.eq(shifted >> 1),
            rest.eq((product[: len(mask)] & mask).any()),
        ]
        m.d.sync += mask.eq((((1 << shifts[0])[: len(mask)]) - 1) >> 1)
        with m.If(valid[1]):
            m.d.sync += [
                quotient.eq(whole),
                above.eq(whole[32:]),
                up.eq(shifted[0] & (rest | whole[0])),
            ]
            # The sign stays where the quotient is cut.
            m.d.sync += quotient[32].eq(product[-1])

        rounded = Signal(signed(34), reset_less=True)
        far, below = Signal(reset_less=True), Signal(reset_less=True)
        with m.If(valid[2]):
            m.d.sync += [rounded.eq(quotient + up), far.eq(above.any() & ~above.all()),
                         below.eq(quotient[32])]
        with m.If(valid[3]):
            with m.Switch(elements[3]):
                for element in Element:
                    bits = element_bits(self._config, element)
                    with m.Case(element):
                        outside = far | (rounded != rounded[:bits].as_signed())
                        m.d.sync += self.result.saturated.eq(outside)
                        with m.If(outside):
                            m.d.sync += self.result.value.eq(
                                Mux(below, -(1 << bits - 1), (1 << bits - 1) - 1))
                        with m.Else():
                            m.d.sync += self.result.value.eq(rounded)
        return m

    def _multiply(self, m):
        """Multiply in a cycle; a long sum comes in two halves, that of the lower word unsigned.

        They are put together in the next cycle, in which the product returned is there.
        """
        if len(self.total) <= _WORD:
            kept = Signal(signed(self._product_bits), name="kept", reset_less=True)
            with m.If(self.valid):
                m.d.sync += kept.eq(self.total * self.stage.multiplier)
            return kept
        lower = Signal(signed(_WORD + _MULTIPLIER + 1), name="lower", reset_less=True)
        upper = Signal(signed(self._product_bits - _WORD), name="upper", reset_less=True)
        with m.If(self.valid):
            m.d.sync += [
                lower.eq(self.total[:_WORD] * self.stage.multiplier),
                upper.eq(self.total[_WORD:].as_signed() * self.stage.multiplier),
            ]
        return Cat(lower[:_WORD], upper + (lower >> _WORD))[: self._product_bits].as_signed()
