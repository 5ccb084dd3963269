# SPDX-License-Identifier: Apache-2.0
"""COBS decoder: delimited groups to runs of bytes."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..stream import byte_beat
from .layouts import check_width
from .window import Window

__all__ = ["CobsDecoder", "decoded_beat"]


def decoded_beat(width: int) -> data.StructLayout:
    """Return the payload of the decoder's output.

    ``count`` bytes of ``data`` are valid. With ``last`` the frame ends, ``count`` is 0, ``data`` is
    zero, and ``ok`` says whether its groups were whole.
    """
    return data.StructLayout({"data": 8 * width, "count": range(width + 1), "last": 1, "ok": 1})


class CobsDecoder(wiring.Component):
    """Undo consistent overhead byte stuffing; frames end with 00.

    After reset, everything up to the first 00 is dropped. A 00 always ends a frame: one inside a
    group ends it with ``ok`` 0, and whatever follows is a new frame. Nothing between two 00s is no
    frame. There is no state that a 00 does not leave.

    Latency: 1 cycle, 2 for ``width`` above 1. Throughput: each cycle takes what the window shows of
    one group, so a group of n bytes, code included, takes ceil(n / width) cycles, rarely one more
    (see :class:`~.window.Window`), and a 00 one. ``width`` 1 never stalls its input.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.

    Members
    -------
    i : ``In(stream.Signature(byte_beat(width)))``
        Encoded bytes.
    o : ``Out(stream.Signature(decoded_beat(width), always_ready=True))``
        Decoded bytes, in beats of any size, and a beat with ``last`` for each frame.

    Raises
    ------
    ValueError
        If ``width`` is not 1, 2, 4 or 8.

    Source
    ------
    Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking
    7 (2), 1999.
    """

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({
            "i": In(stream.Signature(byte_beat(width))),
            "o": Out(stream.Signature(decoded_beat(width), always_ready=True)),
        })

    @property
    def width(self) -> int:
        """Bytes per cycle."""
        return self._width

    @property
    def latency(self) -> int:
        """Cycles from an accepted 00 to its beat with ``last``."""
        return 1 if self._width == 1 else 2

    def elaborate(self, platform):
        m = Module()
        width = self._width
        m.submodules.window = window = Window(width)
        connect(m, flipped(self.i), window.i)

        hunting = Signal(init=1)
        empty = Signal(init=1)  # nothing since the last 00
        rest = Signal(8)  # bytes of the group still to come; 0: a code or 00 is next
        zero = Signal()  # the next group begins with a 00 that was left out

        head = window.data[:8]
        ended = Signal()
        starting = Signal()
        run = Signal(range(width + 1))  # bytes in the window before a 00
        wanted = Signal(8)  # bytes to the end of the group, code included
        amount = Signal(range(width + 1))
        m.d.comb += [
            ended.eq((window.level != 0) & (head == 0)),
            starting.eq(rest == 0),
            wanted.eq(Mux(starting, head, rest)),
            amount.eq(Mux(wanted < run, wanted, run)),
            window.take.eq(Mux(ended, 1, amount)),
            run.eq(window.level),
        ]
        for index in reversed(range(width)):
            with m.If((index < window.level) & (window.data.word_select(index, 8) == 0)):
                m.d.comb += run.eq(index)

        m.d.sync += self.o.valid.eq(0)
        with m.If(ended):
            m.d.sync += [
                hunting.eq(0), empty.eq(1), rest.eq(0), zero.eq(0),
                self.o.valid.eq(~hunting & ~empty),
                self.o.payload.eq(0),
                self.o.payload.last.eq(1),
                self.o.payload.ok.eq(starting),
            ]
        with m.Elif(run != 0):
            m.d.sync += [
                empty.eq(0),
                rest.eq(wanted - amount),
                self.o.valid.eq(~hunting & (~starting | zero | (amount != 1))),
                self.o.payload.last.eq(0),
                self.o.payload.data.eq(window.data),
                self.o.payload.count.eq(amount),
            ]
            with m.If(starting):
                m.d.sync += zero.eq(head != 0xFF)
                # The code stands where the zero was, if there was one.
                with m.If(zero):
                    m.d.sync += self.o.payload.data[:8].eq(0)
                with m.Else():
                    m.d.sync += [
                        self.o.payload.data.eq(window.data[8:]),
                        self.o.payload.count.eq(amount - 1),
                    ]
        return m
