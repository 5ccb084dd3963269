# SPDX-License-Identifier: Apache-2.0
"""Which replies are held, by sequence number."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .layouts import following_slot, slot_shape

__all__ = ["ReplyCache"]


class ReplyCache(wiring.Component):
    """A ring of sequence numbers: look-up of all, insertion over the oldest.

    Latency: look-up 0 cycles; an insertion or a clearing is seen in the next cycle.

    Parameters
    ----------
    depth : int
        Replies, a power of two.

    Members
    -------
    seq : ``In(16)``
        Number to look up or to insert.
    hit : ``Out(1)``
        A reply with that number is held, in ``slot``.
    slot : ``Out(range(depth))``
        Slot of the hit; slot 0 without one.
    oldest : ``Out(range(depth))``
        Slot that the next insertion overwrites.
    insert : ``In(1)``
        ``seq`` is now in slot ``oldest``.
    clear : ``In(1)``
        Nothing is held any more.
    """

    def __init__(self, depth: int):
        self._depth = depth
        super().__init__({
            "seq": In(16),
            "hit": Out(1),
            "slot": Out(slot_shape(depth)),
            "oldest": Out(slot_shape(depth)),
            "insert": In(1),
            "clear": In(1),
        })

    @property
    def depth(self) -> int:
        """Replies."""
        return self._depth

    def elaborate(self, platform):
        m = Module()
        held = Signal(self._depth)
        for index in range(self._depth):
            seq = Signal(16, name=f"seq_{index}", reset_less=True)
            with m.If(held[index] & (seq == self.seq)):
                m.d.comb += [self.hit.eq(1), self.slot.eq(index)]
            with m.If(self.insert & (self.oldest == index)):
                m.d.sync += [seq.eq(self.seq), held[index].eq(1)]
        with m.If(self.insert):
            m.d.sync += self.oldest.eq(following_slot(self.oldest, self._depth))
        with m.If(self.clear):
            m.d.sync += held.eq(0)
        return m
