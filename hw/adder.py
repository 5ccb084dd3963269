# SPDX-License-Identifier: Apache-2.0
"""Adders of two or three words in one carry chain, with the cells of FPGAs that have them."""

from collections.abc import Sequence

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Adder", "add"]


class Adder(wiring.Component):
    """Add two or three signed words and carries; of two words each may be complemented.

    A complement is ``-x - 1``: with a carry of 1 it makes a subtraction. Where a family has cells
    for it, all of this is one carry chain, one LUT a bit: ``CCU2C`` of ECP5 (two words, of which
    the second is complemented there and the first before), ``LUT6_2`` and ``CARRY4`` of Xilinx's
    series 7 (for three words the majority of a bit goes to the next one's carry input, so that
    there are two carries). Synthesis does not find these forms by itself. Elsewhere it is plain
    arithmetic.

    Latency: 0.

    Parameters
    ----------
    widths : sequence of int
        Bits of the two or three words.
    width : int
        Bits of the sum, enough for it.
    choice : bool
        There is an alternative to the second of two words; then the first is not complemented.

    Members
    -------
    word : ``In(signed(max(widths)))`` x 2 or 3
    complement : ``In(2)``
        Of the first and the second of two words.
    carry : ``In(2)``
        Each adds 1. The second only of three words.
    alternative : ``In(signed(max(widths)))``, choose : ``In(1)``
        Add this instead of the second word. With ``choice`` only.
    total : ``Out(signed(width))``

    Source: Xilinx UG474, Lattice FPGA-TN-02200 for the cells; three words in a chain: Xilinx WP248.
    """

    def __init__(self, widths: Sequence[int], width: int, *, choice: bool = False):
        if not 2 <= len(widths) <= 3 - choice:
            raise ValueError(f"an adder has two or three words, not {len(widths)}")
        self._count, self._width, self._choice = len(widths), width, choice
        word = In(signed(max(widths)))
        super().__init__(({"alternative": word, "choose": In(1)} if choice else {}) | {
            "word": word.array(len(widths)),
            "complement": In(2),
            "carry": In(2),
            "total": Out(signed(width)),
        })

    def elaborate(self, platform):
        m = Module()
        family = getattr(platform, "family", None)
        words = []
        for number, word in enumerate([*self.word, *([self.alternative] if self._choice else [])]):
            extended = Signal(signed(self._width), name=f"extended_{number}")
            m.d.comb += extended.eq(word)
            words.append(extended)
        if family == "series7":
            self._series7(m, words)
            return m
        if self._choice:
            chosen = Signal(signed(self._width), name="chosen")
            m.d.comb += chosen.eq(Mux(self.choose, words[2], words[1]))
            words = [words[0], chosen]
        if family == "ecp5" and self._count == 2:
            self._ecp5(m, words)
        elif self._count == 2:
            first = words[0] ^ self.complement[0].as_signed()
            second = words[1] ^ self.complement[1].as_signed()
            # The carry comes from an extra lowest bit, so that no second adder is made of it.
            m.d.comb += self.total.eq((Cat(Const(1, 1), first[: self._width]).as_signed()
                                       + Cat(self.carry[0], second[: self._width]).as_signed())
                                      [1 : self._width + 1])
        else:
            m.d.comb += self.total.eq(
                (words[0] + words[1] + self.carry[0]) + words[2] + self.carry[1])
        return m

    def _series7(self, m, words):
        """One LUT6_2 a bit: O6 propagates, O5 is the first word or the majority of three."""
        propagate, generate = Signal(self._width), Signal(self._width)
        if self._choice:
            inputs = [(*(word[bit] for word in words), self.choose, self.complement[1])
                      for bit in range(self._width)]
            init = _lut6_2(lambda a, b, c, d, s: a ^ s ^ (c if d else b), lambda a, *_: a)
            into = generate
        elif self._count == 2:
            inputs = [(words[0][bit], self.complement[0], words[1][bit], self.complement[1],
                       Const(0, 1)) for bit in range(self._width)]
            init = _lut6_2(lambda a, s, b, u, _: a ^ s ^ b ^ u, lambda a, s, b, u, _: a ^ s)
            into = generate
        else:
            inputs = [(words[0][bit], words[1][bit], words[2][bit],
                       generate[bit - 1] if bit else self.carry[1], Const(0, 1))
                      for bit in range(self._width)]
            init = _lut6_2(lambda a, b, c, x, _: a ^ b ^ c ^ x,
                           lambda a, b, c, x, _: int(a + b + c > 1))
            into = Cat(self.carry[1], generate[:-1])
        for bit, (i0, i1, i2, i3, i4) in enumerate(inputs):
            m.submodules[f"lut_{bit}"] = Instance(
                "LUT6_2", p_INIT=Const(init, 64), i_I0=i0, i_I1=i1, i_I2=i2, i_I3=i3, i_I4=i4,
                i_I5=Const(1, 1), o_O5=generate[bit], o_O6=propagate[bit])
        chain = Const(0, 1)
        for first in range(0, self._width, 4):
            bits = range(first, min(first + 4, self._width))
            carry, total = Signal(4, name=f"carry_{first}"), Signal(4, name=f"total_{first}")
            m.submodules[f"carry_{first}"] = Instance(
                "CARRY4", i_CYINIT=Const(0, 1) if first else self.carry[0], i_CI=chain,
                i_DI=Cat(into[bit] for bit in bits), i_S=Cat(propagate[bit] for bit in bits),
                o_CO=carry, o_O=total)
            chain = carry[3]
            m.d.comb += self.total[bits[0] : bits[-1] + 1].eq(total[: len(bits)])

    def _ecp5(self, m, words):
        """Two bits in a CCU2C; one more below the lowest turns the carry into one of the chain.

        With D at 1 the upper half of INIT is the sum of A, B and C, and the lowest four bits make
        A the carry where the two differ. C complements the second word. The first is complemented
        before, in LUTs, unless that is known never to be.
        """
        first = Signal(signed(self._width), name="first")
        m.d.comb += first.eq(words[0] ^ self.complement[0].as_signed())
        a = Cat(self.carry[0], words[1][: self._width])
        b = Cat(self.carry[0], first)
        size = self._width + 1
        chain = Const(0, 1)
        for first in range(0, size, 2):
            sums = [Signal(name=f"total_{first}_{half}") for half in range(2)]
            carry = Signal(name=f"carry_{first}")
            pins = {}
            for half in range(2):
                bit = first + half
                used = bit < size
                pins |= {f"i_A{half}": b[bit] if used else Const(0, 1),
                         f"i_B{half}": a[bit] if used else Const(0, 1),
                         f"i_C{half}": self.complement[1] if used and bit else Const(0, 1),
                         f"i_D{half}": Const(1, 1), f"o_S{half}": sums[half]}
                if 0 < bit < size:
                    m.d.comb += self.total[bit - 1].eq(sums[half])
            m.submodules[f"chain_{first}"] = Instance(
                "CCU2C", p_INIT0=Const(0x96AA, 16), p_INIT1=Const(0x96AA, 16), p_INJECT1_0="NO",
                p_INJECT1_1="NO", i_CIN=chain, o_COUT=carry, **pins)
            chain = carry


def _lut6_2(o6, o5) -> int:
    """Return INIT of a LUT6_2 whose sixth input is 1, from functions of the other five."""
    init = 0
    for index in range(32):
        bits = [index >> place & 1 for place in range(5)]
        init |= o5(*bits) << index | o6(*bits) << (32 + index)
    return init


def add(m, name: str, words, width: int, *, complement=(0, 0), carry=(0, 0),
        choose=None) -> Signal:
    """Return the sum of words in an :class:`Adder` that becomes the submodule ``name``.

    With ``choose`` the last word is the alternative to the second.
    """
    choice = choose is not None
    widths = [len(word) for word in words]
    m.submodules[name] = adder = Adder(
        [widths[0], max(widths[1:])] if choice else widths, width, choice=choice)
    if choice:
        m.d.comb += [adder.alternative.eq(words[-1]), adder.choose.eq(choose)]
    m.d.comb += [a.eq(b) for a, b in zip(adder.word, words)]
    m.d.comb += [adder.complement.eq(Cat(complement)), adder.carry.eq(Cat(carry))]
    return adder.total
