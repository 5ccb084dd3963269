# SPDX-License-Identifier: Apache-2.0
"""Lanes that add and subtract activations."""

from amaranth import *

from ..tree import delayed, signed_tree
from .lane import Lane

__all__ = ["SignLane", "TritLane"]


class SignLane(Lane):
    """A sign for each column: 1 adds, 0 subtracts.

    A bit-serial lane: planes of wider weights come one after the other. Signs are taken out of the
    tree as in the table unit, so that no activation is negated.

    Parameters
    ----------
    columns : int
        A power of two: weights of a beat, and its bits.
    activation_bits : int
        A.
    """

    def __init__(self, *, columns: int, activation_bits: int):
        self._levels = columns.bit_length() - 1
        super().__init__(columns=columns, activation_bits=activation_bits, weight_bits=columns,
                         width=activation_bits + self._levels)

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._levels

    def elaborate(self, platform):
        m = Module()
        first, second = self.weights[::2], self.weights[1::2]
        tree = signed_tree(m, self._held(m), first ^ second, ~first, self.valid)
        m.d.comb += [self.total.eq(tree.levels[-1][0]), self.negate.eq(tree.negate)]
        return m


class TritLane(Lane):
    """Two bits for each column: of the lower half of a beat, not zero; of the upper half, minus.

    Products with zero are made by the reset of a register, which costs no look-up table.

    Parameters
    ----------
    columns : int
        Weights of a beat, a multiple of 8. What a power of two lacks is left out.
    activation_bits : int
        A.
    """

    def __init__(self, *, columns: int, activation_bits: int):
        self._levels = (columns - 1).bit_length()
        super().__init__(columns=columns, activation_bits=activation_bits, weight_bits=2 * columns,
                         width=activation_bits + self._levels)

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._levels + 1

    def elaborate(self, platform):
        m = Module()
        missing = (1 << self._levels) - self._columns
        nonzero, minus = self.weights[: self._columns], self.weights[self._columns :]
        values: list[Value] = []
        for column, x in enumerate(self._held(m)):
            value = Signal.like(x, name=f"value_{column}", reset_less=True)
            with m.If(self.valid):
                m.d.sync += value.eq(x)
                with m.If(~nonzero[column]):
                    m.d.sync += value.eq(0)
            values.append(value)
        zero = Const(0, signed(self._bits))
        sign = delayed(m, "minus", minus)
        valid = delayed(m, "valid", self.valid)
        first, second = (Cat(sign[place::2], Const(0, missing // 2)) for place in range(2))
        tree = signed_tree(m, values + missing * [zero], first ^ second, first, valid)
        m.d.comb += [self.total.eq(tree.levels[-1][0]), self.negate.eq(tree.negate)]
        return m
