# SPDX-License-Identifier: Apache-2.0
"""What moves vectors between scratchpad and unit, and weights from memory to unit."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..stream import Queue
from ..table.unit import result_layout
from .memory import read_request
from .scratchpad import masked_write

__all__ = ["ActivationReader", "ResultWriter", "WeightReader"]

#: Beats of one request to the memory.
_BURST = 64


class ActivationReader(wiring.Component):
    """Stream the words of a vector, once for each row block of each token.

    Latency: 3 cycles from ``start`` to the first word. Throughput: one word a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    start : ``In(1)``
        Begin; the other inputs hold until the operation ends.
    source, step : ``In(32)``, words : ``In``, rows : ``In``, tokens : ``In(16)``
        First word, words between tokens, words of a vector, rows of the matrix, vectors.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad.
    o : ``Out(stream.Signature(ArrayLayout(signed(A), P)))``
    """

    def __init__(self, config: Configuration):
        self._config = config
        t = config.table
        super().__init__({
            "start": In(1),
            "source": In(32),
            "step": In(32),
            "words": In(range(config.scratchpad.words + 1)),
            "rows": In(range(t.max_rows + 1)),
            "tokens": In(16),
            "address": Out(range(config.scratchpad.words)),
            "data": In(t.beat_bits),
            "o": Out(stream.Signature(
                data.ArrayLayout(signed(t.activation_bits), config.activations_per_word))),
        })

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the first word at the output."""
        return 3

    def elaborate(self, platform):
        m = Module()
        t = self._config.table
        m.submodules.queue = queue = Queue(self.o.payload.shape(), 4)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        active, issue, arrived = Signal(), Signal(), Signal()
        base = Signal.like(self.address)
        left = Signal.like(self.words)
        rows_left = Signal.like(self.rows)
        tokens_left = Signal.like(self.tokens)
        m.d.comb += [
            issue.eq(active & (queue.level + arrived < 4)),
            queue.i.valid.eq(arrived),
        ]
        m.d.sync += arrived.eq(issue)
        stored = 8 * self._config.activation_bytes
        for lane in range(self._config.activations_per_word):
            m.d.comb += queue.i.payload[lane].eq(
                self.data.word_select(lane, stored)[: t.activation_bits])
        with m.If(issue):
            m.d.sync += [self.address.eq(self.address + 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += [
                    self.address.eq(base),
                    left.eq(self.words),
                    rows_left.eq(rows_left - t.row_block),
                ]
                with m.If(rows_left <= t.row_block):
                    m.d.sync += [
                        base.eq(base + self.step),
                        self.address.eq(base + self.step),
                        rows_left.eq(self.rows),
                        tokens_left.eq(tokens_left - 1),
                        active.eq(tokens_left != 1),
                    ]
        with m.If(self.start):
            m.d.sync += [
                active.eq(1),
                base.eq(self.source),
                self.address.eq(self.source),
                left.eq(self.words),
                rows_left.eq(self.rows),
                tokens_left.eq(self.tokens),
            ]
        return m


class WeightReader(wiring.Component):
    """Ask the memory for the beats of a matrix, once for each token.

    Latency: 1 cycle from ``start`` to the first request. Requests are of up to 64 beats.

    Members
    -------
    start : ``In(1)``, base : ``In(32)``, beats : ``In(32)``, tokens : ``In(16)``
        Begin; first word, words of the matrix, times to read it.
    request : ``Out(stream.Signature(read_request))``
    """

    start: In(1)
    base: In(32)
    beats: In(32)
    tokens: In(16)
    request: Out(stream.Signature(read_request))

    @property
    def latency(self) -> int:
        """Cycles from ``start`` to the first request."""
        return 1

    def elaborate(self, platform):
        m = Module()
        address, left, tokens_left = Signal(32), Signal(32), Signal(16)
        last = Signal()
        m.d.comb += [
            last.eq(left <= _BURST),
            self.request.valid.eq(tokens_left != 0),
            self.request.payload.address.eq(address),
            self.request.payload.length.eq(Mux(last, left, _BURST)),
        ]
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [address.eq(address + _BURST), left.eq(left - _BURST)]
            with m.If(last):
                m.d.sync += [
                    address.eq(self.base),
                    left.eq(self.beats),
                    tokens_left.eq(tokens_left - 1),
                ]
        with m.If(self.start):
            m.d.sync += [
                address.eq(self.base),
                left.eq(self.beats),
                tokens_left.eq(self.tokens),
            ]
        return m


class ResultWriter(wiring.Component):
    """Collect int32 results in words and write them; lanes beyond the last row stay as they are.

    Latency: a word is written in the cycle after its last result. Throughput: one result a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    start : ``In(1)``
        Begin; the other inputs hold until the operation ends.
    destination, step : ``In(32)``, tokens : ``In(16)``
        First word, words between tokens, vectors.
    i : ``In(stream.Signature(result_layout))``
    write : ``Out(masked_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad.
    done : ``Out(1)``
        The last word is written in this cycle.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "start": In(1),
            "destination": In(32),
            "step": In(32),
            "tokens": In(16),
            "i": In(stream.Signature(result_layout)),
            "write": Out(masked_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        lanes = self._config.results_per_word
        lane = Signal(range(lanes))
        values = [Signal(32, name=f"value_{number}", reset_less=True) for number in range(lanes)]
        address, base = Signal.like(self.write.address), Signal.like(self.write.address)
        tokens_left = Signal(16)
        m.d.comb += [self.i.ready.eq(1), self.write.data.eq(Cat(values))]
        m.d.sync += [self.write_valid.eq(0), self.done.eq(0)]
        with m.If(self.i.valid):
            full = lane == lanes - 1
            last = self.i.payload.last
            with m.Switch(lane):
                for number, value in enumerate(values):
                    with m.Case(number):
                        m.d.sync += value.eq(self.i.payload.value)
            with m.If(full | last):
                m.d.sync += [
                    self.write_valid.eq(1),
                    self.write.address.eq(address),
                    address.eq(Mux(last, base + self.step, address + 1)),
                ]
            m.d.sync += [
                lane.eq(Mux(full | last, 0, lane + 1)),
                self.write.mask.eq((2 << lane) - 1),
            ]
            with m.If(last):
                m.d.sync += [
                    base.eq(base + self.step),
                    tokens_left.eq(tokens_left - 1),
                    self.done.eq(tokens_left == 1),
                ]
        with m.If(self.start):
            m.d.sync += [
                base.eq(self.destination),
                address.eq(self.destination),
                tokens_left.eq(self.tokens),
                lane.eq(0),
            ]
        return m
