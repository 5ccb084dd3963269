# SPDX-License-Identifier: Apache-2.0
"""The order of strips: row block > tile > strip of 16 rows."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import columns_per_beat
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS
from ..table.walker import StripWalker

__all__ = ["MatrixWalker"]


class MatrixWalker(wiring.Component):
    """Walk the strips of a matrix, as :func:`luthier.golden.weights.strips` cuts them.

    Latency: 1 cycle from ``load`` or ``step`` to the strip. Throughput: one strip a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    load : ``In(1)``, trits : ``In(1)``, rows : ``In``, columns : ``In``
        Begin with the first strip of a matrix of this shape.
    step : ``In(1)``
        Go on to the next strip.
    count : ``Out(range(20))``
        Rows of the strip.
    last_strip, last_tile, last_block : ``Out(1)``
        Where the strip is; ``last_strip`` of its tile.
    """

    def __init__(self, config: Configuration):
        self._config = config
        t = config.table
        super().__init__({
            "load": In(1),
            "trits": In(1),
            "rows": In(range(t.max_rows + 1)),
            "columns": In(range(t.max_columns + 1)),
            "step": In(1),
            "count": Out(range(STRIP_ROWS + SHORTEST_STRIP)),
            "last_strip": Out(1),
            "last_tile": Out(1),
            "last_block": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        block = self._config.table.row_block
        m.submodules.strips = strips = StripWalker(self._config)
        trits, columns = Signal(), Signal.like(self.columns)
        rows_left = Signal.like(self.rows)  # from the start of this block
        columns_left = Signal.like(self.columns)  # from the start of this tile
        rows, following = Signal.like(rows_left, name="rows_next"), Signal.like(rows_left)
        per_tile = Mux(trits, columns_per_beat(self._config, True),
                       columns_per_beat(self._config, False))
        m.d.comb += [
            following.eq(rows_left - block),
            self.count.eq(strips.count),
            self.last_strip.eq(strips.last),
            self.last_tile.eq(columns_left <= per_tile),
            self.last_block.eq(rows_left <= block),
            strips.step.eq(self.step),
            strips.load.eq(self.load | (self.step & strips.last)),
            rows.eq(Mux(self.load, self.rows, Mux(self.last_tile, following, rows_left))),
            strips.rows.eq(Mux(rows > block, block, rows)),
        ]
        with m.If(self.step & strips.last):
            m.d.sync += [
                columns_left.eq(Mux(self.last_tile, columns, columns_left - per_tile)),
                rows_left.eq(rows),
            ]
        with m.If(self.load):
            m.d.sync += [
                trits.eq(self.trits),
                columns.eq(self.columns),
                rows_left.eq(self.rows),
                columns_left.eq(self.columns),
            ]
        return m
