# SPDX-License-Identifier: Apache-2.0
"""Pipelined adder trees, a register after each level."""

from dataclasses import dataclass

from amaranth import *

from .arithmetic import add_subtract

__all__ = ["SignedTree", "delayed", "signed_tree", "sum_tree"]


def delayed(m, name: str, value, cycles: int = 1):
    """Return ``value`` so many cycles later."""
    for cycle in range(cycles):
        register = Signal(value.shape(), name=f"{name}_{cycle}", reset_less=True)
        m.d.sync += register.eq(value)
        value = register
    return value


@dataclass(frozen=True)
class SignedTree:
    """What :func:`signed_tree` has made.

    Attributes
    ----------
    levels : list of list of Signal
        Nodes of each level, the last of one node, one bit wider a level; each level is valid a
        cycle after the one before.
    negate : Value
        The sum is minus the last node where this is set, in the same cycle.
    """

    levels: list[list[Value]]
    negate: Value


def signed_tree(m, values, relative, sign, valid) -> SignedTree:
    """Add up values with signs, without a negation: a node subtracts where signs differ.

    Parameters
    ----------
    m : Module
    values : list of signed Value
        A power of two of them, all of one width.
    relative : Value
        A bit for each pair of values: their signs differ.
    sign : Value
        A bit for each pair: the sign of its first.
    valid : Value
        There are values in this cycle. Registers rest where there are none.
    """
    width = len(values[0])
    levels: list[list[Value]] = []
    control, negate = relative, sign[0]
    count = len(values).bit_length() - 1
    for level in range(1, count + 1):
        if level > 1:
            # Relative sign of two groups of 2**(level - 2) pairs, at the bit of the first pair.
            control = delayed(m, f"control_{level}", sign ^ (sign >> (1 << level - 2)), level - 1)
            valid = delayed(m, f"valid_{level - 1}", valid)
        nodes = []
        for index in range(len(values) // 2):
            node = Signal(signed(width + level), name=f"node_{level}_{index}", reset_less=True)
            with m.If(valid):
                m.d.sync += node.eq(add_subtract(
                    values[2 * index], values[2 * index + 1], control[index << level - 1]))
            nodes.append(node)
        levels.append(nodes)
        values = nodes
        negate = delayed(m, f"negate_{level}", negate)
    return SignedTree(levels, negate)


def sum_tree(m, values):
    """Return the sum of signed values, a power of two of them, so many cycles later as levels."""
    level = 0
    while len(values) > 1:
        level += 1
        nodes = [Signal(signed(len(values[0]) + 1), name=f"sum_{level}_{index}", reset_less=True)
                 for index in range(len(values) // 2)]
        m.d.sync += [node.eq(values[2 * index] + values[2 * index + 1])
                     for index, node in enumerate(nodes)]
        values = nodes
    return values[0]
