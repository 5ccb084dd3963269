# SPDX-License-Identifier: Apache-2.0
"""The output stage: multiply, shift, round half to even, saturate."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.cuts import stage_cut
from ...golden.descriptor import Element, element_bits
from ...golden.scales import product_width, sum_width
from .commands import scale_command

__all__ = ["OutputStage", "output_latency", "result_layout", "saturated"]

#: A result: ``last`` of its command; ``saturated``: it was out of range.
result_layout = data.StructLayout({"value": signed(32), "last": 1, "saturated": 1})

#: Bits of the lower part of a sum, and of the multiplier.
_WORD, _MULTIPLIER = 32, 16


def output_latency(config: Configuration) -> int:
    """Return the cycles from a sum to its result."""
    return 3 + stage_cut(config)


def saturated(m, config: Configuration, name: str, total, element):
    """Return the ``element`` nearest to a signed number, signed(32), and whether it is another."""
    value, outside = Signal(signed(32), name=f"{name}_value"), Signal(name=f"{name}_outside")
    with m.Switch(element):
        for kind in Element:
            bits = element_bits(config, kind)
            with m.Case(kind):
                m.d.comb += [
                    outside.eq(total != total[:bits].as_signed()),
                    value.eq(Mux(outside, Mux(total[-1], -(1 << bits - 1), (1 << bits - 1) - 1),
                                 total)),
                ]
    return value, outside


class OutputStage(wiring.Component):
    """Turn exact sums into results, see :func:`luthier.golden.scales.output_stage`.

    Latency: 3 cycles, with ``short_paths`` 5. Throughput: one sum a cycle; it cannot be stalled.

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
        return output_latency(self._config)

    def elaborate(self, platform):
        m = Module()
        cut, steps = stage_cut(self._config) // 2, self.latency
        valid, last = Signal(steps - 1), Signal(steps - 1)
        m.d.sync += [
            Cat(valid, self.result_valid).eq(Cat(self.valid, valid)),
            Cat(last, self.result.last).eq(Cat(self.last, last)),
        ]

        def held(name, value, step, registers=1):
            """Return the value of that step as many steps later."""
            for number in range(step, step + registers):
                register = Signal(value.shape(), name=f"{name}_{number}", reset_less=True)
                with m.If(Cat(self.valid, valid)[number]):
                    m.d.sync += register.eq(value)
                value = register
            return value

        product = held("product", self._multiply(m), 1, cut)
        shift = held("shift", self.stage.shift, 0)
        element = held("element", self.stage.element, 0, steps - 1)
        # Of the bits below the half.
        mask = held("mask", ((1 << shift) - 1)[1 : 1 << len(shift)], 1, cut)
        shift = held("shift", shift, 1, cut)

        # The bit below the quotient is a half; the others below that decide a tie.
        shifted, whole = Signal(signed(len(product) + 1)), Signal(signed(len(product)))
        m.d.comb += [
            shifted.eq(Cat(0, product).as_signed() >> shift),
            whole.eq(shifted >> 1),
        ]
        up = shifted[0] & ((product[: len(mask)] & mask).any() | whole[0])
        # One bit more than a result, so that whatever was out of range still is. The sign stays
        # where the quotient is cut.
        quotient = held("quotient", Cat(whole[:32], product[-1]).as_signed(), 1 + cut)
        up = held("up", up, 1 + cut)
        if cut:
            above = held("above", whole[32:], 2)
            beyond = held("beyond", above.any() & ~above.all(), 3)
        else:
            beyond = held("beyond", whole != whole[:33].as_signed(), 1)
        rounded = held("rounded", (quotient + up)[:34].as_signed(), 2 + cut, cut)
        below = held("below", quotient[32], 2 + cut, cut)
        with m.If(valid[-1]):
            with m.Switch(element):
                for kind in Element:
                    bits = element_bits(self._config, kind)
                    with m.Case(kind):
                        outside = beyond | (rounded != rounded[:bits].as_signed())
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
