# SPDX-License-Identifier: Apache-2.0
"""Runs of bytes to whole words."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .decoder import decoded_beat
from .layouts import check_width

__all__ = ["Packer"]


class Packer(wiring.Component):
    """Join the bytes of a frame to words of ``width`` bytes.

    Every beat without ``last`` is full. The beat with ``last`` holds the bytes left over, 0 to
    ``width`` - 1, with zeros above them.

    Latency: 1 cycle, 0 for ``width`` 1, where it is wires. Throughput: 1 beat per cycle.

    Parameters
    ----------
    width : int
        Bytes per word: 1, 2, 4 or 8.

    Members
    -------
    i : ``In(stream.Signature(decoded_beat(width), always_ready=True))``
        Runs of bytes; no bytes, and zero ``data``, come with ``last``.
    o : ``Out(stream.Signature(decoded_beat(width), always_ready=True))``
        Words.

    Raises
    ------
    ValueError
        If ``width`` is not 1, 2, 4 or 8.
    """

    def __init__(self, width: int):
        self._width = check_width(width)
        super().__init__({
            "i": In(stream.Signature(decoded_beat(width), always_ready=True)),
            "o": Out(stream.Signature(decoded_beat(width), always_ready=True)),
        })

    @property
    def width(self) -> int:
        """Bytes per word."""
        return self._width

    @property
    def latency(self) -> int:
        """Cycles from the byte that fills a word to the word."""
        return 0 if self._width == 1 else 1

    def elaborate(self, platform):
        m = Module()
        width = self._width
        beat = self.i.payload
        if width == 1:
            m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(beat)]
            return m

        held = Signal(8 * (width - 1), reset_less=True)
        level = Signal(range(width))
        total = Signal(range(2 * width))
        moved = Signal(8 * (2 * width - 1))
        joined = Signal(8 * (2 * width - 1))
        m.d.comb += [
            total.eq(level + beat.count),
            moved.eq(beat.data << (level << 3)),
            joined.eq(Cat(
                *(Mux(index < level, held.word_select(index, 8), moved.word_select(index, 8))
                  for index in range(width - 1)),
                moved[8 * (width - 1) :])),
        ]
        m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid):
            m.d.sync += [
                level.eq(Mux(beat.last, 0, total)),  # modulo width
                held.eq(Mux(total >= width, joined[8 * width :], joined)),
            ]
            with m.If(beat.last | (total >= width)):
                m.d.sync += [
                    self.o.valid.eq(1),
                    self.o.payload.data.eq(joined),
                    self.o.payload.count.eq(Mux(beat.last, level, width)),
                    self.o.payload.last.eq(beat.last),
                    self.o.payload.ok.eq(beat.ok),
                ]
        return m
