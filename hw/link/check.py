# SPDX-License-Identifier: Apache-2.0
"""Checks of a request before it is executed."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.protocol import STATUS_BYTES, FrameType, Space, Status
from .layouts import HEADER

__all__ = ["RequestCheck"]


class RequestCheck(wiring.Component):
    """Tell the status of a request from its header, in the order that docs/link.md gives.

    Latency: 0 cycles.

    Parameters
    ----------
    config : Configuration
        Sizes of the spaces and of a frame.
    identification_words : int
        Words of the identification space.

    Members
    -------
    header : ``In(HEADER)``
        Header of a request.
    session : ``In(1)``
        The device has a session.
    status : ``Out(range(7))``
        A :class:`~luthier.golden.protocol.Status`, never ``REFUSED``.
    """

    def __init__(self, config: Configuration, identification_words: int):
        self._config, self._identification_words = config, identification_words
        super().__init__({
            "header": In(HEADER),
            "session": In(1),
            "status": Out(range(max(Status) + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        config, header = self._config, self.header
        most = config.link.payload_bytes // config.word_bytes
        sizes = {
            Space.IDENTIFICATION: self._identification_words,
            Space.SCRATCHPAD: config.scratchpad.words,
            Space.MEMORY: config.memory.words,
            Space.STATUS: STATUS_BYTES // config.word_bytes,
        }
        words = Signal(range(max(sizes.values()) + 1))
        known, writable = Signal(), Signal()
        with m.Switch(header.space):
            for space, size in sizes.items():
                with m.Case(space):
                    m.d.comb += [
                        words.eq(size),
                        known.eq(1),
                        writable.eq(space in (Space.SCRATCHPAD, Space.MEMORY)),
                    ]

        bits = len(words)
        writing = header.type == FrameType.WRITE
        count_fits, in_space = Signal(), Signal()
        # `count` is small where this matters, so that the sum has one bit more than `words`.
        end = Signal(bits + 1)
        data_bytes = Signal(range(config.link.payload_bytes + 1))
        in_words = config.word_bytes.bit_length() - 1
        m.d.comb += [
            data_bytes.eq(Mux(writing, Cat(C(0, in_words), header.count), 0)),
            count_fits.eq((header.count != 0) & (header.count <= most)
                          & (header.length == data_bytes)),
            end.eq(header.address[:bits] + header.count),
            in_space.eq((header.address[bits:] == 0) & (end <= words)),
        ]
        with m.Switch(header.type):
            with m.Case(FrameType.HELLO):
                m.d.comb += self.status.eq(Status.OK)
            with m.Case(FrameType.READ, FrameType.WRITE):
                with m.If(~known | (writing & ~writable)):
                    m.d.comb += self.status.eq(Status.BAD_SPACE)
                with m.Elif(~count_fits):
                    m.d.comb += self.status.eq(Status.BAD_COUNT)
                with m.Elif(~in_space):
                    m.d.comb += self.status.eq(Status.BAD_ADDRESS)
            with m.Case(FrameType.RUN):
                with m.If((header.length != 0) | (header.count == 0)):
                    m.d.comb += self.status.eq(Status.BAD_COUNT)
            with m.Default():
                m.d.comb += self.status.eq(Status.UNKNOWN_TYPE)
        with m.If(~self.session & (header.type != FrameType.HELLO)):
            m.d.comb += self.status.eq(Status.NO_SESSION)
        return m
