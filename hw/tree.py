# SPDX-License-Identifier: Apache-2.0
"""Pipelined adder trees, a register after each level."""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth import *

from ..golden.table import levels
from .adder import add

__all__ = ["Node", "delayed", "signed_tree", "sum_tree", "total_of"]


def delayed(m, name: str, value, cycles: int = 1, *, enable=None):
    """Return ``value`` so many cycles later, or so many in which ``enable`` is set."""
    for cycle in range(cycles):
        register = Signal(value.shape(), name=f"{name}_{cycle}", reset_less=True)
        if enable is None:
            m.d.sync += register.eq(value)
        else:
            with m.If(enable):
                m.d.sync += register.eq(value)
        value = register
    return value


@dataclass(frozen=True)
class Node:
    """A value and its sign, which is still to be applied.

    Attributes
    ----------
    value : signed Value
    most : int or None
        Its largest magnitude, if that is less than its width allows.
    sign : Value
        The node counts as minus ``value`` where this was set when the beat entered the tree.
    """

    value: Value
    sign: Value
    most: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and largest of the value, complemented or not."""
        half = 1 << len(self.value) - 1
        return (-half, half - 1) if self.most is None else (-self.most - 1, self.most)


def signed_tree(m, name: str, nodes: Sequence[Node], valid, *, relative=None,
                age: int = 0) -> Node:
    """Add up nodes of one width, two by two, without a negation: an adder subtracts where signs
    differ and hands on the first one's.

    Parameters
    ----------
    m : Module
    name : str
        Begins the names of what is made.
    nodes : sequence of Node
    valid : Value
        There are values in this cycle. Registers rest where there are none; never, if it is a
        constant.
    relative : Value or None
        A bit for each pair of nodes: their signs differ. None: it is worked out before they come.
    age : int
        Cycles that the values are behind the signs; at least 1 without ``relative``.

    Returns
    -------
    Node
        The sum, one bit wider a level, ``levels(len(nodes), 2)`` cycles later.
    """
    width = len(nodes[0].value)
    for level in range(1, levels(len(nodes), 2) + 1):
        pairs = list(zip(nodes[::2], nodes[1::2]))
        if relative is None:
            differ = Cat(a.sign ^ b.sign for a, b in pairs)
            relative = delayed(m, f"{name}_control_{level}", differ, age)
        following = []
        for index, (a, b) in enumerate(pairs):
            node = Signal(signed(width + level), name=f"{name}_{level}_{index}", reset_less=True)
            subtract = relative[index]
            total = add(m, f"add_{name}_{level}_{index}", [a.value, b.value], width + level,
                        complement=(0, subtract), carry=(subtract, 0))
            with m.If(valid):
                m.d.sync += node.eq(total)
            following.append(Node(node, a.sign))
        if len(nodes) % 2:
            last = Signal(signed(width + level), name=f"{name}_{level}_last", reset_less=True)
            with m.If(valid):
                m.d.sync += last.eq(nodes[-1].value)
            following.append(Node(last, nodes[-1].sign))
        nodes, relative, age = following, None, age + 1
        valid = _later(m, f"{name}_valid_{level}", valid)
    return nodes[0]


def total_of(m, nodes: Sequence[Node], relative, valid, width: int, inputs: int):
    """Add up nodes whose signs come with them, with adders of two or three inputs.

    With three, the first level complements both values of a pair. A complement lacks 1: one of the
    two is the carry of the pair's adder, the other one of two carries that each adder of three
    has, further down.

    Parameters
    ----------
    m : Module
    nodes : sequence of Node
    relative : Value
        A bit for each pair of nodes: their signs differ. Used with two inputs.
    valid : Value
    width : int
        Of the sum.
    inputs : int
        2 or 3.

    Returns
    -------
    total : signed Value
    negate : Value
        The sum is minus ``total`` where this is set, in the same cycle.
    """
    if inputs == 2:
        node = signed_tree(m, "node", nodes, valid, relative=relative)
        return node.value, delayed(m, "negate", node.sign, levels(len(nodes), 2))
    zero = Const(0, signed(len(nodes[0].value)))
    deferred, results, level = [], [], 1
    for index in range(0, len(nodes), 2):
        present = nodes[index : index + 2]
        pair = [*present, Node(zero, Const(0, 1))][:2]
        signs = [node.sign for node in pair]
        least, largest = (sum(node.bounds[which] for node in present) for which in range(2))
        results.append(_summed(
            m, f"node_1_{index // 2}", [node.value for node in pair], least,
            largest + len(present) - 1, valid, complement=signs, carry=(signs[1], 0)))
        deferred.append(signs[0])
    while len(results) > 1:
        level += 1
        valid = _later(m, f"valid_{level}", valid)
        groups = [results[index : index + 3] for index in range(0, len(results), 3)]
        # A node by itself is added to carries only where they would be left over.
        alone = len(deferred) > _carries_below(len(results))
        taken = deferred[: 2 * sum(alone or len(group) > 1 for group in groups)]
        deferred = deferred[len(taken):]
        carries = delayed(m, f"carries_{level}", Cat(taken), level - 1) if taken else Const(0, 1)
        results, used = [], 0
        for index, group in enumerate(groups):
            least, largest = (sum(bound[which] for bound in group) for which in (1, 2))
            if len(group) == 1 and not alone:
                results.append(_summed(m, f"node_{level}_{index}", [group[0][0]], least, largest,
                                       valid))
                continue
            given = [carries[bit] if bit < len(taken) else Const(0, 1)
                     for bit in (used, used + 1)]
            used += 2
            words = [value for value, _, _ in group] + [zero, zero]
            results.append(_summed(m, f"node_{level}_{index}", words[:3], least, largest + 2,
                                   valid, carry=given))
    if deferred:
        raise ValueError(f"{len(nodes)} nodes leave {len(deferred)} carries over; use two inputs")
    total = Signal(signed(width), name="total")
    m.d.comb += total.eq(results[0][0])
    return total, Const(0, 1)


def _later(m, name, valid):
    """Return whether there are values in the next level; a constant is no register."""
    return valid if isinstance(valid, Const) else delayed(m, name, valid)


def _carries_below(count: int) -> int:
    """Return the carries that the adders of three can take which add up so many nodes."""
    carries = 0
    while count > 1:
        carries += 2 * (count // 3 + (count % 3 > 1))
        count = -(-count // 3)
    return carries


def _summed(m, name, words, least, largest, valid, **carries):
    """Return a register that holds the sum, and its bounds."""
    width = max((largest).bit_length(), (-least - 1).bit_length()) + 1
    node = Signal(signed(width), name=name, reset_less=True)
    value = words[0] if len(words) == 1 else add(m, f"add_{name}", words, width, **carries)
    with m.If(valid):
        m.d.sync += node.eq(value)
    return node, least, largest


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
