# SPDX-License-Identifier: Apache-2.0
"""The columns of a matrix of signs, one after the other."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SignColumns"]


class SignColumns(wiring.Component):
    """Show the columns of a matrix that circulants are joined to, in order, over and over.

    Within a circulant the next column is the present one, rotated down by one: a register for each
    row and a look-up table in front of it, which at the first column of a circulant takes that
    row's constant instead. A ROM would take ``rows * columns`` bits.

    Latency: 1 cycle from ``step`` to the next column. Throughput: one column a cycle.

    Parameters
    ----------
    matrix : array
        K x K, of +1 and -1.
    sizes : sequence of int
        Rows, and columns, of the circulants (:func:`luthier.golden.hadamard.blocks`).

    Members
    -------
    step : ``In(1)``
        Go on to the next column.
    negative : ``Out(K)``
        Bit r is set where row r has -1. The first column at first.
    """

    def __init__(self, matrix: np.ndarray, sizes: Sequence[int]):
        self._negative, self._sizes = np.asarray(matrix) < 0, tuple(sizes)
        super().__init__({"step": In(1), "negative": Out(len(matrix))})

    def elaborate(self, platform):
        m = Module()
        count, order = len(self._sizes), sum(self._sizes)
        edges = list(accumulate(self._sizes, initial=0))
        column = Signal(range(order))
        block = Signal(range(max(2, count)))
        turn = Signal(init=edges[1] == 1)  # the next column is the first of a block
        with m.If(self.step):
            m.d.sync += [
                column.eq(Mux(column == order - 1, 0, column + 1)),
                turn.eq(Cat(column == edge - 2 if edge > 1 else column == order - 1
                            for edge in edges[1:]).any()),
            ]
            with m.If(turn):
                m.d.sync += block.eq(Mux(block == count - 1, 0, block + 1))
        rows = [Signal(name=f"row_{row}", init=int(self._negative[row, 0]))
                for row in range(order)]
        for first, size in zip(edges, self._sizes):
            for row in range(first, first + size):
                starts = sum(int(self._negative[row, edges[(number + 1) % count]]) << number
                             for number in range(count))
                before = rows[first + (row - first - 1) % size]
                with m.If(self.step):
                    m.d.sync += rows[row].eq(
                        Mux(turn, Const(starts, count).bit_select(block, 1), before))
        m.d.comb += self.negative.eq(Cat(rows))
        return m
