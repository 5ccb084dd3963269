# SPDX-License-Identifier: Apache-2.0
"""Stream building blocks that every unit shares."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Queue", "byte_beat"]


def byte_beat(width: int) -> data.StructLayout:
    """Return the payload of a byte stream that moves 1 to ``width`` bytes per transfer.

    ``data`` holds the bytes, first byte in the lowest bits; ``count`` says how many are valid. A
    source never offers a beat with ``count`` 0 or more than ``width``.
    """
    return data.StructLayout({"data": 8 * width, "count": range(width + 1)})


class Queue(wiring.Component):
    """First in, first out, in distributed RAM.

    Latency: 1 cycle. Throughput: 1 word per cycle, also when full. Holds ``depth`` words.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    depth : int
        Words, at least 1.

    Members
    -------
    i : ``In(stream.Signature(shape))``
        Words in.
    o : ``Out(stream.Signature(shape))``
        The same words, in order.
    level : ``Out(range(depth + 1))``
        Words held.

    Raises
    ------
    ValueError
        If ``depth`` is not a positive integer.
    """

    def __init__(self, shape, depth: int):
        if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
            raise ValueError(f"depth must be a positive integer, not {depth!r}")
        self._shape, self._depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
            "level": Out(range(depth + 1)),
        })

    @property
    def depth(self) -> int:
        """Words that fit."""
        return self._depth

    @property
    def latency(self) -> int:
        """Cycles from an accepted word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = queue = fifo.SyncFIFO(width=Shape.cast(self._shape).width,
                                                  depth=self._depth)
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            Value.cast(self.o.payload).eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
            self.level.eq(queue.level),
        ]
        return m
