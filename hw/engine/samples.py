# SPDX-License-Identifier: Apache-2.0
"""Vectors from the scratchpad, in beats."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element
from ...golden.places import MOST_SAMPLES
from ..arithmetic import count_ones
from ..fwht.layouts import LOG2_SIZE, sample_layout
from ..stream import Queue
from ..table.commands import part, take

__all__ = ["SampleReader", "sample_command"]


def sample_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``source``, ``step``: first word, words between tokens; ``beats`` of a vector; ``tail``: samples
    of the last one, but one; ``tokens``; ``element``: an
    :class:`~luthier.golden.descriptor.Element`; ``wide``: samples may have the larger of two
    widths; ``log2_size`` goes along.
    """
    address = range(config.scratchpad.words)
    return data.StructLayout({
        "source": address, "step": address, "tokens": 16, "element": 2, "wide": 1,
        "beats": range(MOST_SAMPLES + 1), "tail": 4, "log2_size": LOG2_SIZE})


class SampleReader(wiring.Component):
    """Read vectors, cut words into beats of P samples, and clamp samples to the bits they may have.

    Latency: ``latency`` cycles from a command to the first beat. Throughput: one beat a cycle,
    without a gap between vectors or commands, because a word makes one beat at least.

    Parameters
    ----------
    config : Configuration
    lanes : int
        P, at most D / 32.
    widths : tuple of int
        Bits that samples may have: two, of which a command chooses one.
    partial : bool
        Whether the last beat of a vector may have fewer samples; the others are 0 then.

    Members
    -------
    command : ``In(stream.Signature(sample_command(config)))``
        Taken when the last word of the one before is asked for.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad.
    o : ``Out(stream.Signature(sample_layout(P, max(widths))))``
        Samples. ``last`` ends a vector.
    clamped : ``Out``
        Samples that had more bits.
    """

    def __init__(self, config: Configuration, lanes: int, widths: tuple[int, int] = (32, 32), *,
                 partial: bool = False):
        self._config, self._lanes, self._widths = config, lanes, widths
        self._partial, self._width = partial, max(widths)
        super().__init__({
            "command": In(stream.Signature(sample_command(config))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "o": Out(stream.Signature(sample_layout(lanes, self._width))),
            "clamped": Out(range(lanes + 1)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a command to the first beat: address, data, queue, cut, clamp."""
        return 5

    def elaborate(self, platform):
        m = Module()
        most = self._config.word_bytes // self._lanes  # beats of a word
        kind = part(sample_command(self._config), "element", "wide", "log2_size", "tail")
        layout = data.StructLayout({"word": self._config.table.beat_bits, "kind": kind,
                                    "more": range(most), "last": 1})
        m.submodules.queue = queue = Queue(layout, 4)
        self._read(m, queue, most)
        self._cut(m, queue, most)
        return m

    def _read(self, m, queue, most):
        """Ask for words, and say of each how many beats it holds besides the first."""
        fresh = self.command.payload
        active, issue, arrived, last = (Signal(name=name) for name in (
            "active", "issue", "arrived", "last"))
        command = Signal(part(sample_command(self._config), "step", "beats", "element", "wide",
                              "log2_size", "tail"))
        base = Signal.like(self.address)
        left, tokens_left = Signal.like(fresh.beats), Signal.like(fresh.tokens)
        here = Signal(range(most + 1))  # beats of a word
        tag = Signal(data.StructLayout({"more": range(most), "last": 1}))
        m.d.comb += [
            here.eq(most >> command.element),
            last.eq(left <= here),
            issue.eq(active & (queue.level + arrived < 4)),
            queue.i.valid.eq(arrived),
            queue.i.payload.word.eq(self.data),
            queue.i.payload.more.eq(tag.more),
            queue.i.payload.last.eq(tag.last),
        ]
        kind = queue.i.payload.kind
        kept = Signal.like(kind, name="kind")
        m.d.comb += kind.eq(kept)
        m.d.sync += [arrived.eq(issue), tag.last.eq(last), take(kept, command),
                     tag.more.eq(Mux(last, left, here) - 1)]
        with m.If(issue):
            m.d.sync += [self.address.eq(self.address + 1), left.eq(left - here)]
            with m.If(last):
                m.d.sync += [
                    left.eq(command.beats),
                    base.eq(base + command.step),
                    self.address.eq(base + command.step),
                    tokens_left.eq(tokens_left - 1),
                ]
        with m.If(~active | (issue & last & (tokens_left == 1))):
            m.d.comb += self.command.ready.eq(1)
            m.d.sync += [
                active.eq(self.command.valid),
                take(command, fresh),
                base.eq(fresh.source),
                self.address.eq(fresh.source),
                left.eq(fresh.beats),
                tokens_left.eq(fresh.tokens),
            ]

    def _cut(self, m, queue, most):
        """Take beats out of words, extend signs, and clamp."""
        lanes, head = self._lanes, queue.o.payload
        place = Signal(range(most))
        cut = Signal(data.ArrayLayout(signed(32), lanes), reset_less=True)
        control = Signal(data.StructLayout({"wide": 1, "log2_size": LOG2_SIZE, "last": 1}))
        cut_valid, cut_ready, ready = (Signal(name=name) for name in (
            "cut_valid", "cut_ready", "ready"))
        final = place == head.more
        m.d.comb += [
            ready.eq(~self.o.valid | self.o.ready),
            cut_ready.eq(~cut_valid | ready),
            queue.o.ready.eq(cut_ready & final),
        ]
        with m.If(cut_ready):
            m.d.sync += cut_valid.eq(queue.o.valid)
        with m.If(cut_ready & queue.o.valid):
            m.d.sync += [
                place.eq(Mux(final, 0, place + 1)),
                control.wide.eq(head.kind.wide),
                control.log2_size.eq(head.kind.log2_size),
                control.last.eq(head.last & final),
            ]
            with m.Switch(head.kind.element):
                for element in Element:
                    bits, choice = 8 * element.bytes, (most // element.bytes - 1).bit_length()
                    beat = head.word[: bits * lanes] if not choice else head.word.word_select(
                        place[:choice], bits * lanes)
                    with m.Case(element):
                        m.d.sync += [cut[lane].eq(beat.word_select(lane, bits).as_signed())
                                     for lane in range(lanes)]
            if self._partial:
                for lane in range(1, lanes):
                    with m.If(head.last & final & (head.kind.tail < lane)):
                        m.d.sync += cut[lane].eq(0)

        clamped = Signal(lanes)
        for lane in range(lanes):
            sample, over = cut[lane], Signal(2, name=f"over_{lane}")
            widths = self._widths
            m.d.comb += [over[wide].eq((sample[width - 1 :] != 0) & ~sample[width - 1 :].all())
                         for wide, width in enumerate(widths)]
            largest = Mux(control.wide, *(Const((1 << width - 1) - 1, self._width)
                                          for width in reversed(widths)))
            m.d.comb += clamped[lane].eq(over.bit_select(control.wide, 1))
            with m.If(ready & cut_valid):
                m.d.sync += self.o.payload.samples[lane].eq(
                    Mux(clamped[lane], largest ^ sample[-1].replicate(self._width),
                        sample[: self._width]))
        m.d.sync += self.clamped.eq(0)
        with m.If(ready):
            m.d.sync += self.o.valid.eq(cut_valid)
        with m.If(ready & cut_valid):
            m.d.sync += [
                self.clamped.eq(count_ones(clamped)),
                self.o.payload.log2_size.eq(control.log2_size),
                self.o.payload.last.eq(control.last),
            ]
