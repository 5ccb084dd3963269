# SPDX-License-Identifier: Apache-2.0
"""Adders that synthesis keeps as one carry chain."""

from amaranth import *

__all__ = ["add_subtract", "below", "count_ones", "less", "neighbour_sums", "pick", "shift_left"]


def add_subtract(a, b, subtract):
    """Return ``a - b`` if ``subtract`` else ``a + b`` as one carry chain.

    The carry in comes from an extra lowest bit, so that no second adder is made of it.
    """
    flipped = b ^ subtract.as_signed()
    return (Cat(1, a).as_signed() + Cat(subtract, flipped).as_signed())[1:].as_signed()


def below(a, b):
    """Return ``a < b`` of short unsigned words: a LUT for each bit, the lowest first."""
    result = Const(0, 1)
    for lower, upper in zip(a, b, strict=True):
        result = Mux(lower ^ upper, upper, result)
    return result


def less(m, name, a, b):
    """Return ``a < b``, the sign of the difference: of a comparison synthesis makes deep logic."""
    width = max(len(a) + (not a.shape().signed), len(b) + (not b.shape().signed)) + 1
    difference = Signal(signed(width), name=f"{name}_difference")
    m.d.comb += difference.eq(a - b)
    return difference[-1]


def neighbour_sums(m, name, nodes):
    """Return the nodes, the sums of pairs of them, of fours, and so on: a list for each level."""
    levels = [list(nodes)]
    while len(levels[-1]) > 1:
        sums = []
        for index in range(0, len(levels[-1]), 2):
            left, right = levels[-1][index : index + 2]
            total = Signal(signed(len(left) + 1), name=f"{name}_{len(levels)}_{index // 2}")
            m.d.comb += total.eq(left + right)
            sums.append(total)
        levels.append(sums)
    return levels


def shift_left(m, name, value, amount, width):
    """Return ``value << amount`` cut to ``width`` bits, signed; Amaranth's own grows with it."""
    result = Signal(signed(width), name=f"{name}_extended")
    m.d.comb += result.eq(value)
    for bit in range(len(amount)):
        places = 1 << bit
        shifted = Signal(signed(width), name=f"{name}_{places}")
        m.d.comb += shifted.eq(
            Mux(amount[bit], Cat(Const(0, places), result[:-places]).as_signed(), result))
        result = shifted
    return result


def pick(select, values):
    """Return the value with the number ``select``, a tree of two-way choices.

    Numbers that are missing from the dictionary may give any value.
    """
    if len(values) == 1 or not len(select):
        return next(iter(values.values()))
    halves = [{number >> 1: value for number, value in values.items() if number & 1 == low}
              for low in range(2)]
    if not halves[0] or not halves[1]:
        return pick(select[1:], halves[0] or halves[1])
    low, high = (pick(select[1:], half) for half in halves)
    return Mux(select[0], high, low)


def count_ones(bits):
    """Return how many are set, by a tree: Python's ``sum`` makes a chain of ever wider adders."""
    if len(bits) == 1:
        return bits[0]
    return count_ones(bits[::2]) + count_ones(bits[1::2])
