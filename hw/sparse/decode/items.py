# SPDX-License-Identifier: Apache-2.0
"""Beats of items at gaps to words of one row each."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ....golden.sparse.encodings import RowFormat

__all__ = ["Items", "prefix_sums"]

#: A place that no row has; larger ones are not told apart.
_BEYOND = 1 << 16


def prefix_sums(m, name, values, steps):
    """Return, for each value, the sum of it and those before it, in ``log2`` levels of adders.

    ``steps`` is added for each value but the first.
    """
    sums, distance = list(values), 1
    while distance < len(sums):
        joined = sums[:]
        for index in range(len(sums)):
            if index & distance:  # the half before ends just in front of this half
                before = sums[(index | distance - 1) - distance]
                total = Signal(len(values[0]) + len(values).bit_length(),
                               name=f"{name}_{distance}_{index}")
                m.d.comb += total.eq(sums[index] + before + steps)
                joined[index] = total
        sums, distance = joined, 2 * distance
    return sums


class Items(wiring.Component):
    """Find the place of each item in its row, and give the items of each row in turn.

    A beat in which no row ends but with its last item takes one cycle, any other one cycle for
    each row that it has items of. Items behind the last row are dropped.

    Latency: 2 cycles from a beat to its first word. Throughput: a beat a cycle, less one cycle for
    each end of a row before a beat's last item.

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
        return 2

    def elaborate(self, platform):
        m = Module()
        count = self._form.items
        valid, last, leaves = (Signal(name=name) for name in ("held", "held_last", "leaves"))
        left, ends = Signal(count), Signal(count)
        weights = Signal(len(self.weights), reset_less=True)
        # Of each item: those before it in the beat, and those left out up to it.
        offsets = [Signal(self._sum_bits, name=f"offset_{item}", reset_less=True)
                   for item in range(count)]
        sums = prefix_sums(m, "sum", list(self.gaps), 1)
        m.d.comb += [self.ready.eq(~valid | leaves), self.empty.eq(~valid)]
        with m.If(self.ready):
            m.d.sync += [valid.eq(self.valid), last.eq(self.last), ends.eq(self.ends),
                         weights.eq(self.weights), left.eq(~0)]
            m.d.sync += [offset.eq(total) for offset, total in zip(offsets, sums)]
        self._split(m, valid, last, leaves, left, ends, offsets, weights)
        return m

    def _split(self, m, valid, last, leaves, left, ends, offsets, weights):
        """Take the items up to the first end, all if there is none."""
        count = self._form.items
        closing, upto, active, rest = (Signal(count, name=name) for name in (
            "closing", "upto", "active", "rest"))
        closes, made, final = (Signal(name=name) for name in ("closes", "making", "final"))
        rows = Signal(16, reset_less=True)
        m.d.comb += [
            closing.eq(ends & left),
            upto.eq(closing ^ (closing - 1)),  # up to the lowest set bit
            active.eq(left & upto),
            rest.eq(left & ~upto),
            closes.eq(closing.any() | self.fill),
            made.eq(self.enable & ~self.done & (valid | self.fill)),
            final.eq(closes & (rows == 1)),
            leaves.eq(self.done | (self.enable & (~rest.any() | final))),
            self.overlong.eq(made & final & ~self.fill & ~last),
        ]
        base = Signal(signed(self._place_bits))
        at_end = Signal(self._sum_bits)  # of the item that ends the row
        onward = Signal(signed(self._place_bits + 1))
        m.d.comb += [
            at_end.eq(_joined(Mux(closing[item] & upto[item], offset, 0)
                              for item, offset in enumerate(offsets))),
            onward.eq(base + offsets[-1] + 1),
        ]
        with m.If(made):
            m.d.sync += [rows.eq(rows - closes), left.eq(rest)]
            with m.If(~closes):
                # Not negative: the item that ended the row before comes before the last one.
                m.d.sync += base.eq(Mux(onward[16:].any(), _BEYOND, onward))
            with m.Elif(rest.any()):
                m.d.sync += base.eq(~Cat(at_end, 0).as_signed())  # -1 - at_end
            with m.Else():
                m.d.sync += base.eq(0)
            with m.If(final):
                m.d.sync += self.done.eq(1)
        with m.If(self.ready):
            m.d.sync += left.eq(~0)
        with m.If(self.clear):
            m.d.sync += [rows.eq(self.rows), self.done.eq(0), base.eq(0)]
        with m.If(self.enable):
            m.d.sync += [
                self.made.eq(made), self.active.eq(Mux(self.fill, 0, active)),
                self.end.eq(closes), self.word_last.eq(final), self.word_weights.eq(weights)]
            m.d.sync += [place.eq(base + offset) for place, offset in zip(self.places, offsets)]


def _joined(values):
    """Return the OR of values of which at most one is not zero."""
    joined = Const(0, 1)
    for value in values:
        joined |= value
    return joined
