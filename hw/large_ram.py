# SPDX-License-Identifier: Apache-2.0
"""Memory of any number of words, in banks."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .block_ram import BlockRam

__all__ = ["BANKED_LATENCY", "BankedRam"]

#: Words of a bank: as deep as ECP5's block RAM is where its words are of nine bits.
_BANK_WORDS = 2048
#: Cycles from an address to its word: the address, two of a block, the choice.
BANKED_LATENCY = 4


class BankedRam(wiring.Component):
    """Memory of any number of words, a port to write and a port to read, made of banks.

    One large memory spreads over a device, and its choice among blocks and the way to them take
    longer than a clock. Here addresses, the blocks' outputs and the choice have a register each.
    Words behind the last bank read as any word. What is read of a word that is written in the same
    cycle is undefined.

    Latency: ``latency`` cycles from ``address`` to ``value``. Throughput: one word a cycle each.

    Parameters
    ----------
    width : int
        Bits of a word.
    words : int
        At least 2.

    Members
    -------
    write : ``In(1)``, write_address : ``In(range(words))``, word : ``In(width)``
        Write a word.
    address : ``In(range(words))``, value : ``Out(width)``
        Read a word.

    Raises
    ------
    ValueError
        If ``words`` is less than 2.
    """

    def __init__(self, width: int, words: int):
        if words < 2:
            raise ValueError(f"words must be 2 or more, not {words!r}")
        self._width, self._words = width, words
        address = In(range(words))
        super().__init__({
            "write": In(1),
            "write_address": address,
            "word": In(width),
            "address": address,
            "value": Out(width),
        })

    @property
    def latency(self) -> int:
        """Cycles from an address to its word."""
        return BANKED_LATENCY

    def elaborate(self, platform):
        m = Module()
        bits = min(_BANK_WORDS, 1 << (self._words - 1).bit_length()).bit_length() - 1
        count = -(-self._words >> bits)
        address, place = (Signal.like(self.address, name=name, reset_less=True)
                          for name in ("address_now", "place"))
        word = Signal.like(self.word, name="word_now", reset_less=True)
        m.d.sync += [address.eq(self.address), place.eq(self.write_address), word.eq(self.word)]
        chosen = [Signal(range(max(2, count)), name=f"bank_{step}", reset_less=True)
                  for step in range(2)]
        m.d.sync += [chosen[0].eq(address[bits:]), chosen[1].eq(chosen[0])]
        values = []
        for number in range(count):
            bank = BlockRam(self._width, 1 << bits, always=True)
            m.submodules[f"bank_{number}"] = bank
            write = Signal(name=f"write_{number}")
            m.d.sync += write.eq(self.write & (self.write_address[bits:] == number))
            m.d.comb += [
                bank.write.eq(write),
                bank.write_address.eq(place),
                bank.word.eq(word),
                bank.enable.eq(1),
                bank.enable_out.eq(1),
                bank.address.eq(address),
            ]
            values.append(bank.value)
        with m.Switch(chosen[1]):
            for number, value in enumerate(values):
                with m.Case(number):
                    m.d.sync += self.value.eq(value)
        return m
