# SPDX-License-Identifier: Apache-2.0
"""Delay memory of a stage."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..block_ram import BlockRam
from ..tree import delayed

__all__ = ["BLOCK_DEPTH", "REGISTER_DEPTH", "Delay"]

#: Up to so many words are registers: a memory would take more.
REGISTER_DEPTH = 2
#: From so many words on they are in block RAM, which replaces some hundred LUTs then.
BLOCK_DEPTH = 64


class Delay(wiring.Component):
    """Exactly ``depth`` words, written and read in turn.

    Latency: 2 cycles from ``address`` to ``value``. A word can be read, by the address, as soon as
    one cycle after it came, with more than two words two cycles after. All registers and memories
    rest without ``enable``.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words, a power of two. Up to 2 are registers, below 64 synthesis has the choice, from there
        on they are in block RAM.

    Members
    -------
    enable : ``In(1)``
    write : ``In(1)``, write_address : ``In(range(depth))``, word : ``In(width)``
    address : ``In(range(depth))``
    value : ``Out(width)``
    """

    def __init__(self, width: int, depth: int):
        self._width, self._depth = width, depth
        super().__init__({
            "enable": In(1),
            "write": In(1),
            "write_address": In(range(depth)),
            "word": In(width),
            "address": In(range(depth)),
            "value": Out(width),
        })

    @property
    def latency(self) -> int:
        """Cycles from an address to its word."""
        return 2

    def elaborate(self, platform):
        m = Module()
        if self._depth <= REGISTER_DEPTH:
            self._registers(m)
            return m
        # A word waits here for a cycle, so that an adder and the way to a memory are not one path.
        # Without enable it is written once more, which changes nothing.
        write, write_address, word = (Signal(shape, name=name, reset_less=name != "waiting")
                                      for name, shape in (("waiting", 1),
                                                          ("waiting_address", range(self._depth)),
                                                          ("waiting_word", self._width)))
        with m.If(self.enable):
            m.d.sync += [write.eq(self.write), write_address.eq(self.write_address),
                         word.eq(self.word)]
        if self._depth >= BLOCK_DEPTH:
            m.submodules.block = block = BlockRam(self._width, self._depth, always=True)
            m.d.comb += [
                block.write.eq(write), block.write_address.eq(write_address), block.word.eq(word),
                block.enable.eq(self.enable), block.address.eq(self.address),
                block.enable_out.eq(self.enable), self.value.eq(block.value),
            ]
            return m
        m.submodules.words = words = memory.Memory(
            shape=self._width, depth=self._depth, init=[], attrs={"no_rw_check": 1})
        port, read = words.write_port(), words.read_port()
        address = delayed(m, "address", self.address, enable=self.enable)
        m.d.comb += [
            port.en.eq(write), port.addr.eq(write_address), port.data.eq(word),
            read.en.eq(self.enable), read.addr.eq(address), self.value.eq(read.data),
        ]
        return m

    def _registers(self, m):
        words = [Signal(self._width, name=f"word_{number}", reset_less=True)
                 for number in range(self._depth)]
        for number, word in enumerate(words):
            chosen = self.write_address == number if self._depth > 1 else Const(1, 1)
            with m.If(self.enable & self.write & chosen):
                m.d.sync += word.eq(self.word)
        if self._depth == 1:
            m.d.comb += self.value.eq(words[0])
        else:
            # As in a memory, the choice is no part of the path through an adder behind.
            address = delayed(m, "address", self.address, enable=self.enable)
            chosen = Mux(address, words[1], words[0])
            m.d.comb += self.value.eq(delayed(m, "value", chosen, enable=self.enable))
