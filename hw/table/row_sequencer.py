# SPDX-License-Identifier: Apache-2.0
"""The order of beats where each row has one: weights are trits, and there are no scale records."""

from amaranth import *
from amaranth.lib import wiring

from ...golden.config import Configuration
from ...golden.table import ACCUMULATOR_SPACING
from ...golden.timing import walks_rows
from ...golden.weights import STRIP_ROWS
from ..counter import StepCounter
from .commands import part
from .sequencer import sequencer_ports

__all__ = ["RowSequencer"]


class RowSequencer(wiring.Component):
    """Walk the rows of a tile, and release one beat a cycle.

    The same as :class:`~.sequencer.Sequencer` does for such weights, whose strips are just rows one
    after the other. After a tile of few rows, or any where tables are deep, there is a pause, so
    that no accumulator is needed again before it is written. Accumulators are numbered upwards from
    minus the rows of the block.

    Latency: 1 cycle from ``tile`` to its first slot. Throughput: one slot a cycle, and after a tile
    that needs it a pause of 3 (:func:`luthier.golden.timing.tile_slots`).

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
        if not walks_rows(config):
            raise ValueError("config must have trits alone and no scales for rows to have one beat")
        self._config = config
        super().__init__(sequencer_ports(config))

    def elaborate(self, platform):
        m = Module()
        slot, fresh = self.slot, self.tile.payload
        tile = Signal(part(fresh.shape(), "bank", "first", "final", "last"), reset_less=True)
        active = Signal()
        m.submodules.counter = counter = StepCounter(len(fresh.rows), ahead=True)
        wanted, tile_end = Signal(), Signal()
        # Deep tables take much longer to build than a pause.
        few = Const(1, 1) if self._config.table.deep else Signal(reset_less=True)
        pause, behind = [], tile_end & few
        for cycle in range(1, ACCUMULATOR_SPACING):
            pause.append(Signal(name=f"pause_{cycle}"))
            with m.If(self.proceed):
                m.d.sync += pause[-1].eq(behind)
            behind = pause[-1]
        m.d.comb += [
            wanted.eq(active & ~Cat(pause).any()),
            tile_end.eq(self.busy & ~counter.more),
            counter.enable.eq(self.busy | ~active),
            counter.load.eq(~active | ~counter.more),
            counter.steps.eq(fresh.rows),
            self.tile.ready.eq(tile_end | ~active),
            self.release.eq(tile_end),
            self.issue.eq(self.busy),
            self.busy.eq(wanted & self.proceed & self.weights.valid),
            self.blocked.eq(wanted & ~self.proceed & self.weights.valid),
            self.starved.eq(wanted & self.proceed & ~self.weights.valid),
            self.weights.ready.eq(wanted & self.proceed),
            slot.row.eq(counter.number),
            slot.first.eq(tile.first),
            slot.emit.eq(tile.final),
            slot.last.eq(tile.last & ~counter.more),
            slot.bank.eq(tile.bank),
            slot.trits.eq(1),
        ]
        with m.If(self.tile.ready):
            m.d.sync += [
                active.eq(self.tile.valid),
                *(tile[name].eq(fresh[name]) for name in tile.shape().members),
            ]
            if not self._config.table.deep:
                m.d.sync += few.eq(fresh.rows < STRIP_ROWS)
        return m
