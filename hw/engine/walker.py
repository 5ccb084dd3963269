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
        Begin with the first strip of a matrix of this shape, which holds until the last one.
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
        columns_left = Signal.like(self.columns)  # from the start of this tile
        # Rows of this block and of the next, and what is left behind that; said ahead, so that
        # little depends on a step.
        present, following = (Signal(range(block + 1), name=name)
                              for name in ("present", "following"))
        behind = Signal.like(self.rows)
        last_tile, last_block, next_last, one_tile = (Signal(name=name) for name in (
            "last_tile", "last_block", "next_last", "one_tile"))
        per_tile = Mux(self.trits, columns_per_beat(self._config, True),
                       columns_per_beat(self._config, False))
        whole = self.rows > block

        def of_block(rows):
            return Mux(rows > block, block, rows)

        m.d.comb += [
            self.count.eq(strips.count),
            self.last_strip.eq(strips.last),
            self.last_tile.eq(last_tile),
            self.last_block.eq(last_block),
            strips.step.eq(self.step),
            strips.load.eq(self.load | (self.step & strips.last)),
            strips.rows.eq(Mux(self.load, Mux(whole, block, self.rows),
                               Mux(last_tile, following, present))),
        ]
        with m.If(self.step & strips.last):
            m.d.sync += [
                columns_left.eq(Mux(last_tile, self.columns, columns_left - per_tile)),
                last_tile.eq(Mux(last_tile, one_tile, columns_left <= 2 * per_tile)),
            ]
            with m.If(last_tile):
                m.d.sync += [
                    present.eq(following),
                    following.eq(of_block(behind)),
                    behind.eq(behind - block),
                    last_block.eq(next_last),
                    next_last.eq(behind <= block),
                ]
        with m.If(self.load):
            m.d.sync += [
                columns_left.eq(self.columns),
                last_tile.eq(self.columns <= per_tile),
                one_tile.eq(self.columns <= per_tile),
                present.eq(Mux(whole, block, self.rows)),
                following.eq(of_block(self.rows - block)),
                behind.eq(self.rows - 2 * block),
                last_block.eq(~whole),
                next_last.eq(self.rows <= 2 * block),
            ]
        return m
