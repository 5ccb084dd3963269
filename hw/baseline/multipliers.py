# SPDX-License-Identifier: Apache-2.0
"""Lanes that multiply."""

from amaranth import *

from ...golden.table import levels
from ..arithmetic import add_subtract
from ..tree import Node, sum_tree, total_of
from .lane import Lane

__all__ = ["DspLane", "RadixLane"]


class RadixLane(Lane):
    """A weight of two digits of radix 4, {-3, -1, 1, 3} each: odd numbers from -15 to 15.

    The best form in look-up tables that we know: three times each activation comes ready made, a
    digit is one of two numbers, and its sign goes into the adder. A beat has four bits for each
    column, q for the weight 2 * q - 15.

    Parameters
    ----------
    columns : int
        A power of two: weights of a beat.
    activation_bits : int
        A.
    adder_inputs : int
        2 or 3.

    Members
    -------
    triples : ``In(ArrayLayout(signed(A + 2), columns / words))``
        Three times ``activations``.
    """

    #: Bits of a weight.
    BITS = 4

    def __init__(self, *, columns: int, activation_bits: int, adder_inputs: int = 2):
        self._inputs, self._levels = adder_inputs, levels(columns, adder_inputs)
        super().__init__(
            columns=columns, activation_bits=activation_bits, weight_bits=self.BITS * columns,
            width=activation_bits + 5 + columns.bit_length(), triples=True)

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._levels + 1

    def elaborate(self, platform):
        m = Module()
        held, triples = self._held(m), self._held(m, triples=True)
        products, signs = [], []
        for column, (x, triple) in enumerate(zip(held, triples)):
            low, high = (self.weights[self.BITS * column :][2 * digit : 2 * digit + 2]
                         for digit in range(2))
            sizes = [Mux(digit[0] ^ digit[1], x, triple) for digit in (low, high)]
            product = Signal(signed(len(x) + 5), name=f"product_{column}", reset_less=True)
            with m.If(self.valid):
                m.d.sync += product.eq(add_subtract(
                    Cat(Const(0, 2), sizes[1]).as_signed(), sizes[0], low[1] ^ high[1]))
            products.append(product)
            signs.append(~high[1])
        sign, valid = Signal(self._columns, reset_less=True), Signal()
        m.d.sync += [sign.eq(Cat(signs)), valid.eq(self.valid)]
        nodes = [Node(product, sign[column]) for column, product in enumerate(products)]
        total, negate = total_of(m, nodes, sign[::2] ^ sign[1::2], valid, len(self.total),
                                 self._inputs)
        m.d.comb += [self.total.eq(total), self.negate.eq(negate)]
        return m


class DspLane(Lane):
    """An unsigned number for each column, multiplied, as synthesis makes it: one DSP each.

    Zero points are a multiple of the sum of the activations, the same for all rows, and no part of
    a lane.

    Parameters
    ----------
    columns : int
        A power of two: weights of a beat.
    activation_bits, bits : int
        A, and bits of a weight.
    """

    def __init__(self, *, columns: int, activation_bits: int, bits: int):
        self._weight_bits, self._levels = bits, columns.bit_length() - 1
        super().__init__(columns=columns, activation_bits=activation_bits,
                         weight_bits=columns * bits, width=activation_bits + bits + self._levels)

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._levels + 1

    def elaborate(self, platform):
        m = Module()
        products = []
        for column, x in enumerate(self._held(m)):
            product = Signal(signed(self._bits + self._weight_bits), name=f"product_{column}",
                             reset_less=True)
            m.d.sync += product.eq(x * self.weights.word_select(column, self._weight_bits))
            products.append(product)
        m.d.comb += self.total.eq(sum_tree(m, products))
        return m
