# SPDX-License-Identifier: Apache-2.0
"""The index of a word of blocks to the position of each slot."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ....golden.sparse.encodings import PAIRS, BlockFormat

__all__ = ["Positions"]

#: Codes of pairs from here on mean nothing.
_CODES = 6


class Positions(wiring.Component):
    """Positions of the slots of a word, and which of its blocks are malformed.

    Of a bitmap slot k gets the place that has k set ones before it. Since N of M bits are set, that
    is one of k to M - N + k; so N (M - N + 1) comparisons do for a block.

    Latency: 1 cycle for bitmaps of more than 4 columns, else 0.

    Parameters
    ----------
    form : BlockFormat

    Members
    -------
    enable : ``In(1)``
        Without it the register rests.
    index : ``In(form.index_bits)``
    positions : ``Out(ArrayLayout(form.position_bits, form.slots))``
    malformed : ``Out(form.blocks)``

    Raises
    ------
    TypeError
        If ``form`` is no BlockFormat.
    """

    def __init__(self, form: BlockFormat):
        if not isinstance(form, BlockFormat):
            raise TypeError(f"form must be a BlockFormat, not {form!r}")
        self._form = form
        super().__init__({
            "enable": In(1), "index": In(form.index_bits),
            "positions": Out(data.ArrayLayout(unsigned(form.position_bits), form.slots)),
            "malformed": Out(form.blocks)})

    @property
    def latency(self) -> int:
        """Cycles from an index to its positions."""
        return self._form.position_cycles

    def elaborate(self, platform):
        m = Module()
        form = self._form
        decode = {"dense": self._dense, "index": self._index, "bitmap": self._bitmap,
                  "pairs": self._pairs}[form.encoding]
        for block in range(form.blocks):
            entry = Signal(form.entry_bits, name=f"entry_{block}")
            m.d.comb += entry.eq(self.index[block * form.entry_bits :])
            positions, malformed = decode(m, f"{block}", entry)
            m.d.comb += self.malformed[block].eq(malformed)
            m.d.comb += [self.positions[block * form.kept + slot].eq(position)
                         for slot, position in enumerate(positions)]
        return m

    def _dense(self, m, name, entry):
        return range(self._form.block), Const(0, 1)

    def _index(self, m, name, entry):
        positions = [entry.word_select(slot, self._form.position_bits)
                     for slot in range(self._form.kept)]
        return positions, Cat(a >= b for a, b in zip(positions, positions[1:])).any()

    def _pairs(self, m, name, entry):
        first, second = (Signal(2, name=f"{which}_{name}") for which in ("first", "second"))
        with m.Switch(entry):
            for code, pair in enumerate(PAIRS):
                with m.Case(code):
                    m.d.comb += [first.eq(pair[0]), second.eq(pair[1])]
        return (first, second), entry >= _CODES

    def _bitmap(self, m, name, entry):
        form = self._form
        counts = self._counts(m, name, entry)
        if self.latency:
            counts = [self._held(m, f"count_{name}_{place}", count)
                      for place, count in enumerate(counts)]
            entry = self._held(m, f"bitmap_{name}", entry)
        positions = []
        for slot in range(form.kept):
            position = Signal(form.position_bits, name=f"position_{name}_{slot}")
            found = Const(0, form.position_bits)
            for place in range(slot, form.block - form.kept + slot + 1):
                here = entry[place] & (counts[place] == slot)
                found |= here.replicate(form.position_bits) & place
            m.d.comb += position.eq(found)
            positions.append(position)
        return positions, counts[form.block] != form.kept

    def _counts(self, m, name, entry):
        """Return how many bits are set before each place, and in all: sums of halves' counts."""
        counts = [[Const(0, 1), bit] for bit in entry]
        while len(counts) > 1:
            joined = []
            for index in range(0, len(counts), 2):
                low, high = counts[index : index + 2]
                sums = []
                for place, count in enumerate(high[1:], 1):
                    total = Signal((len(low) - 1 + place).bit_length(),
                                   name=f"sum_{name}_{len(counts)}_{index}_{place}")
                    m.d.comb += total.eq(low[-1] + count)
                    sums.append(total)
                joined.append([*low, *sums])
            counts = joined
        return counts[0]

    def _held(self, m, name, value):
        register = Signal(len(value), name=name, reset_less=True)
        with m.If(self.enable):
            m.d.sync += register.eq(value)
        return register
