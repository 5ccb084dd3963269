# SPDX-License-Identifier: Apache-2.0
"""Block RAM that takes wide words and gives single lanes of them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .arithmetic import pick
from .block_ram import BlockRam, write_and_read_pins
from .tree import delayed

__all__ = ["LaneRam"]

#: Bits that a DP16KD writes at once, and its words of that width.
_WRITTEN, _WORDS = 36, 512


class LaneRam(wiring.Component):
    """Write words of many lanes; each of several readers reads one lane of its share of a word.

    Where a family has block RAM whose read port is narrower than its write port (``DP16KD`` of
    ECP5), most of the choice is in the address: it takes four lanes of 9 bits, or two of 18.
    Elsewhere it is a plain memory and the choice is logic behind it.

    Latency: 2 cycles from ``address`` and ``lane`` to ``value``; a word that is written can be read
    in the next cycle, and is undefined in the same one. Throughput: one word a cycle each.

    Parameters
    ----------
    width : int
        Bits of a lane, 1 to 18.
    lanes : int
        Of a word.
    depth : int
        Words, a power of two from 2 to 512.
    readers : int
        They share the lanes of a word equally, the first one has the lowest; a power of two each.

    Members
    -------
    write : ``In(1)``, write_address : ``In(range(depth))``, word : ``In(lanes * width)``
        Write a word.
    address : ``In(range(depth))``, lane : ``In(range(lanes / readers))``
        Read a lane: the same for all readers, each in its own share.
    value : ``Out(width)`` x readers

    Raises
    ------
    ValueError
        If a parameter can not be.

    Source: Lattice FPGA-TN-02204 for the cell.
    """

    def __init__(self, width: int, lanes: int, depth: int, readers: int):
        if not 1 <= width <= _WRITTEN // 2:
            raise ValueError(f"width must be from 1 to {_WRITTEN // 2}, not {width!r}")
        if not 2 <= depth <= _WORDS or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two from 2 to {_WORDS}, not {depth!r}")
        share = lanes // readers if readers > 0 else 0
        if share < 2 or share * readers != lanes or share & (share - 1):
            raise ValueError(f"lanes must be 2, 4, 8 and so on for each reader, not {lanes!r} for "
                             f"{readers!r}")
        self._width, self._depth, self._share, self._readers = width, depth, share, readers
        super().__init__({
            "write": In(1),
            "write_address": In(range(depth)),
            "word": In(lanes * width),
            "address": In(range(depth)),
            "lane": In(range(share)),
            "value": Out(width).array(readers),
        })

    @property
    def latency(self) -> int:
        """Cycles from an address to its lane."""
        return 2

    def elaborate(self, platform):
        m = Module()
        if getattr(platform, "family", None) == "ecp5":
            self._ecp5(m)
            return m
        m.submodules.words = words = BlockRam(len(self.word), self._depth, always=True)
        lane = delayed(m, "lane_now", self.lane, self.latency)
        m.d.comb += [
            words.write.eq(self.write),
            words.write_address.eq(self.write_address),
            words.word.eq(self.word),
            words.enable.eq(1),
            words.enable_out.eq(1),
            words.address.eq(self.address),
        ]
        for reader, value in enumerate(self.value):
            first = reader * self._share
            m.d.comb += value.eq(pick(lane, {
                number: words.value.word_select(first + number, self._width)
                for number in range(self._share)}))
        return m

    def _ecp5(self, m):
        """The lowest bits of the lane are part of the address, the others choose between blocks."""
        place = 9 if self._width <= 9 else 18  # bits of a lane in a block
        count = min(_WRITTEN // place, self._share)
        low = count.bit_length() - 1
        spare = Const(0, {9: 3, 18: 4}[place])
        unused = Const(0, (_WRITTEN // place // count).bit_length() - 1)  # of lanes a block has
        select = delayed(m, "lane_now", self.lane[low:], self.latency)
        write_pins = Cat(Const(0b1111, 5), self.write_address)
        read_pins = Cat(spare, self.lane[:low], unused, self.address)
        for reader, value in enumerate(self.value):
            found = {}
            for block in range(self._share // count):
                first = reader * self._share + block * count
                word, read = (Signal(_WRITTEN, name=f"{name}_{reader}_{block}")
                              for name in ("word", "read"))
                m.d.comb += [
                    word.word_select(number, place).eq(
                        self.word.word_select(first + number, self._width))
                    for number in range(count)]
                m.submodules[f"block_{reader}_{block}"] = Instance(
                    "DP16KD", **write_and_read_pins(
                        widths=(_WRITTEN, place), write=self.write, enable=Const(1, 1),
                        enable_out=Const(1, 1), write_pins=write_pins, read_pins=read_pins,
                        word=word, read=read))
                found[block] = read[: self._width]
            m.d.comb += value.eq(pick(select, found))
