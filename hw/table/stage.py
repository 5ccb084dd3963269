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
OUTPUT_LATENCY = 3

#: Bits of the lower part of a sum, and of the multiplier.
_WORD, _MULTIPLIER = 32, 16


class OutputStage(wiring.Component):
    """Turn exact sums into results, see :func:`luthier.golden.scales.output_stage`.

    Latency: 3 cycles. Throughput: one sum a cycle; it cannot be stalled.

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
        product = Signal(signed(self._product_bits), name="product")
        self._multiply(m, product)
        # One bit more than a result, so that whatever was out of range still is.
        quotient = Signal(signed(33), reset_less=True)
        beyond, up = Signal(reset_less=True), Signal(reset_less=True)
        valid, last = Signal(2), Signal(2)
        shift = Signal.like(self.stage.shift, reset_less=True)
        elements = [Signal.like(self.stage.element, name=f"element_{number}", reset_less=True)
                    for number in range(2)]
        m.d.sync += [
            Cat(valid, self.result_valid).eq(Cat(self.valid, valid)),
            Cat(last, self.result.last).eq(Cat(self.last, last)),
        ]
        with m.If(self.valid):
            m.d.sync += [shift.eq(self.stage.shift), elements[0].eq(self.stage.element)]

        # The bit below the quotient is a half; the others below that decide a tie.
        shifted, whole = Signal(signed(len(product) + 1)), Signal(signed(len(product)))
        mask = Signal(1 << len(shift))  # of the bits below the half
        rest = Signal()
        m.d.comb += [
            shifted.eq(Cat(0, product).as_signed() >> shift),
            whole.eq(shifted >> 1),
            mask.eq((((1 << shift)[: len(mask)]) - 1) >> 1),
            rest.eq((product[: len(mask)] & mask).any()),
        ]
        with m.If(valid[0]):
            m.d.sync += [
                quotient.eq(whole),
                beyond.eq(whole != whole[:33].as_signed()),
                up.eq(shifted[0] & (rest | whole[0])),
                elements[1].eq(elements[0]),
            ]
            # The sign stays where the quotient is cut.
            m.d.sync += quotient[32].eq(product[-1])

        rounded = Signal(signed(34))
        m.d.comb += rounded.eq(quotient + up)
        with m.If(valid[1]):
            with m.Switch(elements[1]):
                for element in Element:
                    bits = element_bits(self._config, element)
                    with m.Case(element):
                        outside = beyond | (rounded != rounded[:bits].as_signed())
                        m.d.sync += self.result.saturated.eq(outside)
                        with m.If(outside):
                            m.d.sync += self.result.value.eq(
                                Mux(quotient[32], -(1 << bits - 1), (1 << bits - 1) - 1))
                        with m.Else():
                            m.d.sync += self.result.value.eq(rounded)
        return m

    def _multiply(self, m, product):
        """Multiply in a cycle; a long sum comes in two halves, that of the lower word unsigned.

        They are put together in the next cycle.
        """
        if len(self.total) <= _WORD:
            kept = Signal(signed(len(product)), name="kept", reset_less=True)
            with m.If(self.valid):
                m.d.sync += kept.eq(self.total * self.stage.multiplier)
            m.d.comb += product.eq(kept)
            return
        lower = Signal(signed(_WORD + _MULTIPLIER + 1), name="lower", reset_less=True)
        upper = Signal(signed(len(product) - _WORD), name="upper", reset_less=True)
        with m.If(self.valid):
            m.d.sync += [
                lower.eq(self.total[:_WORD] * self.stage.multiplier),
                upper.eq(self.total[_WORD:].as_signed() * self.stage.multiplier),
            ]
        m.d.comb += product.eq(Cat(lower[:_WORD], upper + (lower >> _WORD)))
