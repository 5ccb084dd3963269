# SPDX-License-Identifier: Apache-2.0
"""Accumulators of the rows of a block."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import accumulator_width, total_width
from ..adder import add
from ..arithmetic import shift_left
from ..block_ram import BlockRam
from .sequencer import slot_layout

__all__ = ["Accumulators"]


class Accumulators(wiring.Component):
    """Shift a sum by its plane, apply its sign and add it to the accumulator of its row.

    Latency: 3 cycles from ``slot`` to ``result``; an accumulator may be used again after
    ``ACCUMULATOR_SPACING`` cycles, of those with ``proceed``. Throughput: one sum a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    proceed : ``In(1)``
        All that is here moves on by a cycle.
    valid : ``In(1)``, slot : ``In(slot_layout(config))``
        What the sum is for, one cycle before it.
    total, negate
        From :class:`~.lanes.AdderTree`.
    result : ``Out(signed(accumulator_width(config)))``
    result_valid : ``Out(1)``, result_slot : ``Out(slot_layout)``
        The new value of the accumulator, and what it is for.
    emits : ``Out(1)``
        It is a result, ``result_valid`` and ``emit`` of its slot, from a register.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._total = total_width(config)
        super().__init__({
            "proceed": In(1, init=1),
            "valid": In(1),
            "slot": In(slot_layout(config)),
            "total": In(signed(self._total)),
            "negate": In(1),
            "result": Out(signed(accumulator_width(config))),
            "result_valid": Out(1),
            "emits": Out(1),
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
            with m.If(self.proceed):
                m.d.sync += stages[-1].eq(stages[-2])

        with m.If(self.proceed):
            m.d.sync += self.emits.eq(stages[2].valid & stages[2].slot.emit)

        m.submodules.accumulators = store = BlockRam(
            width, self._config.table.row_block, zero=True)
        m.d.comb += [
            store.enable.eq(self.proceed),
            store.enable_out.eq(self.proceed),
            store.address.eq(stages[0].slot.row),
            store.zero.eq(stages[0].slot.first),
        ]

        # Cycle 1: the sum is here. It is shifted by the lower two bits of the plane.
        planes, plane = self._config.table.planes, stages[1].slot.plane
        size = self._total + 3 * planes
        shifted = Signal(signed(size), reset_less=True)
        negate, high = Signal(reset_less=True), Signal(reset_less=True)
        now = shift_left(m, "shifted", self.total, plane[: 2 * planes], size)
        with m.If(self.proceed):
            m.d.sync += [shifted.eq(now), high.eq(plane[2]), negate.eq(self.negate)]

        # Cycle 2: shift by the highest bit and add. Cycle 3: write back or hand out. A sum that
        # waits is written again and again, while nothing is read.
        words, choose = [store.value.as_signed(), shifted], None
        if planes:
            words, choose = [*words, shifted << 4], high
        total = Signal(signed(width), reset_less=True)
        following = add(m, "add", words, width, choose=choose, complement=(0, negate),
                        carry=(negate, 0))
        with m.If(self.proceed):
            m.d.sync += total.eq(following)
        m.d.comb += [
            store.write.eq(stages[3].valid),
            store.write_address.eq(stages[3].slot.row),
            store.word.eq(total),
            self.result.eq(total),
            self.result_valid.eq(stages[3].valid),
            self.result_slot.eq(stages[3].slot),
        ]
        if self._config.table.scaled:
            m.d.comb += store.write.eq(stages[3].valid & ~stages[3].slot.ones)
        return m
