# SPDX-License-Identifier: Apache-2.0
"""Choice of one of several words, with the multiplexers that FPGAs have behind their LUTs."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .arithmetic import pick

__all__ = ["Choice", "choose"]


class Choice(wiring.Component):
    """Pass on the word with the number ``select``.

    Where a family has multiplexers behind its LUTs, the LUTs choose among the first two or four
    words and those among their outputs: ``PFUMX`` and ``L6MUX21`` of ECP5, ``MUXF7`` and ``MUXF8``
    of Xilinx. Synthesis uses them only as parts of larger LUTs, all of whose halves have the
    same inputs: of 16 words it takes 13 LUT4 or 6 LUT6 a bit, not 8 or 4. Elsewhere, and for more
    than 16 words, it is plain logic.

    Latency: 0. Takes ``count / 2`` LUT4 or ``count / 4`` LUT6 a bit.

    Parameters
    ----------
    width : int
        Bits of a word.
    count : int
        Words, a power of two from 2 on.

    Members
    -------
    words : ``In(ArrayLayout(width, count))``
    select : ``In(range(count))``
    chosen : ``Out(width)``

    Raises
    ------
    ValueError
        If ``count`` is not such a number.

    Source: Lattice FPGA-TN-02200, Xilinx UG474.
    """

    def __init__(self, width: int, count: int):
        if count < 2 or count & (count - 1):
            raise ValueError(f"count must be a power of two from 2 on, not {count!r}")
        self._width, self._count = width, count
        super().__init__({
            "words": In(data.ArrayLayout(width, count)),
            "select": In(range(count)),
            "chosen": Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        family = getattr(platform, "family", None)
        make = {"ecp5": _ecp5, "series7": _xilinx, "ultrascale": _xilinx}.get(family)
        if make is None or not 4 <= self._count <= 16:
            m.d.comb += self.chosen.eq(pick(self.select, dict(enumerate(self.words))))
            return m
        bits = []
        for bit in range(self._width):
            values = [word[bit] for word in self.words]
            level, select = 0, self.select
            while len(values) > 1:
                values, used = make(m, f"bit_{bit}_{level}", values, select, level)
                level, select = level + 1, select[used:]
            bits.append(values[0])
        m.d.comb += self.chosen.eq(Cat(bits))
        return m


def _ecp5(m, name, values, select, level):
    """Return one of each two values, by the lowest bit of ``select``, and that this was one bit."""
    found = []
    for index, (low, high) in enumerate(zip(values[::2], values[1::2])):
        out = Signal(name=f"{name}_{index}")
        if level == 0:
            cell = Instance("LUT4", p_INIT=Const(0xCACA, 16), i_A=low, i_B=high, i_C=select[0],
                            i_D=Const(0, 1), o_Z=out)
        elif level == 1:
            cell = Instance("PFUMX", i_BLUT=low, i_ALUT=high, i_C0=select[0], o_Z=out)
        else:
            cell = Instance("L6MUX21", i_D0=low, i_D1=high, i_SD=select[0], o_Z=out)
        m.submodules[f"mux_{name}_{index}"] = cell
        found.append(out)
    return found, 1


#: Output of a LUT6 whose inputs 0 to 3 are words and 4 and 5 say which.
_LUT6 = sum((index >> (index >> 4) & 1) << index for index in range(64))


def _xilinx(m, name, values, select, level):
    """Return one of each four or two values, and the bits of ``select`` that were used."""
    found, used = [], 1 if level else 2
    for index in range(0, len(values), 1 << used):
        out = Signal(name=f"{name}_{index}")
        part = values[index : index + (1 << used)]
        if level == 0:
            cell = Instance("LUT6", p_INIT=Const(_LUT6, 64), i_I4=select[0], i_I5=select[1],
                            o_O=out, **{f"i_I{place}": value for place, value in enumerate(part)})
        else:
            cell = Instance(f"MUXF{6 + level}", i_I0=part[0], i_I1=part[1], i_S=select[0],
                            o_O=out)
        m.submodules[f"mux_{name}_{index}"] = cell
        found.append(out)
    return found, used


def choose(m, name: str, select, words) -> Value:
    """Return the word with the number ``select``, unsigned, of a choice that becomes a submodule.

    ``words`` are a power of two, and of one width.
    """
    m.submodules[name] = choice = Choice(len(words[0]), len(words))
    m.d.comb += [choice.select.eq(select), Value.cast(choice.words).eq(Cat(words))]
    return choice.chosen
