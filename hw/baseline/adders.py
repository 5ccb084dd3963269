# SPDX-License-Identifier: Apache-2.0
"""Lanes that add and subtract activations."""

from amaranth import *

from ...golden.table import levels
from ..tree import Node, delayed, total_of
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
    adder_inputs : int
        2 or 3.
    """

    def __init__(self, *, columns: int, activation_bits: int, adder_inputs: int = 2):
        self._inputs, self._levels = adder_inputs, levels(columns, adder_inputs)
        super().__init__(columns=columns, activation_bits=activation_bits, weight_bits=columns,
                         width=activation_bits + columns.bit_length())

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._levels

    def elaborate(self, platform):
        m = Module()
        nodes = [Node(x, ~self.weights[column]) for column, x in enumerate(self._held(m))]
        total, negate = total_of(m, nodes, self.weights[::2] ^ self.weights[1::2], self.valid,
                                 len(self.total), self._inputs)
        m.d.comb += [self.total.eq(total), self.negate.eq(negate)]
        return m


class TritLane(Lane):
    """Two bits for each column: of the lower half of a beat, not zero; of the upper half, minus.

    Products with zero are made by the reset of a register, which costs no look-up table.

    Parameters
    ----------
    columns : int
        Weights of a beat, a multiple of 8.
    activation_bits : int
        A.
    adder_inputs : int
        2 or 3.
    """

    def __init__(self, *, columns: int, activation_bits: int, adder_inputs: int = 2):
        self._inputs, self._levels = adder_inputs, levels(columns, adder_inputs)
        super().__init__(columns=columns, activation_bits=activation_bits, weight_bits=2 * columns,
                         width=activation_bits + columns.bit_length())

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._levels + 1

    def elaborate(self, platform):
        m = Module()
        nonzero, minus = self.weights[: self._columns], self.weights[self._columns :]
        sign, valid = delayed(m, "minus", minus), delayed(m, "valid", self.valid)
        nodes = []
        for column, x in enumerate(self._held(m)):
            value = Signal.like(x, name=f"value_{column}", reset_less=True)
            with m.If(self.valid):
                m.d.sync += value.eq(x)
                with m.If(~nonzero[column]):
                    m.d.sync += value.eq(0)
            nodes.append(Node(value, sign[column]))
        total, negate = total_of(m, nodes, sign[::2] ^ sign[1::2], valid, len(self.total),
                                 self._inputs)
        m.d.comb += [self.total.eq(total), self.negate.eq(negate)]
        return m
