# SPDX-License-Identifier: Apache-2.0
"""Transposition of matrices that follow one another, in a memory for one."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .banks import BankedRam

__all__ = ["Transpose"]


class Transpose(wiring.Component):
    """Write matrices of R x C words row by row; read them column by column, in place.

    A word of one matrix is written where one of the matrix before was read, in the same order. So
    the i-th word of matrix t, N = R C, has the address ``i s_t mod (N - 1)``, and N - 1 if it is
    the last. In the order of reading, word 1 is the one that was written as number C: its address
    is s_(t+1) (s_0 = 1). Each side needs one adder and a conditional subtraction.

    A word can be read in the cycle after it was written, long before its matrix is complete: with a
    word a cycle on both sides, reading begins ``(R - 1) (C - 1) + 1`` cycles after writing, and as
    much as ``R + C - 2`` cycles before that it would be too late to go on without a gap.

    Latency: 2 cycles from ``read`` to ``value``. Throughput: one word a cycle each.
    Memory: ``words`` words, the last bank rounded up (:func:`~.banks.bank_depths`).

    Parameters
    ----------
    width : int
        Bits of a word.
    words : int
        Words of the largest matrix, at least 3.

    Members
    -------
    rows_last, last : ``In(range(words))``, columns : ``In(range(words + 1))``
        R - 1, R C - 1 and C. They change in the cycle before ``restart`` only.
    restart : ``In(1)``
        Begin with matrices of another size. Only while empty; must come after a reset.
    room : ``Out(range(words + 1))``
        Places that can be reserved.
    reserve : ``In(1)``
        Take a place; there must be room.
    write : ``In(1)``, word : ``In(width)``
        Write to the place that was taken first, at the earliest in the same cycle.
    write_end : ``Out(1)``
        The next word to be written is the last of a matrix.
    available : ``Out(1)``
        The next word can be read.
    read : ``In(1)``
        Read it, if available. Its place is free then.
    column_end : ``Out(1)``, end : ``Out(1)``
        The next word to be read is the last of a column, or of a matrix.
    value : ``Out(width)``
        The word.

    Source: in-place transposition along the cycles of ``i -> i C mod (N - 1)``: Knuth, The Art of
    Computer Programming, volume 1, exercise 1.3.3-12.
    """

    def __init__(self, width: int, words: int):
        self._width, self._words = width, words
        self._ram = BankedRam(width, words)
        super().__init__({
            "rows_last": In(range(words)),
            "columns": In(range(words + 1)),
            "last": In(range(words)),
            "restart": In(1),
            "room": Out(range(words + 1)),
            "reserve": In(1),
            "write": In(1),
            "word": In(width),
            "write_end": Out(1),
            "available": Out(1),
            "read": In(1),
            "column_end": Out(1),
            "end": Out(1),
            "value": Out(width),
        })

    @property
    def latency(self) -> int:
        """Cycles from ``read`` to its word."""
        return self._ram.latency

    @property
    def bits(self) -> int:
        """Bits of memory."""
        return self._ram.bits

    def elaborate(self, platform):
        m = Module()
        m.submodules.ram = ram = self._ram
        # With the step s comes N - 1 - s, so that sums and comparison need not wait for each other.
        following = {name: Signal(range(self._words), name=f"next_{name}")
                     for name in ("step", "back")}
        write_index, write_address = self._walk(m, "write", self.write, following)
        read_index, read_address = self._walk(m, "read", self.read, following)
        found = Mux(self.restart, 1, write_address)
        with m.If(self.restart | (self.write & (write_index == self.columns))):
            m.d.sync += [following["step"].eq(found), following["back"].eq(self.last - found)]
        m.d.comb += [
            ram.write.eq(self.write),
            ram.write_address.eq(write_address),
            ram.word.eq(self.word),
            ram.address.eq(read_address),
            self.value.eq(ram.value),
            self.write_end.eq(write_index == self.last),
            self.end.eq(read_index == self.last),
        ]

        with m.If(self.restart):
            m.d.sync += self.room.eq(self.last + 1)
        with m.Elif(self.reserve != self.read):
            m.d.sync += self.room.eq(Mux(self.read, self.room + 1, self.room - 1))

        # The next word to be read has the number ``element`` in its matrix as that was written.
        row, column, element = (Signal(range(self._words), name=name)
                                for name in ("row", "column", "element"))
        complete = Signal()  # the matrix that is read was written to its end
        m.d.comb += [
            self.column_end.eq(row == self.rows_last),
            self.available.eq(complete | (element < write_index)),
        ]
        with m.If(self.read):
            with m.If(self.column_end):
                next_column = Signal(range(self._words))
                m.d.comb += next_column.eq(Mux(self.end, 0, column + 1))
                m.d.sync += [row.eq(0), column.eq(next_column), element.eq(next_column)]
            with m.Else():
                m.d.sync += [row.eq(row + 1), element.eq(element + self.columns)]
        # The last word is written after the matrix before was read to its end.
        with m.If(self.write & self.write_end):
            m.d.sync += complete.eq(1)
        with m.Elif(self.read & self.end):
            m.d.sync += complete.eq(0)
        return m

    def _walk(self, m, name, advance, following):
        """Return the number in its matrix and the address of the next word of one side.

        The step is known when word 1 is written, or can be read: it is that word's address.
        """
        index, stored, address = (Signal(range(self._words), name=f"{name}_{part}")
                                  for part in ("index", "stored", "address"))
        second, end = Signal(name=f"{name}_second"), index == self.last
        m.d.comb += address.eq(Mux(second, following["step"], stored))
        used = {}
        for part, value in following.items():
            held = Signal(range(self._words), name=f"{name}_{part}")
            used[part] = Signal(range(self._words), name=f"{name}_used_{part}")
            m.d.comb += used[part].eq(Mux(second, value, held))
            with m.If(advance):
                m.d.sync += held.eq(used[part])
        # Only the last word's sum is N - 1, and keeps it.
        forward, backward = (Signal(range(self._words), name=f"{name}_{part}")
                             for part in ("forward", "backward"))
        m.d.comb += [forward.eq(address + used["step"]), backward.eq(address - used["back"])]
        with m.If(advance):
            m.d.sync += [
                index.eq(Mux(end, 0, index + 1)),
                stored.eq(Mux(end, 0, Mux(address > used["back"], backward, forward))),
                second.eq(index == 0),
            ]
        return index, address
