# SPDX-License-Identifier: Apache-2.0
"""The order of strips: row block > tile > strip of 16 rows."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import columns_per_beat
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS

__all__ = ["StripWalker"]


class StripWalker(wiring.Component):
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
    first : ``Out``
        Row of the block that is the strip's first.
    count : ``Out(range(20))``
        Rows of the strip.
    first_tile, last_strip, last_tile, last_block : ``Out(1)``
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
            "first": Out(range(t.row_block)),
            "count": Out(range(STRIP_ROWS + SHORTEST_STRIP)),
            "first_tile": Out(1),
            "last_strip": Out(1),
            "last_tile": Out(1),
            "last_block": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        block = self._config.table.row_block
        strip = Signal(range(max(2, block // STRIP_ROWS)))  # in the block
        m.d.comb += self.first.eq(strip * STRIP_ROWS)
        trits, columns = Signal(), Signal.like(self.columns)
        rows_left = Signal.like(self.rows)  # from the start of this block
        columns_left = Signal.like(self.columns)  # from the start of this tile
        left = Signal(range(block + 1))  # from the start of this strip to the end of the block
        following = Signal.like(rows_left)  # rows from the start of the next block
        m.d.comb += [
            following.eq(rows_left - block),
            self.last_strip.eq(left < STRIP_ROWS + SHORTEST_STRIP),
            self.count.eq(Mux(self.last_strip, left, STRIP_ROWS)),
            self.last_block.eq(rows_left <= block),
        ]
        per_tile = Mux(trits, columns_per_beat(self._config, True),
                       columns_per_beat(self._config, False))
        m.d.comb += self.last_tile.eq(columns_left <= per_tile)
        with m.If(self.step):
            m.d.sync += [strip.eq(strip + 1), left.eq(left - STRIP_ROWS)]
            with m.If(self.last_strip):
                m.d.sync += [
                    strip.eq(0),
                    left.eq(Mux(rows_left > block, block, rows_left)),
                    self.first_tile.eq(0),
                    columns_left.eq(columns_left - per_tile),
                ]
                with m.If(self.last_tile):
                    m.d.sync += [
                        rows_left.eq(following),
                        left.eq(Mux(following > block, block, following)),
                        self.first_tile.eq(1),
                        columns_left.eq(columns),
                    ]
        with m.If(self.load):
            m.d.sync += [
                trits.eq(self.trits),
                columns.eq(self.columns),
                rows_left.eq(self.rows),
                columns_left.eq(self.columns),
                self.first_tile.eq(1),
                strip.eq(0),
                left.eq(Mux(self.rows > block, block, self.rows)),
            ]
        return m
