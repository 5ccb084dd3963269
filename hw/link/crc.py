# SPDX-License-Identifier: Apache-2.0
"""CRC-32 of a stream of words."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..rom import look_up
from .layouts import check_width

__all__ = ["Crc32"]

#: CRC-32/ISO-HDLC, bits reflected.
_POLYNOMIAL = 0xEDB88320


def _advance(register: int, bits: int) -> int:
    """Return the register after ``bits`` bits that are zero, or were added to it; linear."""
    for _ in range(bits):
        register = register >> 1 ^ _POLYNOMIAL * (register & 1)
    return register


class Crc32(wiring.Component):
    """CRC-32 as ``zlib.crc32`` has it, ``width`` bytes per cycle.

    The next register is linear in register and word: the register moved by a word, and a constant
    for each bit of their sum that is set, four bits to a table. (``amaranth.lib.crc`` writes chains
    of gates, which are slow to convert and to simulate.)

    Latency: 1 cycle. Throughput: 1 word per cycle.

    Parameters
    ----------
    width : int
        Bytes per word: 1, 2, 4 or 8.

    Members
    -------
    start : ``In(1)``
        Begin anew, with ``data`` if that is valid.
    valid : ``In(1)``
        Take ``data``.
    data : ``In(8 * width)``
        The next bytes, first byte in the lowest bits.
    crc : ``Out(32)``
        CRC of all bytes taken since ``start``.

    Raises
    ------
    ValueError
        If ``width`` is not 1, 2, 4 or 8.
    """

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({"start": In(1), "valid": In(1), "data": In(8 * width), "crc": Out(32)})

    @property
    def width(self) -> int:
        """Bytes per word."""
        return self._width

    @property
    def latency(self) -> int:
        """Cycles from a word to the CRC that covers it."""
        return 1

    def elaborate(self, platform):
        m = Module()
        bits = 8 * self._width
        register = Signal(32, init=0xFFFF_FFFF)
        state = Signal(32)
        total = Signal(max(bits, 32))
        m.d.comb += [
            state.eq(Mux(self.start, 0xFFFF_FFFF, register)),
            total.eq(self.data ^ state),
            self.crc.eq(~register),
        ]
        terms = [state >> bits if bits < 32 else Const(0, 32)]
        for first in range(0, bits, 4):
            term = Signal(32, name=f"term_{first}")
            m.d.comb += term.eq(look_up(
                m, f"table_{first}", [_advance(value << first, bits) for value in range(16)],
                total[first : first + 4]))
            terms.append(term)
        while len(terms) > 1:  # a tree
            terms = [terms[index] ^ terms[index + 1] if index + 1 < len(terms) else terms[index]
                     for index in range(0, len(terms), 2)]
        with m.If(self.valid):
            m.d.sync += register.eq(terms[0])
        with m.Elif(self.start):
            m.d.sync += register.eq(0xFFFF_FFFF)
        return m
