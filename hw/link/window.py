# SPDX-License-Identifier: Apache-2.0
"""A window on a ragged byte stream, of which the consumer takes as much as it likes."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..stream import byte_beat
from .layouts import check_width

__all__ = ["Window"]


class Window(wiring.Component):
    """Show the next bytes of a byte stream and let the consumer take any number of them.

    Latency: 1 cycle, 0 for ``width`` 1, where it is wires. Throughput: ``width`` bytes per cycle,
    if the beats are full; after taking fewer, the window may be less than full for a cycle, because
    ``i.ready`` does not depend on ``take``. Holds 2 ``width`` bytes.

    Parameters
    ----------
    width : int
        Bytes shown, and most bytes in a beat: 1, 2, 4 or 8.

    Members
    -------
    i : ``In(stream.Signature(byte_beat(width)))``
        Bytes in; a beat may hold any number from 1 to ``width``.
    data : ``Out(8 * width)``
        The next bytes, first byte in the lowest bits.
    level : ``Out(range(width + 1))``
        How many bytes of ``data`` are valid.
    take : ``In(range(width + 1))``
        Bytes to drop at the end of this cycle, at most ``level``.

    Raises
    ------
    ValueError
        If ``width`` is not 1, 2, 4 or 8.
    """

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({
            "i": In(stream.Signature(byte_beat(width))),
            "data": Out(8 * width),
            "level": Out(range(width + 1)),
            "take": In(range(width + 1)),
        })

    @property
    def width(self) -> int:
        """Bytes shown."""
        return self._width

    @property
    def latency(self) -> int:
        """Cycles from an accepted byte to its place in an empty window."""
        return 0 if self._width == 1 else 1

    def elaborate(self, platform):
        m = Module()
        width = self._width
        if width == 1:
            m.d.comb += [
                self.data.eq(self.i.payload.data),
                self.level.eq(self.i.valid),
                self.i.ready.eq(self.take),
            ]
            return m

        held = Signal(16 * width, reset_less=True)
        level = Signal(range(2 * width + 1))
        left = Signal(range(2 * width + 1))
        kept = Signal(16 * width)
        moved = Signal(16 * width)
        m.d.comb += [
            self.data.eq(held[: 8 * width]),
            self.level.eq(Mux(level >= width, width, level)),
            # Not a function of `take`, which comes late in the cycle.
            self.i.ready.eq(level <= width),
            left.eq(level - self.take),
            kept.eq(held >> (self.take << 3)),
            moved.eq(self.i.payload.data << (left << 3)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                level.eq(left + self.i.payload.count),
                held.eq(Cat(Mux(index < left, kept.word_select(index, 8),
                                moved.word_select(index, 8)) for index in range(2 * width))),
            ]
        with m.Elif(self.take != 0):
            m.d.sync += [level.eq(left), held.eq(kept)]
        return m
