# SPDX-License-Identifier: Apache-2.0
"""Accumulators of the rows of a block."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import accumulator_width, total_width
from .sequencer import slot_layout

__all__ = ["Accumulators"]


class Accumulators(wiring.Component):
    """Shift a sum by its plane, apply its sign and add it to the accumulator of its row.

    Latency: 3 cycles from ``slot`` to ``result``; an accumulator may be used again after
    ``ACCUMULATOR_SPACING`` cycles. Throughput: one sum a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    valid : ``In(1)``, slot : ``In(slot_layout(config))``
        What the sum is for, one cycle before it.
    total, negate
        From :class:`~.lanes.AdderTree`.
    result : ``Out(signed(32))``, result_valid : ``Out(1)``, result_slot : ``Out(slot_layout)``
        The new value of the accumulator, and what it is for.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._total = total_width(config)
        super().__init__({
            "valid": In(1),
            "slot": In(slot_layout(config)),
            "total": In(signed(self._total)),
            "negate": In(1),
            "result": Out(signed(32)),
            "result_valid": Out(1),
            "result_slot": Out(slot_layout(config)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a slot to its result."""
        return 3

    def elaborate(self, platform):
        m = Module()
        width = accumulator_width(self._config)
        layout = data.StructLayout({"valid": 1, "slot": slot_layout(self._config)})
        stages = [Signal(layout, name="stage_0")]
        m.d.comb += [stages[0].valid.eq(self.valid), stages[0].slot.eq(self.slot)]
        for number in range(1, 4):
            stages.append(Signal(layout, name=f"stage_{number}"))
            m.d.sync += stages[-1].eq(stages[-2])

        m.submodules.accumulators = store = memory.Memory(
            shape=signed(width), depth=self._config.table.row_block, init=[])
        read, write = store.read_port(), store.write_port()
        m.d.comb += read.addr.eq(stages[0].slot.row)

        # Cycle 1: the sum is here. -v << p is ~(v << p) + 1; the 1 is the carry of the next adder.
        shifted = Signal(signed(self._total + 7), reset_less=True)
        negate = Signal(reset_less=True)
        kept = Signal(signed(width), reset_less=True)
        sign = self.negate
        inverted = Signal(signed(self._total + 7))
        m.d.comb += inverted.eq(self.total ^ sign.as_signed())
        with m.Switch(stages[1].slot.plane):
            for plane in range(8):
                with m.Case(plane):
                    m.d.sync += shifted.eq(
                        Cat(sign.replicate(plane), inverted[: self._total]).as_signed())
        m.d.sync += [negate.eq(sign), kept.eq(Mux(stages[1].slot.first, 0, read.data))]

        # Cycle 2: add. Cycle 3: write back or hand out.
        total = Signal(signed(width), reset_less=True)
        m.d.sync += total.eq(
            (Cat(1, kept).as_signed() + Cat(negate, shifted).as_signed())[1 : width + 1])
        m.d.comb += [
            write.addr.eq(stages[3].slot.row),
            write.data.eq(total),
            write.en.eq(stages[3].valid),
            self.result.eq(total),
            self.result_valid.eq(stages[3].valid),
            self.result_slot.eq(stages[3].slot),
        ]
        if self._config.table.scaled:
            m.d.comb += write.en.eq(stages[3].valid & ~stages[3].slot.ones)
        return m
