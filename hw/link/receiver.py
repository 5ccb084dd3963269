# SPDX-License-Identifier: Apache-2.0
"""Receive side of the link: bytes to verified requests."""

import zlib

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.protocol import CRC_BYTES, HEADER_BYTES
from ..stream import byte_beat
from .crc import Crc32
from .decoder import CobsDecoder
from .layouts import HEADER, RequestReader, check_width, following_slot, slot_shape
from .packer import Packer
from .slots import SlotMemory

__all__ = ["Receiver"]


class Receiver(wiring.Component):
    """Decode frames, keep those that are whole, and show them to the executor in order.

    A frame is written to the slot after the last one kept, and kept if it is not damaged: COBS,
    size, ``length`` and CRC are right. It is dropped if no slot was free when it began.

    Throughput: that of :class:`~.decoder.CobsDecoder`; nothing behind it ever stalls, so a device
    that is busy drops requests but never blocks the stream. A request can be read 3 cycles after
    the last byte of its frame left the decoder's window; a word per cycle.

    The CRC runs over whole words, the last padded with zeros. Padding is a one-to-one map of the
    CRC register, so a good frame of any size leaves one constant for each number of zeros.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.
    payload_bytes : int
        Most data bytes in a frame, a power of two.
    window : int
        Slots, a power of two.

    Members
    -------
    i : ``In(stream.Signature(byte_beat(width)))``
        Encoded bytes.
    reader : ``Out(RequestReader(width))``
        The oldest request.
    damaged, overrun : ``Out(1)``
        High for a cycle for each damaged frame, and for each good one that found no slot.
    """

    def __init__(self, width: int, payload_bytes: int, window: int):
        self._width, self._payload_bytes = check_width(width), payload_bytes
        self._window = window
        super().__init__({
            "i": In(stream.Signature(byte_beat(width))),
            "reader": Out(RequestReader(width)),
            "damaged": Out(1),
            "overrun": Out(1),
        })

    @property
    def width(self) -> int:
        """Bytes per cycle."""
        return self._width

    @property
    def payload_bytes(self) -> int:
        """Most data bytes in a frame."""
        return self._payload_bytes

    @property
    def window(self) -> int:
        """Slots."""
        return self._window

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = CobsDecoder(self._width)
        m.submodules.packer = packer = Packer(self._width)
        m.submodules.slots = slots = SlotMemory(self._width, self._payload_bytes, self._window)
        connect(m, flipped(self.i), decoder.i)
        connect(m, decoder.o, packer.i)

        kept = Signal()
        level = Signal(range(self._window + 1))
        m.d.sync += level.eq(level + kept - self.reader.done)
        self._store(m, packer.o, slots, level, kept)
        self._read(m, slots, level)
        return m

    def _store(self, m, words, slots, level, kept):
        """Write the words of a frame to a slot and judge it at its end."""
        width, word = self._width, words.payload
        header_words, data_words = HEADER_BYTES // width, self._payload_bytes // width
        # Stops at a value that no good frame reaches.
        beyond = (self._payload_bytes + CRC_BYTES) // width + 1
        index = Signal(range(beyond + 1))
        body = Signal()  # the header is complete, and index counts what follows
        slot = Signal(slot_shape(self._window))
        room = Signal()
        free = Signal()
        length = Signal(16, reset_less=True)
        ending = Signal()
        fits = Signal()
        left_over = Signal(range(width + 1), reset_less=True)
        m.submodules.crc = check = Crc32(width)
        first = Signal(init=1)  # the next word is the first of a frame
        size = Cat(word.count[: (width - 1).bit_length()], index)
        m.d.comb += [
            # Decided by the first word, which comes two cycles after the end of the frame before,
            # when `level` counts that frame: a COBS code stands between them.
            free.eq(Mux(first, level != self._window, room)),
            slots.write.enable.eq(words.valid & free & (~body | (index < data_words))),
            slots.write.slot.eq(slot),
            slots.write.body.eq(body),
            slots.write.index.eq(index),
            slots.write.word.eq(word.data),
            check.start.eq(words.valid & first),
            check.valid.eq(words.valid),
            check.data.eq(word.data),
        ]
        m.d.sync += ending.eq(0)
        with m.If(words.valid):
            m.d.sync += [room.eq(free), first.eq(word.last)]
            with m.If(word.last):
                m.d.sync += [
                    ending.eq(1), index.eq(0), body.eq(0), left_over.eq(word.count),
                    fits.eq(word.ok & body & (size == length + CRC_BYTES)
                            & (length <= self._payload_bytes)),
                ]
            with m.Elif(~body & (index == header_words - 1)):
                m.d.sync += [index.eq(0), body.eq(1)]
            with m.Elif(index != beyond):
                m.d.sync += index.eq(index + 1)
        for number in range(2):
            offset = HEADER["length"].offset // 8 + number
            with m.If(words.valid & ~body & (index == offset // width)):
                m.d.sync += length.word_select(number, 8).eq(
                    word.data.word_select(offset % width, 8))

        good = Signal()
        with m.Switch(left_over):
            for count in range(width):
                with m.Case(count):
                    # Of a frame that ends with its CRC, and of the zeros after it.
                    residue = zlib.crc32(bytes(CRC_BYTES + width - count))
                    m.d.comb += good.eq(fits & (check.crc == residue))
        m.d.comb += [
            kept.eq(ending & good & room),
            self.damaged.eq(ending & ~good),
            self.overrun.eq(ending & good & ~room),
        ]
        with m.If(kept):
            m.d.sync += slot.eq(following_slot(slot, self._window))

    def _read(self, m, slots, level):
        """Show the oldest request word by word."""
        header_words = HEADER_BYTES // self._width
        index = Signal.like(slots.index, name="read_index")
        body = Signal(name="read_body")
        valid = Signal()
        slot = Signal(slot_shape(self._window), name="read_slot")
        m.d.comb += [
            slots.enable.eq((level != 0) & (~valid | self.reader.take)),
            slots.slot.eq(slot),
            slots.body.eq(body),
            slots.index.eq(index),
            self.reader.word.eq(slots.word),
            self.reader.valid.eq(valid),
        ]
        with m.If(slots.enable):
            m.d.sync += [valid.eq(1), index.eq(index + 1)]
            with m.If(~body & (index == header_words - 1)):
                m.d.sync += [index.eq(0), body.eq(1)]
        with m.If(self.reader.done):
            m.d.sync += [
                valid.eq(0), index.eq(0), body.eq(0),
                slot.eq(following_slot(slot, self._window)),
            ]
