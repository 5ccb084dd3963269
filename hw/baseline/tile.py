# SPDX-License-Identifier: Apache-2.0
"""Tiles that multiply: rows, tokens and bits of weights a cycle as in the table tile."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..adder import add
from ..tree import delayed

__all__ = ["DigitTile", "MultiplyTile"]


class _Tile(wiring.Component):
    """What both forms have in common: products of a beat, added to an accumulator.

    Latency: 2 cycles from activations to sums; weights come a cycle after their activations.

    Parameters
    ----------
    tokens, rows : int
        M and N, 1 or more.
    columns : int
        Columns of a beat.
    bits : int
        Of a weight.
    activation_bits : int
        A.
    width : int
        Bits of an accumulator.

    Members
    -------
    valid : ``In(1)``, activations : ``In(ArrayLayout(ArrayLayout(signed(A), columns), tokens))``
        A beat, and its columns for each token.
    weights : ``In(ArrayLayout(ArrayLayout(bits, columns), rows))``
    first : ``In(1)``
        The accumulators count as zero before this beat is added. Comes with the weights, and is 0
        where there are none.
    total : ``Out(ArrayLayout(ArrayLayout(signed(width), rows), tokens))``
    """

    def __init__(self, *, tokens: int, rows: int, columns: int, bits: int, activation_bits: int,
                 width: int):
        self._tokens, self._rows, self._columns, self._width = tokens, rows, columns, width
        self._weight_bits = bits
        super().__init__({
            "valid": In(1),
            "activations": In(data.ArrayLayout(
                data.ArrayLayout(signed(activation_bits), columns), tokens)),
            "weights": In(data.ArrayLayout(data.ArrayLayout(bits, columns), rows)),
            "first": In(1),
            "total": Out(data.ArrayLayout(data.ArrayLayout(signed(width), rows), tokens)),
        })

    @property
    def lead(self) -> int:
        """Cycles from the activations of a beat to its weights."""
        return 1

    @property
    def latency(self) -> int:
        """Cycles from the activations of a beat to sums that have it."""
        return self.lead + 1

    def elaborate(self, platform):
        m = Module()
        for token in range(self._tokens):
            # Activations of no beat are zeros, so that no accumulator needs an enable.
            columns = [self._column(m, f"{token}_{column}",
                                    Mux(self.valid, self.activations[token][column], 0).as_signed())
                       for column in range(self._columns)]
            for row in range(self._rows):
                total = self.total[token][row]
                before = (total & (~self.first).as_signed())[: self._width].as_signed()
                m.d.sync += total.eq(self._sum(m, f"{token}_{row}", before, columns,
                                               self.weights[row]))
        return m


class MultiplyTile(_Tile):
    """Products and their sum as synthesis makes them, of weights in two's complement."""

    def _column(self, m, name, x):
        return delayed(m, f"x_{name}", x)

    def _sum(self, m, name, total, columns, weights):
        for x, weight in zip(columns, weights):
            total = total + x * weight.as_signed()
        return total


class DigitTile(_Tile):
    """Odd weights, digit by digit: {-1, 1} of one bit, {-3, -1, 1, 3} of two, radix 4.

    A weight of 1, 2 or 4 bits q means ``2 * q - 2**bits + 1``. Three times an activation is made
    once for all rows; signs cost an exclusive or and the carries of the adders.
    """

    def _column(self, m, name, x):
        held = delayed(m, f"x_{name}", x)
        if self._weight_bits == 1:
            return held, held
        return held, delayed(m, f"triple_{name}", (x << 1) + x)

    def _sum(self, m, name, total, columns, weights):
        words, carries = [], []
        for (x, triple), weight in zip(columns, weights):
            for place in range(0, self._weight_bits, 2):
                digit = weight[place : place + 2]
                size = Mux(digit[0] ^ digit[-1], x, triple) if len(digit) > 1 else x
                words.append(((size << place).as_signed(), ~digit[-1]))
                carries.append(~digit[-1])
        while len(words) > 1:
            sums = []
            for index in range(0, len(words), 2):
                (a, of_a), (b, of_b) = words[index : index + 2]
                width = max(len(a), len(b)) + 1
                sums.append((add(m, f"add_{name}_{len(words)}_{index}", [a, b], width,
                                 complement=(of_a, of_b), carry=(carries.pop(), 0)), Const(0, 1)))
            words = sums
        (word, minus), = words
        return add(m, f"add_{name}", [total, word], self._width, complement=(0, minus),
                   carry=(carries.pop(), 0))
