# SPDX-License-Identifier: Apache-2.0
"""Block RAM whose output register is used."""

from typing import Any

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BlockRam", "write_and_read_pins"]

#: How ECP5's DP16KD can be laid out: words of how many bits, and how many.
_DP16KD = ((9, 2048), (18, 1024), (36, 512))


class BlockRam(wiring.Component):
    """Memory with a port to write and a port to read, with a register for what was read.

    The register is the block's own where the family has cells for it here: ``DP16KD`` of ECP5,
    where the output then comes 0.9 ns after the clock and not 5.8. Synthesis finds it not: it
    leaves the register outside. Elsewhere, and if there are more words than a block has, it is a
    plain memory with a register behind it.

    What is read of a word that is written in the same cycle is undefined: never rely on either
    value. All words are zero at first; a reset does not change them.

    Words can be read as zero. The synchronous reset of ``DP16KD`` is no use for that: it also
    clears the address register, and so the word that is read next. Instead the block is made for
    twice as many words, and the upper half is never written. This takes no logic, and more blocks
    where the words fill one.

    Latency: 2 cycles from ``address`` to ``value``; a word that is written can be read in the next
    cycle. Throughput: one word a cycle each. Takes ``ceil(width / bits)`` DP16KD, with the ``bits``
    of a word, 9 to 36, that make this least.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words, a power of two, 2 at least.
    zero : bool
        Words can be read as zero.
    always : bool
        Never let synthesis take distributed RAM, however few words there are.
    turn : tuple of int or None
        ``(number, count)``: words are written only when ``turn`` is this number, of so many, 8 at
        most. ``DP16KD`` compares it without logic.

    Members
    -------
    write : ``In(1)``, write_address : ``In(range(depth))``, word : ``In(width)``
        Write a word.
    turn : ``In(range(count))``
        With ``turn`` only.
    enable : ``In(1)``, address : ``In(range(depth))``
        Read a word; without it the one read before stays in the memory's own latches.
    zero : ``In(1)``
        Read zero instead. With ``zero`` only.
    enable_out : ``In(1)``
        Take over what was read in the cycles before; without it ``value`` stays.
    value : ``Out(width)``
        Undefined before the first word was read and taken over.

    Raises
    ------
    ValueError
        If ``width``, ``depth`` or ``turn`` can not be.

    Source: Lattice FPGA-TN-02204 and Yosys' own use of the cell.
    """

    def __init__(self, width: int, depth: int, *, zero: bool = False, always: bool = False,
                 turn: tuple[int, int] | None = None):
        if width < 1:
            raise ValueError(f"width must be 1 or more, not {width!r}")
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two, 2 or more, not {depth!r}")
        if turn is not None and not 0 <= turn[0] < turn[1] <= 8:
            raise ValueError(f"turn must be a number and a larger count up to 8, not {turn!r}")
        self._width, self._depth, self._zero, self._always = width, depth, zero, always
        self._turn = turn
        address = In(range(depth))
        chosen = {"turn": In(range(turn[1]))} if turn is not None else {}
        super().__init__(({"zero": In(1)} if zero else {}) | chosen | {
            "write": In(1),
            "write_address": address,
            "word": In(width),
            "enable": In(1),
            "address": address,
            "enable_out": In(1),
            "value": Out(width),
        })

    @property
    def latency(self) -> int:
        """Cycles from an address to its word."""
        return 2

    def elaborate(self, platform):
        m = Module()
        rows = self._depth << self._zero
        fitting = [bits for bits, most in _DP16KD if rows <= most]
        if getattr(platform, "family", None) == "ecp5" and fitting:
            self._ecp5(m, min(fitting, key=lambda bits: (-(-self._width // bits), bits)))
        else:
            self._portable(m)
        return m

    def _portable(self, m):
        m.submodules.memory = store = memory.Memory(
            shape=self._width, depth=self._depth, init=[],
            attrs={"no_rw_check": 1} | ({"ram_style": "block"} if self._always else {}))
        write, read = store.write_port(), store.read_port()
        value, found = Signal(self._width, reset_less=True), read.data
        if self._zero:
            zero = Signal()
            with m.If(self.enable):
                m.d.sync += zero.eq(self.zero)
            found = Mux(zero, 0, found)
        with m.If(self.enable_out):
            m.d.sync += value.eq(found)
        m.d.comb += [
            write.en.eq(self.write if self._turn is None else
                        self.write & (self.turn == self._turn[0])),
            write.addr.eq(self.write_address),
            write.data.eq(self.word),
            read.en.eq(self.enable),
            read.addr.eq(self.address),
            self.value.eq(value),
        ]

    def _ecp5(self, m, bits):
        """Write by port A and read by port B; a word of 36 bits takes the data pins of both.

        An address counts bits. The lowest of port A's, which a wide word leaves over, enable its
        bytes of nine bits.
        """
        spare = {9: 3, 18: 4, 36: 5}[bits]
        enables = Const((1 << bits // 9) - 1 if bits > 9 else 0, spare)
        address = Cat(self.address, self.zero) if self._zero else self.address
        turn = {} if self._turn is None else {"turn": self.turn, "number": self._turn[0]}
        for first in range(0, self._width, bits):
            size = min(bits, self._width - first)
            word, read = (Signal(36, name=f"{name}_{first}") for name in ("word", "read"))
            m.d.comb += [
                word.eq(self.word[first : first + size]),
                self.value[first : first + size].eq(read),
            ]
            m.submodules[f"block_{first}"] = Instance("DP16KD", **write_and_read_pins(
                widths=(bits, bits), write=self.write, enable=self.enable,
                enable_out=self.enable_out, write_pins=Cat(enables, self.write_address),
                read_pins=Cat(Const(0, spare), address), word=word, read=read, **turn))


def write_and_read_pins(*, widths: tuple[int, int], write, enable, enable_out, write_pins,
                        read_pins, word, read, turn=0, number: int = 0) -> dict[str, Any]:
    """Return parameters and pins of a ``DP16KD`` that is written by port A and read by port B.

    Parameters
    ----------
    widths : tuple of int
        Bits that are written and read at once: 9, 18 or 36; the second may be less.
    write, enable, enable_out
        Strobes: write, read, take over what was read.
    write_pins, read_pins
        Addresses of bits; the lowest of the first, which a wide word leaves over, enable its bytes.
    word, read : Signal
        36 bits that are written, and read; narrower words are the lowest of them.
    turn, number
        A word is written only where ``turn`` is this number, 0 to 7.
    """
    written, shown = ({"A": 0, "B": 18} if width == 36 else {"A": 18, "B": 0}
                      for width in (36, widths[1]))
    pins: dict[str, Any] = {}
    for port, width, address, select in (("A", widths[0], write_pins, turn),
                                         ("B", widths[1], read_pins, 0)):
        address, select = Cat(address, Const(0, 14)), Cat(select, Const(0, 3))
        pins |= {f"i_AD{port}{pin}": address[pin] for pin in range(14)}
        pins |= {f"i_CS{port}{pin}": select[pin] for pin in range(3)}
        pins |= {f"i_DI{port}{pin}": word[written[port] + pin] for pin in range(18)}
        pins |= {f"o_DO{port}{pin}": read[shown[port] + pin] for pin in range(18)}
        pins |= {f"p_DATA_WIDTH_{port}": width, f"p_REGMODE_{port}": "OUTREG",
                 f"p_CSDECODE_{port}": f"0b{number if port == 'A' else 0:03b}",
                 f"p_WRITEMODE_{port}": "NORMAL", f"p_CLK{port}MUX": f"CLK{port}",
                 f"i_CLK{port}": ClockSignal(), f"i_RST{port}": Const(0, 1)}
    return pins | {
        "p_RESETMODE": "SYNC", "p_ASYNC_RESET_RELEASE": "SYNC", "p_GSR": "DISABLED",
        "i_CEA": Const(1, 1), "i_OCEA": Const(0, 1), "i_WEA": write, "i_CEB": enable,
        "i_OCEB": enable_out, "i_WEB": Const(0, 1)}
