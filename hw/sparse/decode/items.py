# SPDX-License-Identifier: Apache-2.0
"""Beats of items at gaps to words of one row each."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ....golden.sparse.encodings import RowFormat

__all__ = ["Items"]

#: A place that no row has; larger ones are not told apart.
_BEYOND = 1 << 16


class Items(wiring.Component):
    """Find the place of each item in its row, and give the items of each row in turn.

    A beat in which no row ends but with its last item takes one cycle, any other one cycle for
    each row that it has items of. Items behind the last row are dropped.

    Latency: a cycle for each two of the ``log2(items)`` levels of adders, and one more.
    Throughput: a beat a cycle, less one cycle for each end of a row before a beat's last item.

    Parameters
    ----------
    form : RowFormat

    Members
    -------
    clear : ``In(1)``, rows : ``In(16)``
        A packet of so many rows begins.
    valid : ``In(1)``, ready : ``Out(1)``
        A beat is offered, and taken.
    gaps : ``In(ArrayLayout(gap_bits, items))``, ends : ``In(items)``
        Of its entries.
    weights : ``In(items * group * weight_bits)``, last : ``In(1)``
        Of the beat.
    fill : ``In(1)``
        End a row that did not come; no beat may be under way.
    enable : ``In(1)``
        The word is taken.
    made : ``Out(1)``, active : ``Out(items)``, places : ``Out(ArrayLayout(.., items))``
        A word: which items belong to it, and where they are; ``word_weights`` of the whole beat.
    end, word_last : ``Out(1)``
        The word ends a row, the last row.
    done : ``Out(1)``
        All rows have ended.
    overlong : ``Out(1)``
        They did so in a beat that was not the packet's last.
    empty : ``Out(1)``
        No beat is under way.
    """

    def __init__(self, form: RowFormat):
        self._form = form
        count, weights = form.items, form.slots * form.weight_bits
        #: Bits of the sum of a beat's steps; a place is signed, and up to so much beyond.
        self._sum_bits = form.gap_bits + count.bit_length()
        self._place_bits = max(self._sum_bits, _BEYOND.bit_length()) + 2
        super().__init__({
            "clear": In(1), "rows": In(16), "valid": In(1), "ready": Out(1),
            "gaps": In(data.ArrayLayout(unsigned(form.gap_bits), count)), "ends": In(count),
            "weights": In(weights), "last": In(1), "fill": In(1), "enable": In(1),
            "made": Out(1), "active": Out(count),
            "places": Out(data.ArrayLayout(signed(self._place_bits), count)),
            "word_weights": Out(weights), "end": Out(1), "word_last": Out(1), "done": Out(1),
            "overlong": Out(1), "empty": Out(1)})

    @property
    def latency(self) -> int:
        """Cycles from a beat to its first word."""
        return self._form.place_cycles

    def elaborate(self, platform):
        m = Module()
        count, leaves = self._form.items, Signal()
        sums, distance, valids = list(self.gaps), 1, []
        valid, last, ends, weights = self.valid, self.last, self.ends, self.weights
        coming = ends
        while distance < count or not valids:
            for _ in range(2):
                if distance < count:
                    sums, distance = self._level(m, sums, distance), 2 * distance
            coming = ends  # of the beat that will be split next
            valid, last, ends, weights, *sums = (
                self._held(m, f"{name}_{distance}", value)
                for name, value in [("valid", valid), ("last", last), ("ends", ends),
                                    ("weights", weights),
                                    *((f"sum{item}", total) for item, total in enumerate(sums))])
            valids.append(valid)
        m.d.comb += [self.ready.eq(~valid | leaves), self.empty.eq(~Cat(valids).any())]
        self._split(m, leaves, coming, valid, last, weights, sums)
        return m

    def _level(self, m, sums, distance):
        """Add, in the upper half of each ``2 * distance`` items, the sum of the lower half.

        An item is a step itself: one is added for each but the first.
        """
        joined = sums[:]
        for item in range(len(sums)):
            if item & distance:
                before = sums[(item | distance - 1) - distance]
                joined[item] = Signal(self._sum_bits, name=f"total_{distance}_{item}")
                m.d.comb += joined[item].eq(sums[item] + before + 1)
        return joined

    def _held(self, m, name, value):
        """Return a register that takes a value whenever beats move on."""
        register = Signal(len(value), name=name)
        with m.If(self.ready):
            m.d.sync += register.eq(value)
        return register

    def _split(self, m, leaves, coming, valid, last, weights, offsets):
        """Take the items up to the first end, all if there is none.

        ``closing`` are the ends that are left; ``closes``: there are any; ``more``: any but that of
        the last item, so that items of another row are left. They are registers, since a beat that
        is done lets all others move on in the same cycle.
        """
        count = self._form.items
        left, closing, later, upto = (Signal(count, name=name) for name in (
            "left", "closing", "later", "upto"))
        closes, more, made, final = (Signal(name=name) for name in (
            "closes", "more", "making", "final"))
        # Rows behind the next one, less one: negative where that is the last.
        rows = Signal(signed(17), reset_less=True)
        m.d.comb += [
            upto.eq(closing ^ (closing - 1)),  # up to the lowest set bit
            later.eq(closing & (closing - 1)),
            made.eq(self.enable & ~self.done & (valid | self.fill)),
            final.eq((closes | self.fill) & rows[-1]),
            leaves.eq(self.done | (self.enable & (~more | final))),
            self.overlong.eq(made & final & ~self.fill & ~last),
        ]
        with m.If(made):
            m.d.sync += [left.eq(left & ~upto), closing.eq(later), closes.eq(later.any()),
                         more.eq(later[:-1].any())]
            with m.If(closes | self.fill):
                m.d.sync += rows.eq(rows - 1)
            with m.If(final):
                m.d.sync += self.done.eq(1)
        with m.If(self.ready):
            m.d.sync += [left.eq(~0), closing.eq(coming), closes.eq(coming.any()),
                         more.eq(coming[:-1].any())]
        with m.If(self.clear):
            m.d.sync += [rows.eq(self.rows - 2), self.done.eq(0)]
        base = self._base(m, made, closes, more, closing & upto, offsets)
        with m.If(self.enable):
            m.d.sync += [
                self.made.eq(made), self.active.eq(Mux(self.fill, 0, left & upto)),
                self.end.eq(closes | self.fill), self.word_last.eq(final),
                self.word_weights.eq(weights)]
            m.d.sync += [place.eq(base + offset) for place, offset in zip(self.places, offsets)]

    def _base(self, m, made, closes, more, lowest, offsets):
        """Return what is to be added to an item's offset in its beat to have its place."""
        base = Signal(signed(self._place_bits))
        at_end = Signal(self._sum_bits)  # of the item that ends the row
        onward = Signal(signed(self._place_bits + 1))
        m.d.comb += [
            at_end.eq(_joined(Mux(bit, offset, 0) for bit, offset in zip(lowest, offsets))),
            # base + offsets[-1] + 1, the 1 carried from an extra lowest bit of both
            onward.eq((Cat(1, base).as_signed() + Cat(1, offsets[-1], 0).as_signed()) >> 1),
        ]
        with m.If(made):
            with m.If(more):
                m.d.sync += base.eq(~Cat(at_end, 0).as_signed())  # -1 - at_end
            with m.Elif(closes):
                m.d.sync += base.eq(0)
            with m.Else():
                # Not negative: the item that ended the row before comes before the last one.
                m.d.sync += base.eq(Mux(onward[16:].any(), _BEYOND, onward))
        with m.If(self.clear):
            m.d.sync += base.eq(0)
        return base


def _joined(values):
    """Return the OR of values of which at most one is not zero."""
    joined = Const(0, 1)
    for value in values:
        joined |= value
    return joined
