# SPDX-License-Identifier: Apache-2.0
"""Distributed RAMs that are written together."""

from collections.abc import Sequence

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LutRams"]


class LutRams(wiring.Component):
    """Memories that are written at one address, and each read at its own in the same cycle.

    Three look-up tables of a slice of Xilinx's series 7 are read at addresses of their own and
    written at that of the fourth: two bits each, 32 deep (``RAM32M``), or one, 64 deep
    (``RAM64M``). Here they hold bits of any of the memories, so that none is left over in each.
    Synthesis makes them of one memory at a time. Elsewhere they are plain memories.

    Latency: 0 for reading; a word that is written can be read in the next cycle.

    Parameters
    ----------
    width : int
        Bits of a word.
    depths : sequence of int
        Words of each memory, powers of two up to 64.

    Members
    -------
    write : ``In(1)``, write_address : ``In(range(max(depths)))``, word : ``In(width)`` x memories
        Write a word to each. Beyond the depth of a memory the word goes nowhere, or to the word at
        the lower bits of the address.
    address : ``In(range(max(depths)))`` x memories, value : ``Out(width)`` x memories
        Read, within the depth of each memory.

    Source: Xilinx UG474 for the cells.
    """

    def __init__(self, width: int, depths: Sequence[int]):
        if max(depths) > 64:
            raise ValueError(f"depths must be at most 64, not {max(depths)}")
        self._width, self._depths = width, depths
        address, count = In(range(max(depths))), len(depths)
        super().__init__({
            "write": In(1),
            "write_address": address,
            "word": In(width).array(count),
            "address": address.array(count),
            "value": Out(width).array(count),
        })

    def elaborate(self, platform):
        m = Module()
        if getattr(platform, "family", None) == "series7":
            self._series7(m)
            return m
        for number, depth in enumerate(self._depths):
            m.submodules[f"memory_{number}"] = store = memory.Memory(
                shape=self._width, depth=depth, init=[])
            write, read = store.write_port(), store.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(self.write),
                write.addr.eq(self.write_address),
                write.data.eq(self.word[number]),
                read.addr.eq(self.address[number]),
                self.value[number].eq(read.data),
            ]
        return m

    def _series7(self, m):
        cell, bits = ("RAM32M", 2) if max(self._depths) <= 32 else ("RAM64M", 1)
        wide = 7 - bits  # bits of an address
        ports = [(number, first) for number in range(len(self._depths))
                 for first in range(0, self._width, bits)]
        for index in range(0, len(ports), 3):
            pins = {"i_WCLK": ClockSignal(), "i_WE": self.write, "i_DID": Const(0, bits),
                    "i_ADDRD": self._extended(m, f"write_address_{index}", self.write_address,
                                              wide)}
            for pin, port in zip("ABC", ports[index : index + 3]):
                number, first = port
                read = Signal(bits, name=f"read_{number}_{first}")
                part = self.value[number][first : first + bits]
                m.d.comb += part.eq(read)
                pins |= {f"i_DI{pin}": self._extended(m, f"word_{number}_{first}",
                                                      self.word[number][first : first + bits],
                                                      bits),
                         f"i_ADDR{pin}": self._extended(m, f"address_{number}_{first}",
                                                        self.address[number], wide),
                         f"o_DO{pin}": read}
            m.submodules[f"ram_{index // 3}"] = Instance(cell, **pins)

    @staticmethod
    def _extended(m, name, value, width):
        result = Signal(width, name=name)
        m.d.comb += result.eq(value)
        return result
