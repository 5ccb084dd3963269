# SPDX-License-Identifier: Apache-2.0
"""The smallest top that a board accepts, to test generator, board and sockets by themselves."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..golden.config import Configuration
from ..hw.stream import Queue, byte_beat

__all__ = ["Echo"]


class Echo(wiring.Component):
    """Send back every beat, and hold an identification ROM and a large empty memory.

    Parameters
    ----------
    config : Configuration
        Gives the width of the link, the word and the size of the memory.
    identification : bytes
        Content of the ROM.

    Members
    -------
    i, o : streams of :func:`~luthier.hw.stream.byte_beat`
        Bytes in, the same bytes out.
    word : ``Out(D)``
        ROM and memory, exclusive-ored, so that neither is removed.
    """

    def __init__(self, config: Configuration, identification: bytes):
        self._config, self._identification = config, identification
        beat = byte_beat(config.link.width)
        super().__init__({
            "i": In(stream.Signature(beat)),
            "o": Out(stream.Signature(beat)),
            "word": Out(config.table.beat_bits),
        })

    @property
    def latency(self) -> int:
        """Cycles from a byte to its echo."""
        return 1

    def elaborate(self, platform):
        m = Module()
        size, depth = self._config.word_bytes, self._config.memory.words
        words = [int.from_bytes(self._identification[start:start + size], "little")
                 for start in range(0, len(self._identification), size)]
        shape = unsigned(8 * size)
        m.submodules.rom = rom = memory.Memory(shape=shape, depth=len(words), init=words)
        m.submodules.ram = ram = memory.Memory(shape=shape, depth=depth, init=[])
        m.submodules.queue = queue = Queue(byte_beat(self._config.link.width), 16)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        address = Signal(range(depth))
        m.d.sync += address.eq(address + 1)
        rom_read, ram_read, ram_write = rom.read_port(), ram.read_port(), ram.write_port()
        m.d.comb += [
            rom_read.addr.eq(address), rom_read.en.eq(1),
            ram_read.addr.eq(address), ram_read.en.eq(1),
            ram_write.addr.eq(address), ram_write.data.eq(rom_read.data), ram_write.en.eq(1),
            self.word.eq(rom_read.data ^ ram_read.data),
        ]
        return m
