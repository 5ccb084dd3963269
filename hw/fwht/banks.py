# SPDX-License-Identifier: Apache-2.0
"""Block RAM of a depth that is not a power of two."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..block_ram import BlockRam

__all__ = ["BankedRam", "bank_depths"]

#: Words of a full bank: those of a DP16KD with words of nine bits.
_BANK = 2048


def bank_depths(depth: int) -> list[int]:
    """Return words of each bank for at least ``depth`` words: full banks, the last a power of two.

    For 11,008 words these are 11,264 and not 16,384.
    """
    full, rest = divmod(depth, _BANK)
    return [_BANK] * full + ([max(2, 1 << (rest - 1).bit_length())] if rest else [])


class BankedRam(wiring.Component):
    """Memory with a port to write and a port to read, in banks of :class:`BlockRam`.

    Latency: 2 cycles from ``address`` to ``value``, which is the choice between registers of the
    banks. Throughput: one word a cycle each. A word that is written can be read in the next cycle.
    Takes ``width * sum(bank_depths(depth))`` bits.

    Parameters
    ----------
    width : int
        Bits of a word.
    depth : int
        Words.

    Members
    -------
    write : ``In(1)``, write_address : ``In(range(depth))``, word : ``In(width)``
        Write a word.
    address : ``In(range(depth))``, value : ``Out(width)``
        Read a word, in every cycle; undefined if it is written in the same one.
    """

    def __init__(self, width: int, depth: int):
        self._width, self._depths = width, bank_depths(depth)
        super().__init__({
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

    @property
    def bits(self) -> int:
        """Bits of memory."""
        return self._width * sum(self._depths)

    def elaborate(self, platform):
        m = Module()
        inner = (_BANK - 1).bit_length()
        values = []
        for number, depth in enumerate(self._depths):
            m.submodules[f"bank_{number}"] = bank = BlockRam(self._width, depth)
            here = len(self._depths) == 1 or self.write_address[inner:] == number
            m.d.comb += [
                bank.write.eq(self.write & here),
                bank.write_address.eq(self.write_address),
                bank.word.eq(self.word),
                bank.enable.eq(1),
                bank.enable_out.eq(1),
                bank.address.eq(self.address),
            ]
            values.append(bank.value)
        first, second = (Signal(max(1, (len(values) - 1).bit_length()), name=name)
                         for name in ("bank_read", "bank_shown"))
        m.d.sync += [first.eq(self.address[inner:]), second.eq(first)]
        m.d.comb += self.value.eq(Array(values)[second] if len(values) > 1 else values[0])
        return m
