# SPDX-License-Identifier: Apache-2.0
"""Largest and least sample of each group of a stream."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ...golden.quantiser import SMALLEST_GROUP, QuantiserShape
from ..arithmetic import less
from ..tree import delayed

__all__ = ["Extremes", "extremes_latency", "extremes_layout"]


def extremes_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return the layout of a group's extremes, for each group that may begin in a beat."""
    each = data.ArrayLayout(signed(shape.width), shape.slots)
    return data.StructLayout({"largest": each, "least": each})


def extremes_latency(shape: QuantiserShape) -> int:
    """Return the cycles from the last beat of a group to its extremes."""
    return exact_log2(shape.lanes) + 1


class Extremes(wiring.Component):
    """Find the largest and the least sample of groups that are parts of a beat, or many beats.

    A tree for every 16 lanes gives both extremes, then the trees of longer groups exchange theirs,
    and the last stage takes the extremes of all beats of the group. It is never stalled: what it
    finds belongs into a queue with a place for it.

    Latency: ``log2(lanes) + 1`` cycles from the last beat of a group to its extremes. Throughput:
    one beat a cycle. Takes ``3/2 lanes + 2 slots * log2(slots)`` comparisons of W bits, with two
    lanes or more: a pair of lanes needs one for both extremes.

    Parameters
    ----------
    shape : QuantiserShape

    Members
    -------
    valid : ``In(1)``, y : ``In(signed(W))`` x lanes
        A beat.
    first, close : ``In(1)``
        It is the first, the last of its group. Both where groups are parts of a beat.
    group : ``In(range(log2(size) + 1))``
        Base-two logarithm of the group's samples.
    done : ``Out(1)``, extremes : ``Out(extremes_layout(shape))``
        Of the group that was closed; slot n is that of lanes 16n to 16n + 15.
    """

    def __init__(self, shape: QuantiserShape):
        self._shape = shape
        super().__init__({
            "valid": In(1),
            "y": In(data.ArrayLayout(signed(shape.width), shape.lanes)),
            "first": In(1),
            "close": In(1),
            "group": In(range(exact_log2(shape.size) + 1)),
            "done": Out(1),
            "extremes": Out(extremes_layout(shape)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a group to its extremes."""
        return extremes_latency(self._shape)

    def elaborate(self, platform):
        m = Module()
        shape, waited = self._shape, exact_log2(self._shape.lanes)
        slots = []
        for slot in range(shape.slots):
            part = range(slot * SMALLEST_GROUP, min(shape.lanes, (slot + 1) * SMALLEST_GROUP))
            values = [self.y[lane] for lane in part]
            slots.append(self._tree(m, f"slot_{slot}", values))
        for level in range(exact_log2(shape.slots)):
            age = exact_log2(SMALLEST_GROUP) + level
            longer = delayed(m, f"longer_{level}", self.group > age, age)
            slots = [self._exchanged(m, f"exchange_{level}_{slot}", slots[slot],
                                     slots[slot ^ 1 << level], longer)
                     for slot in range(shape.slots)]
        # Of the flags only this one has a reset: without it the others mean nothing.
        valid = self.valid
        for cycle in range(waited):
            valid, before = Signal(name=f"valid_{cycle}"), valid
            m.d.sync += valid.eq(before)
        first = delayed(m, "first_waited", self.first, waited)
        close = delayed(m, "close_waited", self.close, waited)
        m.d.sync += self.done.eq(valid & close)
        for slot, (largest, least) in enumerate(slots):
            kept, keep = self.extremes.largest[slot], self.extremes.least[slot]
            with m.If(valid & (first | less(m, f"slot_{slot}_kept", kept, largest))):
                m.d.sync += kept.eq(largest)
            with m.If(valid & (first | less(m, f"slot_{slot}_keep", least, keep))):
                m.d.sync += keep.eq(least)
        return m

    def _chosen(self, m, name, first, a, b):
        register = Signal(signed(self._shape.width), name=name, reset_less=True)
        m.d.sync += register.eq(Mux(first, a, b))
        return register

    def _reduced(self, m, name, values, least):
        """Return the larger, or the lesser, of each pair."""
        results = []
        for number, (a, b) in enumerate(zip(values[::2], values[1::2])):
            lesser = less(m, f"{name}_{number}", a, b)
            results.append(self._chosen(m, f"{name}_{number}", lesser, *((a, b) if least
                                                                         else (b, a))))
        return results

    def _tree(self, m, name, values):
        """Return the extremes of the values, a level of the tree a cycle."""
        if len(values) == 1:
            return values[0], values[0]
        most, least = [], []
        for number, (a, b) in enumerate(zip(values[::2], values[1::2])):
            lesser = less(m, f"{name}_{number}", a, b)
            most.append(self._chosen(m, f"{name}_most_{number}", lesser, b, a))
            least.append(self._chosen(m, f"{name}_least_{number}", lesser, a, b))
        level = 1
        while len(most) > 1:
            level += 1
            most = self._reduced(m, f"{name}_most_{level}", most, False)
            least = self._reduced(m, f"{name}_least_{level}", least, True)
        return most[0], least[0]

    def _exchanged(self, m, name, own, other, longer):
        """Return the extremes of both slots where the group is longer than one."""
        larger = less(m, f"{name}_most", own[0], other[0])
        lesser = less(m, f"{name}_least", other[1], own[1])
        return (self._chosen(m, f"{name}_most", longer & larger, other[0], own[0]),
                self._chosen(m, f"{name}_least", longer & lesser, other[1], own[1]))
