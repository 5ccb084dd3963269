# SPDX-License-Identifier: Apache-2.0
"""Requests for the beats of a matrix: weights, and scale records behind each strip's."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.weights import STRIP_ROWS
from ..stream import Queue
from ..table.commands import full_strip_words, part, strip_word_count, take, walk_command
from ..tree import delayed
from .memory import BURST, engine_request
from .walker import MatrixWalker

__all__ = ["BeatReader", "beat_command"]


def beat_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``weights``, ``scales``: first words; ``beats``: words of the weights; ``tokens``: times to read
    it all; ``walk``: see :func:`~luthier.hw.table.commands.walk_command`.
    """
    words = config.memory.words
    return data.StructLayout({
        "weights": range(words), "scales": range(words), "beats": range(words + 1), "tokens": 16,
        "walk": walk_command(config)})


class BeatReader(wiring.Component):
    """Ask the memory for the beats that an operation takes, in their order, for each token.

    Weights that are read as they lie are asked for 64 beats at a time. With scale records, or
    planes that are left out, a request is for a strip's weights or for its records.

    Latency: 2 cycles from a command to the first request, 3 where that is a strip's. Throughput:
    one request a cycle; one cycle between operations, tokens and strips.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(beat_command(config)))``
        Two are queued.
    request : ``Out(stream.Signature(engine_request(config)))``
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "command": In(stream.Signature(beat_command(config))),
            "request": Out(stream.Signature(engine_request(config))),
        })

    @property
    def latency(self) -> int:
        """Cycles from a command to the first request of weights as they lie."""
        return 2

    def elaborate(self, platform):
        m = Module()
        scaled = self._config.table.records
        m.submodules.commands = commands = Queue(beat_command(self._config), 2)
        wiring.connect(m, wiring.flipped(self.command), commands.i)
        now = commands.o.payload
        command = Signal(part(beat_command(self._config), "weights", "scales", "beats", "walk"))
        address, left, tokens_left = (Signal.like(now[name], name=f"{name}_now")
                                      for name in ("weights", "beats", "tokens"))
        taken, last, end = Signal(), Signal(), Signal()
        # Reading as it lies, or strip by strip; beginning with strips in this cycle.
        straight, strips, begins = Signal(), Signal(), Signal()
        m.d.comb += [
            taken.eq(self.request.valid & self.request.ready),
            last.eq(left <= BURST),
        ]
        with m.If(straight):
            m.d.comb += [
                self.request.valid.eq(1),
                self.request.payload.address.eq(address),
                self.request.payload.length.eq(Mux(last, left, BURST)),
                end.eq(taken & last),
            ]
            with m.If(taken):
                m.d.sync += [address.eq(address + BURST), left.eq(left - BURST)]
        by_strips = Const(0)
        if scaled:
            by_strips = now.walk.scaled | (now.walk.used != now.walk.planes)
            self._strips(m, command, strips, taken, end, begins)
        with m.If(end):
            m.d.sync += [
                tokens_left.eq(tokens_left - 1),
                address.eq(command.weights),
                left.eq(command.beats),
            ]
            with m.If(tokens_left == 1):
                m.d.sync += [straight.eq(0), strips.eq(0)]
        m.d.sync += begins.eq(0)
        with m.If(begins):
            m.d.sync += strips.eq(1)
        with m.If(~straight & ~strips & ~begins):
            m.d.comb += commands.o.ready.eq(1)
            m.d.sync += [
                take(command, now),
                address.eq(now.weights),
                left.eq(now.beats),
                tokens_left.eq(now.tokens),
            ]
            with m.If(commands.o.valid):
                m.d.sync += [straight.eq(~by_strips), begins.eq(by_strips)]
        return m

    def _strips(self, m, command, strips, taken, end, begins):
        """Ask for one strip after the other: its weights, then its records, if it has any."""
        m.submodules.walker = walker = MatrixWalker(self._config)
        walk = command.walk
        weights, scales = (Signal.like(command[name], name=f"{name}_next")
                           for name in ("weights", "scales"))
        has = Signal()
        records = Signal()  # the records of the strip are next, not its weights
        m.d.comb += has.eq(walk.scaled & (~walk.whole | walker.last_tile))
        # A cycle late: a strip's records follow its weights.
        words = delayed(m, "words", strip_word_count(
            m, self._config, "strip_words", walk, walker.count))
        full = delayed(m, "full", full_strip_words(
            m, self._config, "full_words", walk.groups, walk.offsets))
        with m.If(strips):
            m.d.comb += self.request.valid.eq(1)
            with m.If(records):
                m.d.comb += [
                    self.request.payload.address.eq(scales),
                    self.request.payload.length.eq(words),
                ]
            with m.Else():
                m.d.comb += [
                    self.request.payload.address.eq(weights),
                    self.request.payload.length.eq(_times(walker.count, walk.used)),
                ]
        with m.If(strips & taken):
            m.d.sync += records.eq(~records & has)
            m.d.comb += walker.step.eq(records | ~has)
            with m.If(records):
                m.d.sync += scales.eq(scales + full + Mux(walker.count > STRIP_ROWS, full, 0))
            with m.Else():
                m.d.sync += weights.eq(weights + _times(walker.count, walk.planes))
        m.d.comb += [
            walker.trits.eq(walk.trits),
            walker.rows.eq(walk.rows),
            walker.columns.eq(walk.columns),
        ]
        with m.If(walker.step & walker.last_strip & walker.last_tile & walker.last_block):
            m.d.comb += [end.eq(1), walker.load.eq(1)]
            m.d.sync += [weights.eq(command.weights), scales.eq(command.scales)]
        with m.If(begins):
            m.d.comb += walker.load.eq(1)
            m.d.sync += [weights.eq(command.weights), scales.eq(command.scales), records.eq(0)]


def _times(rows, planes):
    """Return the product of two short numbers without a DSP, whose delay is several adders'."""
    terms = [Mux(bit, rows << place, 0) for place, bit in enumerate(planes)]
    return (terms[0] + terms[1]) + (terms[2] + terms[3])
