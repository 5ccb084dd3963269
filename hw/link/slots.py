# SPDX-License-Identifier: Apache-2.0
"""Memory for whole frames."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.protocol import HEADER_BYTES
from .layouts import SlotWrite, check_width, slot_shape

__all__ = ["SlotMemory"]


class SlotMemory(wiring.Component):
    """Slots of a header and ``payload_bytes`` of data, written and read word by word.

    Headers and data are two memories, so that the data is a power of two and fills whole block
    RAMs; the headers fit distributed RAM. Both have a synchronous read port that holds its output.

    Latency: 1 cycle to read. Throughput: 1 write and 1 read per cycle. Reading a word in the cycle
    in which it is written gives the old one.

    Parameters
    ----------
    width : int
        Bytes per word: 1, 2, 4 or 8.
    payload_bytes : int
        Bytes of data in a slot, a power of two.
    slots : int
        Slots, a power of two.

    Members
    -------
    write : ``In(SlotWrite(width, payload_bytes, slots))``
        Write side.
    enable : ``In(1)``
        Read; else ``word`` stays.
    slot, body, index : ``In``
        What to read, as in :class:`~.layouts.SlotWrite`.
    word : ``Out(8 * width)``
        The word read.
    """

    def __init__(self, width: int, payload_bytes: int, slots: int):
        self._width, self._slots = check_width(width), slots
        self._payload_words = payload_bytes // width
        super().__init__({
            "write": In(SlotWrite(width, payload_bytes, slots)),
            "enable": In(1),
            "slot": In(slot_shape(slots)),
            "body": In(1),
            "index": In(range(self._payload_words)),
            "word": Out(8 * width),
        })

    @property
    def latency(self) -> int:
        """Cycles from ``enable`` to ``word``."""
        return 1

    def elaborate(self, platform):
        m = Module()
        words = {}
        for name, depth, body in [("header", HEADER_BYTES // self._width, 0),
                                  ("data", self._payload_words, 1)]:
            memory = Memory(shape=8 * self._width, depth=depth * self._slots, init=[])
            m.submodules[name] = memory
            write, read = memory.write_port(), memory.read_port()
            bits = (depth - 1).bit_length()
            words[name] = read.data
            m.d.comb += [
                write.en.eq(self.write.enable & (self.write.body == body)),
                write.addr.eq(Cat(self.write.index[:bits], self.write.slot)),
                write.data.eq(self.write.word),
                read.en.eq(self.enable & (self.body == body)),
                read.addr.eq(Cat(self.index[:bits], self.slot)),
            ]
        chosen = Signal(reset_less=True)
        with m.If(self.enable):
            m.d.sync += chosen.eq(self.body)
        m.d.comb += self.word.eq(Mux(chosen, words["data"], words["header"]))
        return m
