# SPDX-License-Identifier: Apache-2.0
"""Block RAM whose output register is used."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BlockRam"]

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

    Members
    -------
    write : ``In(1)``, write_address : ``In(range(depth))``, word : ``In(width)``
        Write a word.
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
        If ``width`` or ``depth`` can not be.

    Source: Lattice FPGA-TN-02204 and Yosys' own use of the cell.
    """

    def __init__(self, width: int, depth: int, *, zero: bool = False, always: bool = False):
        if width < 1:
            raise ValueError(f"width must be 1 or more, not {width!r}")
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two, 2 or more, not {depth!r}")
        self._width, self._depth, self._zero, self._always = width, depth, zero, always
        address = In(range(depth))
        super().__init__(({"zero": In(1)} if zero else {}) | {
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
            write.en.eq(self.write),
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
        address = self.address
        if self._zero:
            address = Cat(address, self.zero)
        write_pins, read_pins = Signal(14), Signal(14)
        m.d.comb += [
            write_pins.eq(Cat(enables, self.write_address)),
            read_pins.eq(Cat(Const(0, spare), address)),
        ]
        for first in range(0, self._width, bits):
            size = min(bits, self._width - first)
            word, read = (Signal(36, name=f"{name}_{first}") for name in ("word", "read"))
            m.d.comb += [
                word.eq(self.word[first : first + size]),
                self.value[first : first + size].eq(read),
            ]
            pins = {}
            for pin in range(14):
                pins |= {f"i_ADA{pin}": write_pins[pin], f"i_ADB{pin}": read_pins[pin]}
            for pin in range(18):
                pins |= {f"i_DIA{pin}": word[pin], f"i_DIB{pin}": word[18 + pin]}
                low, high = ("A", "B") if bits == 36 else ("B", "A")
                pins |= {f"o_DO{low}{pin}": read[pin], f"o_DO{high}{pin}": read[18 + pin]}
            for port in "AB":
                pins |= {f"i_CS{port}{pin}": Const(0, 1) for pin in range(3)}
                pins |= {f"p_DATA_WIDTH_{port}": bits, f"p_REGMODE_{port}": "OUTREG",
                         f"p_CSDECODE_{port}": "0b000", f"p_WRITEMODE_{port}": "NORMAL",
                         f"p_CLK{port}MUX": f"CLK{port}", f"i_CLK{port}": ClockSignal(),
                         f"i_RST{port}": Const(0, 1)}
            m.submodules[f"block_{first}"] = Instance(
                "DP16KD", p_RESETMODE="SYNC", p_ASYNC_RESET_RELEASE="SYNC", p_GSR="DISABLED",
                i_CEA=Const(1, 1), i_OCEA=Const(0, 1), i_WEA=self.write, i_CEB=self.enable,
                i_OCEB=self.enable_out, i_WEB=Const(0, 1), **pins)
