# SPDX-License-Identifier: Apache-2.0
"""H_K along the outer index of a stream of vectors."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.fwht import LARGEST
from ...golden.hadamard import blocks, hadamard, outer_width
from ..stream import ReservedQueue
from .accumulators import Accumulators
from .layouts import sample_layout
from .sign_columns import SignColumns
from .transpose import Transpose

__all__ = ["KStage"]

#: Rows whose adders one register drives.
_GROUP = 16
#: Words that can be read ahead of a consumer that waits; more than the cycles from read to word.
_QUEUE = 8
#: Cycles from the read of a column's last sample to the load of its sums, both included, and so the
#: words of the column before that can leave meanwhile.
_AHEAD = 4


class KStage(wiring.Component):
    """Multiply packets of K x M samples, M = 2^m, with a Hadamard matrix H_K along the outer index.

    Together with a transform of size M of each of the K parts, before or after this stage, it makes
    H_K (x) H_M. Before is better: the samples in its buffers are narrower then.

    A buffer of one packet turns it, in place (:class:`~.transpose.Transpose`), so that a column's K
    samples come in succession. Each goes to K accumulators, which add or subtract it
    (:class:`~.sign_columns.SignColumns`). The K sums then leave one a cycle while the next column
    is added up, and a second buffer turns them back into natural order. With several lanes, lane p
    has the columns p, p + lanes, ...; control is shared.

    m may change from packet to packet; the unit drains before it takes the first sample of a packet
    with another m than the one before.

    Throughput: with m the same, ``interval(m)`` = K M / lanes cycles a packet, without gaps: a
    beat a cycle. Latency: ``latency(m)`` from the first beat in to the first out,
    ``packet_latency(m)`` from the first in to the last out. Memory: 2 K 2^max_m / lanes words, one
    half at the input's width and one at the output's; ``memory_bits`` counts whole banks. Adders:
    K lanes, of the output's width, ``width + ceil(log2 K)``; no rounding.

    Parameters
    ----------
    order : int
        K.
    width : int
        Bits of a signed sample, 2 to 32.
    max_m : int
        Largest m, 0 to 15; at least log2(lanes).
    lanes : int
        Samples of a beat: 1, 2 or 4. Then m is at least log2(lanes) for each packet.
    transpose : bool
        Multiply with the transpose, which is the inverse but for a factor K.
    variant : str
        Whose H_K: see :mod:`luthier.golden.hadamard`.

    Members
    -------
    i : ``In(stream.Signature(sample_layout(lanes, width)))``
        ``samples`` in natural order; ``log2_size``: m, counting with the first beat of a packet,
        the nearest possible if it is none, and taken by an empty unit even before, so that the
        first beat need not wait; ``last``: the packet's last beat.
    o : ``Out(stream.Signature(sample_layout(lanes, sum_width)))``
        The same, as :class:`~.pipeline.WalshHadamard` takes it; m comes with each beat.
    misplaced : ``Out(1)``
        ``last`` came with another beat than the packet's last, or not with that one, since the
        reset. The stream goes on as ``log2_size`` says.

    Raises
    ------
    TypeError, ValueError
        If there is no such matrix, or another parameter can not be.

    Source: QuaRot, arXiv 2404.00456, for the use and the layout.
    """

    def __init__(self, order: int, width: int, max_m: int, *, lanes: int = 1,
                 transpose: bool = False, variant: str = "quarot"):
        matrix = hadamard(order, variant)
        if lanes not in (1, 2, 4):
            raise ValueError(f"lanes must be 1, 2 or 4, not {lanes!r}")
        for name, value, least, most in (("width", width, 2, 32),
                                         ("max_m", max_m, lanes.bit_length() - 1,
                                          LARGEST.bit_length() - 1)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            if not least <= value <= most:
                raise ValueError(f"{name} must be between {least} and {most}, not {value!r}")
        self._order, self._width, self._max_m, self._lanes = order, width, max_m, lanes
        self._sum_width = outer_width(order, width)
        self._signs = SignColumns(matrix.T if transpose else matrix, blocks(order, variant))
        words = (order << max_m) // lanes
        self._columns = Transpose(lanes * width, words)
        self._rows = Transpose(lanes * self._sum_width, words)
        super().__init__({
            "i": In(stream.Signature(sample_layout(lanes, width))),
            "o": Out(stream.Signature(sample_layout(lanes, self._sum_width))),
            "misplaced": Out(1),
        })

    @property
    def order(self) -> int:
        """K."""
        return self._order

    @property
    def lanes(self) -> int:
        """Samples of a beat."""
        return self._lanes

    @property
    def min_m(self) -> int:
        """Smallest m of a packet."""
        return self._lanes.bit_length() - 1

    @property
    def max_m(self) -> int:
        """Largest m of a packet."""
        return self._max_m

    @property
    def sum_width(self) -> int:
        """Bits of a sample that leaves."""
        return self._sum_width

    @property
    def memory_bits(self) -> int:
        """Bits of both buffers."""
        return self._columns.bits + self._rows.bits

    @property
    def adders(self) -> int:
        """Adders of ``sum_width`` bits that work on samples."""
        return self._order * self._lanes

    def interval(self, m: int) -> int:
        """Return beats of a packet: cycles from one packet to the next at full rate."""
        return (self._order << m) // self._lanes

    def latency(self, m: int) -> int:
        """Return cycles from the first beat in to the first beat out of an empty unit.

        The first column is complete with the first sample of the last row. That is read in the next
        cycle and loaded with the sums ``_AHEAD`` cycles after that; the first sum is written in the
        next, read in the next and takes four to the port.
        """
        return (self._order - 1) * ((1 << m) // self._lanes) + _AHEAD + 7

    def packet_latency(self, m: int) -> int:
        """Return cycles from the first beat in to the last beat out of an empty unit.

        The second buffer can be read without a stop once the first row is complete.
        """
        columns = (1 << m) // self._lanes
        return self.latency(m) + (columns - 1) * self._order + (self._order - 1) * columns

    def elaborate(self, platform):
        m = Module()
        m.submodules.columns, m.submodules.rows = self._columns, self._rows
        self._admit(m)
        self._multiply(m)
        self._send(m)
        return m

    def _admit(self, m):
        """Take beats into the first buffer, of one m at a time, and set the sizes of both."""
        columns, rows, i, o = self._columns, self._rows, self.i, self.o
        exponent = Signal(range(self._max_m + 1), init=self.min_m)
        wanted = Signal(range(self._max_m + 1))
        m.d.comb += wanted.eq(i.payload.log2_size)
        with m.If(i.payload.log2_size > self._max_m):
            m.d.comb += wanted.eq(self._max_m)
        with m.If(i.payload.log2_size < self.min_m if self.min_m else Const(0)):
            m.d.comb += wanted.eq(self.min_m)
        # Sizes follow ``exponent``; then buffers do, too.
        settled, started = (Signal(name=name) for name in ("settled", "started"))
        first, empty = (Signal(name=name, init=1) for name in ("first", "empty"))
        entered, departed = (Signal(name=name) for name in ("entered", "departed"))
        inside = Signal(range(2 * self.interval(self._max_m) + 2 * self._order + 32))
        taken = i.valid & i.ready
        # ``empty`` is late by a few cycles, in which no packet can end that has begun.
        m.d.sync += [entered.eq(taken), departed.eq(o.valid & o.ready),
                     inside.eq(Mux(entered == departed, inside,
                                   Mux(entered, inside + 1, inside - 1))),
                     empty.eq(inside == 0), settled.eq(1), started.eq(settled)]
        m.d.comb += i.ready.eq(settled & started & (columns.room != 0)
                               & (~first | (wanted == exponent)))
        with m.If(first & empty & (wanted != exponent)):
            m.d.sync += [exponent.eq(wanted), settled.eq(0)]
        width = Signal(range((1 << self._max_m) // self._lanes + 1))  # columns of a lane
        last = Signal(range(self.interval(self._max_m)))
        m.d.sync += width.eq((1 << exponent) >> self.min_m)
        m.d.sync += last.eq(Array(self.interval(number) - 1 if number >= self.min_m else 0
                                  for number in range(self._max_m + 1))[exponent])
        with m.If(taken):
            m.d.sync += first.eq(columns.write_end)
            with m.If(i.payload.last != columns.write_end):
                m.d.sync += self.misplaced.eq(1)
        m.d.comb += [
            columns.rows_last.eq(self._order - 1), columns.columns.eq(width),
            rows.rows_last.eq(width - 1), rows.columns.eq(self._order),
            columns.reserve.eq(taken), columns.write.eq(taken),
            columns.word.eq(i.payload.samples.as_value()), o.payload.log2_size.eq(exponent),
        ]
        for buffer in (columns, rows):
            m.d.comb += [buffer.last.eq(last), buffer.restart.eq(settled & ~started)]

    def _multiply(self, m):
        """Move columns from the first buffer through the accumulators to the second."""
        columns, rows, order = self._columns, self._rows, self._order
        # A column's last sample is read once the shift register is sure to be empty in time.
        remaining = Signal(range(order + 1))
        clear = Signal(init=1)
        m.d.sync += clear.eq((remaining <= _AHEAD + 1) & (remaining <= rows.room))
        m.d.comb += columns.read.eq(columns.available & (~columns.column_end | clear))
        valid, ends = (Signal(4, name=name) for name in ("valid", "ends"))
        m.d.sync += [valid.eq(Cat(columns.read, valid)),
                     ends.eq(Cat(columns.read & columns.column_end, ends))]
        samples = [Signal(signed(self._width), name=f"sample_{lane}")
                   for lane in range(self._lanes)]
        for lane, sample in enumerate(samples):
            m.d.sync += sample.eq(Mux(
                valid[1], columns.value.word_select(lane, self._width).as_signed(), 0))
        m.submodules.signs = signs = self._signs
        m.d.comb += signs.step.eq(valid[3])

        load, shift = ends[2], (remaining != 0) & (rows.room != 0)
        moved = Signal()
        m.d.sync += moved.eq(shift)
        with m.If(load):
            m.d.sync += remaining.eq(order)
        with m.Elif(shift):
            m.d.sync += remaining.eq(remaining - 1)
        following = [Const(0, signed(self._sum_width))] * self._lanes
        for start in reversed(range(0, order, _GROUP)):
            size = min(_GROUP, order - start)
            m.submodules[f"rows_{start}"] = group = Accumulators(
                size, self._lanes, self._width, self._sum_width)
            m.d.comb += [a.eq(b) for a, b in zip(group.sample, samples)]
            m.d.comb += [a.eq(b) for a, b in zip(group.following, following)]
            m.d.comb += [group.load.eq(load), group.shift.eq(shift),
                         group.negative.eq(signs.negative[start : start + size])]
            following = group.first
        m.d.comb += [rows.reserve.eq(shift), rows.write.eq(moved),
                     rows.word.eq(Cat(following[lane] for lane in range(self._lanes)))]

    def _send(self, m):
        """Read the second buffer."""
        rows, o = self._rows, self.o
        m.submodules.queue = queue = ReservedQueue(
            data.StructLayout({"samples": self._lanes * self._sum_width, "last": 1}), _QUEUE)
        m.d.comb += rows.read.eq(rows.available & queue.room)
        wanted, final = (Signal(3, name=name) for name in ("wanted", "final"))
        m.d.sync += [wanted.eq(Cat(rows.read, wanted)), final.eq(Cat(rows.end, final)),
                     queue.word.samples.eq(rows.value), queue.word.last.eq(final[1])]
        m.d.comb += [
            queue.reserve.eq(rows.read), queue.write.eq(wanted[2]),
            o.valid.eq(queue.o.valid), queue.o.ready.eq(o.ready),
            o.payload.samples.as_value().eq(queue.o.payload.samples),
            o.payload.last.eq(queue.o.payload.last),
        ]
