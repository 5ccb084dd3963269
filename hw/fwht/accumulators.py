# SPDX-License-Identifier: Apache-2.0
"""Sums and differences of samples that come one a cycle, and leave one a cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..adder import add

__all__ = ["Accumulators"]


class Accumulators(wiring.Component):
    """A few rows of a matrix times vector: each adds or subtracts the sample that all of them get.

    ``load`` moves the sums, the present sample included, to a shift register and clears them: while
    it sends the words of one column on, the next is added up. There is no enable: where there is no
    sample it is 0.

    Sample, ``load`` and ``shift`` go through registers first, of each group's own, as they fan out
    here. They carry the attribute ``keep``; Yosys merges those of all groups none the less.

    Latency: 2 cycles from the last sample and ``load`` to ``first``. Throughput: a sample a cycle.
    Takes ``rows * lanes`` adders of ``sum_width`` bits, and twice as many words of registers.

    Parameters
    ----------
    rows : int
    lanes : int
        Vectors at once, with the same signs.
    width, sum_width : int
        Bits of samples and of sums.

    Members
    -------
    sample : ``In(signed(width))`` x lanes
    negative : ``In(rows)``
        Rows that subtract; a cycle after the sample.
    load : ``In(1)``
        With the last sample.
    shift : ``In(1)``
        Move on by one word.
    first : ``Out(signed(sum_width))`` x lanes
        The first row's word in the shift register.
    following : ``In(signed(sum_width))`` x lanes
        What comes behind the last row's.
    """

    def __init__(self, rows: int, lanes: int, width: int, sum_width: int):
        self._rows, self._lanes = rows, lanes
        self._width, self._sum_width = width, sum_width
        super().__init__({
            "sample": In(signed(width)).array(lanes),
            "negative": In(rows),
            "load": In(1),
            "shift": In(1),
            "first": Out(signed(sum_width)).array(lanes),
            "following": In(signed(sum_width)).array(lanes),
        })

    def elaborate(self, platform):
        m = Module()
        kept = {"keep": 1}
        load, shift = (Signal(name=f"{name}_here", attrs=kept) for name in ("load", "shift"))
        m.d.sync += [load.eq(self.load), shift.eq(self.shift)]
        for lane in range(self._lanes):
            sample = Signal(signed(self._width), name=f"sample_{lane}", attrs=kept)
            m.d.sync += sample.eq(self.sample[lane])
            words = [Signal(signed(self._sum_width), name=f"word_{lane}_{row}", reset_less=True)
                     for row in range(self._rows)]
            for row, word in enumerate(words):
                total = Signal(signed(self._sum_width), name=f"sum_{lane}_{row}")
                minus = self.negative[row]
                following = add(m, f"adder_{lane}_{row}", [total, sample], self._sum_width,
                                complement=(0, minus), carry=(minus, 0))
                m.d.sync += total.eq(Mux(load, 0, following))
                with m.If(load):
                    m.d.sync += word.eq(following)
                with m.Elif(shift):
                    m.d.sync += word.eq(words[row + 1] if row + 1 < self._rows
                                        else self.following[lane])
            m.d.comb += self.first[lane].eq(words[0])
        return m
