# SPDX-License-Identifier: Apache-2.0
"""The strips of a tile, each of 16 rows but the last."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS

__all__ = ["StripWalker"]

#: Logarithm of the rows of a strip.
_BITS = STRIP_ROWS.bit_length() - 1


class StripWalker(wiring.Component):
    """Walk the strips of a tile, as :func:`luthier.golden.weights.strips` cuts them.

    A tile whose last strip is joined with a few rows more begins with strip 1 instead of 0: so the
    last strip has the number of whole strips in any case, and nothing is subtracted.

    Latency: 1 cycle from ``load`` or ``step`` to the strip. Throughput: one strip a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    load : ``In(1)``, rows : ``In(range(row_block + 1))``
        Begin with the first strip of a tile of so many rows.
    step : ``In(1)``
        Go on to the next strip.
    first : ``Out(range(row_block))``
        Accumulator of the strip's first row.
    count : ``Out(range(20))``
        Rows of the strip.
    end : ``Out(range(20))``
        The last of them.
    before : ``Out(range(20))``
        The slot before the last of a plane, which has four at least.
    few : ``Out(1)``
        The tile has fewer than four rows.
    last : ``Out(1)``
        It is the last strip.
    """

    def __init__(self, config: Configuration):
        block = config.table.row_block
        most = STRIP_ROWS + SHORTEST_STRIP
        super().__init__({
            "load": In(1),
            "rows": In(range(block + 1)),
            "step": In(1),
            "first": Out(range(block)),
            "count": Out(range(most)),
            "end": Out(range(most)),
            "before": Out(range(most)),
            "few": Out(1),
            "last": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        rest, whole = self.rows[:_BITS], self.rows[_BITS:]
        strip = Signal.like(whole, name="strip", reset_less=True)
        following = Signal.like(whole, name="following", reset_less=True)  # the next strip
        strips = Signal.like(whole, name="strips", reset_less=True)
        count, end = (Signal.like(self.end, name=f"last_{name}", reset_less=True)
                      for name in ("count", "end"))
        before = Signal.like(self.before, name="last_before", init=STRIP_ROWS - 2)
        short, joined, last = Signal(), Signal(), Signal(reset_less=True)
        m.d.comb += [
            short.eq(rest < SHORTEST_STRIP),
            joined.eq(short & (whole != 0)),
            self.first.eq(strip << _BITS),
            self.last.eq(last),
            self.count.eq(Mux(last, count, STRIP_ROWS)),
            self.end.eq(Mux(last, end, STRIP_ROWS - 1)),
            self.before.eq(Mux(last, before, STRIP_ROWS - 2)),
        ]
        with m.If(self.step):
            m.d.sync += [strip.eq(following), following.eq(following + 1),
                         last.eq(following == strips)]
        # A cycle late, so that little depends on `load`: no plane ends before its third slot, and
        # what is there from the tile before is no less.
        m.d.sync += before.eq(Mux(self.few, SHORTEST_STRIP, count) - 2)
        with m.If(self.load):
            m.d.sync += [
                strip.eq(joined),
                following.eq(Cat(~joined, joined)),
                last.eq(whole == joined),
                strips.eq(whole),
                count.eq(Cat(rest, joined)),
                end.eq(Cat(rest, joined) - 1),
                self.few.eq(short & ~joined),
            ]
        return m
