# SPDX-License-Identifier: Apache-2.0
"""Beats of an index to as much of it as each beat of weights needs."""

from math import gcd

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["IndexWindow"]


class IndexWindow(wiring.Component):
    """Hold what is left of the index, and say whether it is enough for the next beat of weights.

    Shifts are by one fixed distance. A beat goes behind what is left, to one of
    ``word_bits / gcd(word_bits, beat_bits)`` places: one if the bits of a word divide those of a
    beat.

    Latency: 1 cycle. Throughput: a beat or a word a cycle.

    Parameters
    ----------
    word_bits : int
        Bits for each beat of weights; 0: no index, and always enough of it.
    beat_bits : int

    Members
    -------
    clear : ``In(1)``
        Forget what is left.
    load : ``In(1)``, data : ``In(beat_bits)``
        Take a beat of the index; there must not be ``enough``.
    take : ``In(1)``
        The word is used.
    enough : ``Out(1)``, word : ``Out(word_bits)``
        The next beat is one of weights, and this is its index. Zero after ``clear``.

    Raises
    ------
    ValueError
        If a width can not be.
    """

    def __init__(self, word_bits: int, beat_bits: int):
        if word_bits < 0:
            raise ValueError(f"word_bits must be 0 or more, not {word_bits!r}")
        if beat_bits < 1:
            raise ValueError(f"beat_bits must be 1 or more, not {beat_bits!r}")
        self._word_bits, self._beat_bits = word_bits, beat_bits
        super().__init__({"clear": In(1), "load": In(1), "data": In(beat_bits), "take": In(1),
                          "enough": Out(1), "word": Out(word_bits)})

    def elaborate(self, platform):
        m = Module()
        if not self._word_bits:
            m.d.comb += self.enough.eq(1)
            return m
        unit = gcd(self._word_bits, self._beat_bits)
        of_word, of_beat = self._word_bits // unit, self._beat_bits // unit
        # There is less than a word when a beat comes.
        left = Signal((of_word - 1 + of_beat) * unit)
        level = Signal(range(of_word + of_beat))
        m.d.comb += [self.enough.eq(level >= of_word), self.word.eq(left)]
        with m.If(self.load):
            m.d.sync += level.eq(level + of_beat)
            with m.Switch(level):
                for place in range(of_word):
                    with m.Case(place):
                        m.d.sync += left[place * unit :][: self._beat_bits].eq(self.data)
        with m.If(self.take):
            m.d.sync += [level.eq(level - of_word), left.eq(left >> self._word_bits)]
        with m.If(self.clear):
            m.d.sync += [level.eq(0), left.eq(0)]
        return m
