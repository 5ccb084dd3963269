# SPDX-License-Identifier: Apache-2.0
"""The order of beats where each row has one: weights are trits, and there are no scale records."""

from amaranth import *
from amaranth.lib import wiring

from ...golden.config import Configuration
from ...golden.table import ACCUMULATOR_SPACING
from ..counter import StepCounter
from .commands import part
from .sequencer import sequencer_ports

__all__ = ["RowSequencer"]


class RowSequencer(wiring.Component):
    """Walk the rows of a tile, and release one beat a cycle.

    The same as :class:`~.sequencer.Sequencer` does for such weights, whose strips are just rows one
    after the other. Accumulators are numbered upwards from minus the rows of the block.

    Latency: 1 cycle from ``tile`` to its first slot. Throughput: one slot a cycle, without a gap
    between tiles, blocks or commands.

    Parameters
    ----------
    config : Configuration
        With ``table.alphabets`` = "trits", and ``table.scaled`` false.

    Members
    -------
    Those of :class:`~.sequencer.Sequencer`.

    Raises
    ------
    ValueError
        If the configuration has planes or scales.
    """

    def __init__(self, config: Configuration):
        if config.table.planes or config.table.scaled:
            raise ValueError("config must have trits alone and no scales for rows to have one beat")
        self._config = config
        super().__init__(sequencer_ports(config))

    def elaborate(self, platform):
        m = Module()
        slot, fresh = self.slot, self.tile.payload
        tile = Signal(part(fresh.shape(), "first", "final", "last"), reset_less=True)
        active, bank = Signal(), Signal()
        few = Signal(reset_less=True)  # fewer rows than an accumulator takes cycles
        rows = Signal(range(ACCUMULATOR_SPACING), reset_less=True)
        m.submodules.counter = counter = StepCounter(len(fresh.rows), ahead=True)
        row, few_rows = counter.number[: len(slot.row)], Signal()
        idle, real_end, advance, tile_end = Signal(), Signal(), Signal(), Signal()
        wanted = Signal()
        # Counted in idle slots, too, a short tile has rows 1, 2, 3 and 0.
        place = row[: len(rows)]
        m.d.comb += [
            few_rows.eq(fresh.rows[len(rows):] == 0),
            idle.eq(few & ((place > rows) | (place == 0))),
            real_end.eq(Mux(few, place == rows, ~counter.more)),
            wanted.eq(active & ~idle),
            advance.eq(self.proceed & active & (idle | self.weights.valid)),
            tile_end.eq(advance & ~counter.more),
            counter.enable.eq(advance | ~active),
            counter.load.eq(~active | ~counter.more),
            counter.steps.eq(Mux(few_rows, ACCUMULATOR_SPACING, fresh.rows)),
            self.tile.ready.eq(tile_end | ~active),
            self.release.eq(tile_end),
            self.issue.eq(self.busy),
            self.busy.eq(wanted & self.proceed & self.weights.valid),
            self.blocked.eq(wanted & ~self.proceed & self.weights.valid),
            self.starved.eq(wanted & self.proceed & ~self.weights.valid),
            self.weights.ready.eq(wanted & self.proceed),
            slot.row.eq(row),
            slot.first.eq(tile.first),
            slot.emit.eq(tile.final),
            slot.last.eq(tile.last & real_end),
            slot.bank.eq(bank),
            slot.trits.eq(1),
        ]
        with m.If(tile_end):
            m.d.sync += bank.eq(~bank)
        with m.If(self.tile.ready):
            m.d.sync += [
                active.eq(self.tile.valid),
                *(tile[name].eq(fresh[name]) for name in tile.shape().members),
                few.eq(few_rows),
                rows.eq(fresh.rows),
            ]
        return m
