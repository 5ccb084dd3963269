# SPDX-License-Identifier: Apache-2.0
"""Lanes that multiply."""

from amaranth import *

from ..tree import sum_tree
from .lane import Lane

__all__ = ["MultiplyLane"]


class MultiplyLane(Lane):
    """An unsigned number for each column, multiplied.

    Zero points are a multiple of the sum of the activations, the same for all rows, and no part of
    a lane. Whether synthesis takes DSPs for the products or look-up tables is its user's choice.

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
