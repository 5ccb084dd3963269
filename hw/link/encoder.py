# SPDX-License-Identifier: Apache-2.0
"""COBS encoder: frames to delimited groups."""

from amaranth import *
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..stream import Queue, StreamRegister, byte_beat
from .layouts import check_width, frame_beat
from .scanner import GroupScanner, group_code
from .window import Window

__all__ = ["CobsEncoder", "GroupSender"]


class GroupSender(wiring.Component):
    """Put the codes of the groups and the bytes of a frame together, and 00 after it.

    Latency: 1 cycle, 2 for ``width`` above 1. Throughput: a group of n bytes, code included, takes
    ceil(n / width) cycles, the 00 one.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.

    Members
    -------
    words : ``In(stream.Signature(byte_beat(width)))``
        Bytes of the frames; those of a group come before, or soon after, its code.
    groups : ``In(stream.Signature(group_code()))``
        Groups.
    o : ``Out(stream.Signature(byte_beat(width)))``
        Encoded bytes.
    """

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({
            "words": In(stream.Signature(byte_beat(width))),
            "groups": In(stream.Signature(group_code())),
            "o": Out(stream.Signature(byte_beat(width))),
        })

    def elaborate(self, platform):
        m = Module()
        width, group = self._width, self.groups.payload
        m.submodules.window = window = Window(width)
        connect(m, flipped(self.words), window.i)

        rest = Signal(8)  # bytes of the group still to send
        drop = Signal()  # the window begins with the 00 that the next code stands for
        final = Signal()  # this group ends the frame
        closing = Signal()  # 00 is next

        starting = Signal()
        extra = Signal()  # the code has no place in the window
        have = Signal(range(width + 1))
        wanted = Signal(8)
        amount = Signal(range(width + 1))
        go = Signal()
        m.d.comb += [
            starting.eq(rest == 0),
            extra.eq(starting & ~drop),
            have.eq(Mux(extra & (window.level != width), window.level + 1, window.level)),
            wanted.eq(Mux(starting, group.code, rest)),
            amount.eq(Mux(wanted < have, wanted, have)),
            go.eq((~self.o.valid | self.o.ready) & ~closing & (have != 0)
                  & (~starting | self.groups.valid)),
            self.groups.ready.eq(go & starting),
            window.take.eq(Mux(go, amount - extra, 0)),
        ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.valid.eq(go | closing)
        with m.If(go):
            m.d.sync += [
                rest.eq(wanted - amount),
                closing.eq((wanted == amount) & Mux(starting, group.last, final)),
                self.o.payload.count.eq(amount),
                self.o.payload.data.eq(window.data),
            ]
            with m.If(starting):
                m.d.sync += [
                    final.eq(group.last),
                    drop.eq(~group.last & (group.code != 0xFF)),
                    self.o.payload.data[:8].eq(group.code),
                ]
                with m.If(~drop):
                    m.d.sync += self.o.payload.data[8:].eq(window.data)
        with m.Elif(closing & (~self.o.valid | self.o.ready)):
            m.d.sync += [closing.eq(0), self.o.payload.count.eq(1), self.o.payload.data.eq(0)]
        return m


class CobsEncoder(wiring.Component):
    """Consistent overhead byte stuffing, and 00 after each frame.

    The encoding is that of the ``cobs`` package: a full group at the end of a frame is not followed
    by an empty one. The scanner runs ahead of the sender by up to 512 bytes and 32 groups.

    Latency: 3 cycles from the end of the first group to its code; an idle encoder needs 1 or 2 more
    for the bytes of a group that ends in the first words.
    Throughput: that of the slower of :class:`~.scanner.GroupScanner` and :class:`GroupSender`;
    with few 00s ``width`` bytes per cycle, less at most 1 cycle in 254 bytes, without end.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.

    Members
    -------
    i : ``In(stream.Signature(frame_beat(width)))``
        Frames: full words but for the last, which is empty only if the frame is.
    o : ``Out(stream.Signature(byte_beat(width)))``
        Encoded bytes.

    Raises
    ------
    ValueError
        If ``width`` is not 1, 2, 4 or 8.
    """

    #: Two of the longest groups, so that one is scanned while another is sent.
    AHEAD_BYTES = 512
    AHEAD_GROUPS = 32

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({
            "i": In(stream.Signature(frame_beat(width))),
            "o": Out(stream.Signature(byte_beat(width))),
        })

    @property
    def width(self) -> int:
        """Bytes per cycle."""
        return self._width

    @property
    def latency(self) -> int:
        """Cycles from the word that completes a group, when idle, to its code."""
        return 3

    def elaborate(self, platform):
        m = Module()
        width = self._width
        m.submodules.scanner = scanner = GroupScanner(width)
        m.submodules.sender = sender = GroupSender(width)
        m.submodules.groups = groups = Queue(group_code(), self.AHEAD_GROUPS)
        # One byte per word needs no count.
        bits = 8 if width == 1 else sender.words.payload.shape().size
        m.submodules.ahead = ahead = fifo.SyncFIFOBuffered(
            width=bits, depth=self.AHEAD_BYTES // width)
        connect(m, flipped(self.i), scanner.i)
        m.submodules.found = found = StreamRegister(group_code())
        connect(m, scanner.groups, found.i)
        connect(m, found.o, groups.i)
        connect(m, groups.o, sender.groups)
        connect(m, sender.o, flipped(self.o))
        m.d.comb += [
            ahead.w_data.eq(scanner.words.payload),
            ahead.w_en.eq(scanner.words.valid),
            scanner.words.ready.eq(ahead.w_rdy),
            sender.words.payload.eq(Cat(ahead.r_data, Const(1, 1)) if width == 1
                                    else ahead.r_data),
            sender.words.valid.eq(ahead.r_rdy),
            ahead.r_en.eq(sender.words.ready),
        ]
        return m
