# SPDX-License-Identifier: Apache-2.0
"""Transmit side of the link: cached replies to bytes."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.protocol import CRC_BYTES, HEADER_BYTES
from ..stream import StreamRegister, byte_beat
from .crc import Crc32
from .encoder import CobsEncoder
from .layouts import HEADER, SlotWrite, check_width, frame_beat, slot_shape
from .slots import SlotMemory

__all__ = ["Transmitter"]


class Transmitter(wiring.Component):
    """Hold replies, and send a slot's header and data with CRC, COBS and 00 whenever asked.

    Throughput: that of :class:`~.encoder.CobsEncoder`. A slot may be filled while another is sent.
    The next slot is read while the end of the last is still being encoded.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.
    payload_bytes : int
        Most data bytes in a frame, a power of two. A reply's data is a multiple of 8 bytes.
    slots : int
        Replies held, a power of two.

    Members
    -------
    write : ``In(SlotWrite(width, payload_bytes, slots))``
        Writes into a slot other than ``slot`` while ``busy``.
    send : ``In(stream.Signature(range(slots)))``
        Slots to send.
    busy : ``Out(1)``
        ``slot`` is being read.
    slot : ``Out(range(slots))``
        The slot last taken from ``send``.
    o : ``Out(stream.Signature(byte_beat(width)))``
        Encoded frames.
    """

    def __init__(self, width: int, payload_bytes: int, slots: int):
        self._width, self._payload_bytes = check_width(width), payload_bytes
        self._slots = slots
        super().__init__({
            "write": In(SlotWrite(width, payload_bytes, slots)),
            "send": In(stream.Signature(slot_shape(slots))),
            "busy": Out(1),
            "slot": Out(slot_shape(slots)),
            "o": Out(stream.Signature(byte_beat(width))),
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
    def slots(self) -> int:
        """Replies held."""
        return self._slots

    def elaborate(self, platform):
        m = Module()
        width = self._width
        m.submodules.memory = memory = SlotMemory(width, self._payload_bytes, self._slots)
        m.submodules.encoder = encoder = CobsEncoder(width)
        m.submodules.crc = check = Crc32(width)
        m.submodules.words = words = StreamRegister(frame_beat(width))
        connect(m, flipped(self.write), memory.write)
        connect(m, words.o, encoder.i)
        connect(m, encoder.o, flipped(self.o))

        sealing = Signal()  # header and data are with the encoder, the CRC is next
        tail_words = -(-CRC_BYTES // width)
        tail = Signal(range(tail_words))
        body, index, valid, final = self._words(m, memory, words.i.ready & ~sealing)

        # The CRC is a cycle behind.
        counted, counted_word = Signal(), Signal(8 * width, reset_less=True)
        m.d.sync += [counted.eq(valid & ~sealing & words.i.ready), counted_word.eq(memory.word)]
        m.d.comb += [
            self.send.ready.eq(~self.busy),
            check.start.eq(self.send.valid & self.send.ready),
            check.valid.eq(counted),
            check.data.eq(counted_word),
            words.i.valid.eq(Mux(sealing, ~counted, valid)),
            words.i.payload.data.eq(memory.word),
            words.i.payload.count.eq(width),
        ]
        with m.If(sealing):
            m.d.comb += [
                words.i.payload.data.eq(check.crc.word_select(tail, 8 * width)
                                          if tail_words > 1 else check.crc),
                words.i.payload.count.eq(min(width, CRC_BYTES)),
                words.i.payload.last.eq(tail == tail_words - 1),
            ]
        with m.If(sealing & ~counted & words.i.ready):
            m.d.sync += tail.eq(tail + 1)  # wraps
            with m.If(words.i.payload.last):
                m.d.sync += [sealing.eq(0), self.busy.eq(0), valid.eq(0), tail.eq(0)]
        with m.Elif(valid & words.i.ready & final):
            m.d.sync += sealing.eq(1)
        with m.If(self.send.valid & self.send.ready):
            m.d.sync += [
                self.busy.eq(1), self.slot.eq(self.send.payload),
                body.eq(0), index.eq(0),
            ]
        return m

    def _words(self, m, memory, taken):
        """Read header and data; return position, and whether the word shown is valid and final."""
        width = self._width
        header_words = HEADER_BYTES // width
        body, index = Signal(), Signal.like(memory.index)  # to be read
        shown_body = Signal(reset_less=True)
        shown_index = Signal.like(memory.index, reset_less=True)
        valid, final = Signal(), Signal()
        # Complete before the header's last word is shown.
        length = Signal(range(self._payload_bytes + 1), reset_less=True)
        data_words = Signal(range(self._payload_bytes // width + 1))
        m.d.comb += [
            memory.enable.eq(self.busy & (~valid | taken)),
            memory.slot.eq(self.slot),
            memory.body.eq(body),
            memory.index.eq(index),
            data_words.eq(length[(width - 1).bit_length() :]),
            final.eq(Mux(shown_body, shown_index + 1 == data_words,
                         (shown_index == header_words - 1) & (data_words == 0))),
        ]
        with m.If(memory.enable):
            m.d.sync += [
                valid.eq(1), index.eq(index + 1),
                shown_body.eq(body), shown_index.eq(index),
            ]
            with m.If(~body & (index == header_words - 1)):
                m.d.sync += [index.eq(0), body.eq(1)]
        for number in range(-(-len(length) // 8)):
            offset = HEADER["length"].offset // 8 + number
            with m.If(valid & ~shown_body & (shown_index == offset // width)):
                m.d.sync += length[8 * number : 8 * number + 8].eq(
                    memory.word.word_select(offset % width, 8))
        return body, index, valid, final
