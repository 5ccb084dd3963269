# SPDX-License-Identifier: Apache-2.0
"""First half of the COBS encoder: where the groups end."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..stream import byte_beat
from .layouts import check_width, frame_beat

__all__ = ["LONGEST_RUN", "GroupScanner", "group_code"]

#: Most bytes in a group, after its code.
LONGEST_RUN = 254


def group_code() -> data.StructLayout:
    """Return the payload of a stream of groups: the code, and whether the group ends its frame.

    A group ends before a 00 of the data, unless it is the ``last`` or its code is 0xFF.
    """
    return data.StructLayout({"code": 8, "last": 1})


class GroupScanner(wiring.Component):
    """Split a frame into COBS groups and pass its words on.

    A word is passed on in the cycle in which it is first looked at, before the code of any group
    that ends in it.

    Latency: 0 cycles. Throughput: 1 cycle per word and one more for each 00 or full group in it
    that does not end with the word, and for a 00 that ends the frame.

    Parameters
    ----------
    width : int
        Bytes per word: 1, 2, 4 or 8.

    Members
    -------
    i : ``In(stream.Signature(frame_beat(width)))``
        Frames: full words but for the last, which is empty only if the frame is.
    words : ``Out(stream.Signature(byte_beat(width)))``
        The same words.
    groups : ``Out(stream.Signature(group_code()))``
        The groups in order.
    """

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({
            "i": In(stream.Signature(frame_beat(width))),
            "words": Out(stream.Signature(byte_beat(width))),
            "groups": Out(stream.Signature(group_code())),
        })

    @property
    def width(self) -> int:
        """Bytes per word."""
        return self._width

    @property
    def latency(self) -> int:
        """Cycles from a word to the code of a group that it ends."""
        return 0

    def elaborate(self, platform):
        m = Module()
        width, beat = self._width, self.i.payload
        position = Signal(range(width + 1))  # bytes of this word that belong to earlier groups
        passed = Signal()  # this word was passed on
        # One more than the bytes of this group in earlier words.
        code = Signal(range(1, LONGEST_RUN + 1), init=1)
        stop = Signal(range(width + 1))  # the next 00 in this word, or its end
        zero = Signal()
        reach = Signal(range(LONGEST_RUN + width + 1))  # the code of this group up to `stop`
        full = Signal()
        after = Signal(range(width + 1))  # `position` of the next group
        m.d.comb += [
            stop.eq(beat.count),
            reach.eq(code + stop - position),
            full.eq(reach > LONGEST_RUN),
            after.eq(Mux(full, position + LONGEST_RUN + 1 - code, stop + zero)),
        ]
        for index in reversed(range(width)):
            with m.If((index >= position) & (index < beat.count)
                      & (beat.data.word_select(index, 8) == 0)):
                m.d.comb += [stop.eq(index), zero.eq(1)]

        ended = Signal()
        final = Signal()
        done = Signal()
        exhausted = after == beat.count
        m.d.comb += [
            # A 00 at the very end opens one more group, an empty one; a full group does not.
            final.eq(beat.last & exhausted & (full | ~zero)),
            ended.eq(full | zero | final),
            done.eq(Mux(beat.last, final, exhausted)),
            self.words.payload.data.eq(beat.data),
            self.words.payload.count.eq(beat.count),
            self.groups.payload.code.eq(Mux(full, LONGEST_RUN + 1, reach)),
            self.groups.payload.last.eq(final),
            # One of the two outputs may be taken before the other.
            self.words.valid.eq(self.i.valid & ~passed & (beat.count != 0)),
        ]
        settled = passed | self.words.ready | (beat.count == 0)
        m.d.comb += [
            self.groups.valid.eq(self.i.valid & ended & settled),
            self.i.ready.eq(done & settled & (self.groups.ready | ~ended)),
        ]
        with m.If(self.i.valid & settled):
            m.d.sync += passed.eq(1)
            with m.If(~ended | self.groups.ready):
                m.d.sync += [
                    code.eq(Mux(ended, 1, reach)),
                    position.eq(Mux(done, 0, after)),
                    passed.eq(~done),
                ]
        return m
