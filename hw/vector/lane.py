# SPDX-License-Identifier: Apache-2.0
"""One lane that multiplies, shifts, rounds, saturates and adds."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element, element_bits
from ..table.commands import scale_command

__all__ = ["LANE_LATENCY", "RescaleLane"]

#: Cycles from a sample to its result: product, quotient, rounded, added.
LANE_LATENCY = 4


class RescaleLane(wiring.Component):
    """``saturate(saturate(round(x * multiplier / 2**shift)) + other)``, half to even.

    Latency: 4 cycles. Throughput: one sample a cycle; it cannot be stalled. Takes a multiplier of
    32 by 16 bits.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    x, other : ``In(signed(32))``
    stage : ``In(scale_command())``, add : ``In(1)``
        What to do; they hold from a command's first sample to its last result.
    y : ``Out(signed(32))``, saturated : ``Out(1)``
        The result, and whether it was out of range before or after the addition.

    Source: the output stage of the table unit, :class:`luthier.hw.table.stage.OutputStage`, whose
    sums are longer.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "x": In(signed(32)),
            "other": In(signed(32)),
            "stage": In(scale_command()),
            "add": In(1),
            "y": Out(signed(32)),
            "saturated": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a sample to its result."""
        return LANE_LATENCY

    def elaborate(self, platform):
        m = Module()

        def register(shape, name):
            return Signal(shape, name=name, reset_less=True)

        others = [register(signed(32), f"other_{cycle}") for cycle in range(3)]
        for before, after in zip([self.other, *others], others, strict=False):
            m.d.sync += after.eq(before)
        product = register(signed(48), "product")
        m.d.sync += product.eq(self.x * self.stage.multiplier)

        # The bit below the quotient is a half; the others below that decide a tie.
        shifted, whole = Signal(signed(49)), Signal(signed(48))
        mask, rest = Signal(64), Signal()
        m.d.comb += [
            shifted.eq(Cat(0, product).as_signed() >> self.stage.shift),
            whole.eq(shifted >> 1),
            mask.eq(((1 << self.stage.shift) - 1) >> 1),
            rest.eq((product.as_unsigned() & mask[:48]).any() | (product[-1] & mask[48:].any())),
        ]
        quotient, beyond, up = (register(signed(33), "quotient"), register(1, "beyond"),
                                register(1, "up"))
        m.d.sync += [
            quotient.eq(Cat(whole[:32], product[-1])),  # the sign stays where it is cut
            beyond.eq(whole != whole[:33].as_signed()),
            up.eq(shifted[0] & (rest | whole[0])),
        ]
        rounded = Signal(signed(34))
        m.d.comb += rounded.eq(quotient + up)
        scaled, outside = register(signed(32), "scaled"), register(1, "outside")
        total = Signal(signed(33))
        m.d.comb += total.eq(scaled + Mux(self.add, others[2], 0))
        with m.Switch(self.stage.element):
            for element in Element:
                bits = element_bits(self._config, element)
                low, high = -(1 << bits - 1), (1 << bits - 1) - 1
                over, over_total = Signal(name=f"over_{bits}"), Signal(name=f"over_total_{bits}")
                m.d.comb += [over.eq(beyond | (rounded != rounded[:bits].as_signed())),
                             over_total.eq(total != total[:bits].as_signed())]
                with m.Case(element):
                    m.d.sync += [
                        outside.eq(over),
                        scaled.eq(Mux(over, Mux(quotient[32], low, high), rounded)),
                        self.saturated.eq(outside | over_total),
                        self.y.eq(Mux(over_total, Mux(total[32], low, high), total)),
                    ]
        return m
