# SPDX-License-Identifier: Apache-2.0
"""What lets words into the sparse chain, and says what each of them is."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.sparse import Chain
from .layouts import block_layout, word_layout

__all__ = ["Admission", "control_layout"]


def control_layout(config: Chain) -> data.StructLayout:
    """Return the layout of what goes along with a word through the chain.

    ``span`` is log2(N / least), ``place`` the word's number in its block, ``first`` says that the
    block is the first of its row group, ``final`` that the word is the row group's last, and
    ``last`` and ``fault`` are those of its results.
    """
    return data.StructLayout({
        "valid": 1, "span": range(config.levels + 1), "place": config.levels, "first": 1,
        "final": 1, "last": 1, "fault": 1})


class Admission(wiring.Component):
    """Pair words with their blocks.

    A word and its block are taken in the same cycle, the block with its last word. The last word of
    a row group waits until there will be room for the results, and so many cycles after the one
    before as those take to move out of their register.

    Latency: 1 cycle. Throughput: one word a cycle.

    Parameters
    ----------
    config : Chain

    Members
    -------
    weights : ``In(stream.Signature(word_layout(config)))``
    blocks : ``In(stream.Signature(block_layout(config)))``
    free : ``In(1)``
        There is a place for the results of a row group.
    taken : ``Out(1)``
        The last word of a row group is taken in this cycle, and the place with it.
    control : ``Out(control_layout(config))``
        Of the word taken in the cycle before.
    word : ``Out(word_layout(config))``, block : ``Out(block_layout(config))``
        That word and its block.
    """

    def __init__(self, config: Chain):
        self._config = config
        super().__init__({
            "weights": In(stream.Signature(word_layout(config))),
            "blocks": In(stream.Signature(block_layout(config))),
            "free": In(1),
            "taken": Out(1),
            "control": Out(control_layout(config)),
            "word": Out(word_layout(config)),
            "block": Out(block_layout(config)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a word to the chain."""
        return 1

    def elaborate(self, platform):
        m = Module()
        levels, beats = self._config.levels, self._config.beats
        fire, ends, final, fault = (Signal(name=name) for name in (
            "fire", "ends", "final", "fault"))
        place, first, faulty = Signal(levels), Signal(init=1), Signal()
        wait = Signal(range(beats))
        span = Signal(range(levels + 1))
        most, given = Const(levels, span.shape()), self.blocks.payload.span
        spare = levels + 1 < 1 << len(span)  # numbers that mean nothing
        m.d.comb += [
            span.eq(Mux(given > most, most, given) if spare else given),
            # The place of a block's last word has as many ones as its span.
            ends.eq(Cat(place[bit] | (span <= bit) for bit in range(levels)).all()
                    if levels else Const(1, 1)),
            final.eq(ends & self.blocks.payload.last),
            fire.eq(self.weights.valid & self.blocks.valid
                    & (~final | (self.free & (wait == 0)))),
            self.weights.ready.eq(self.blocks.valid & (~final | (self.free & (wait == 0)))),
            self.blocks.ready.eq(fire & ends),
            self.taken.eq(fire & final),
            fault.eq(faulty | (self.weights.payload.last & ~final)),
        ]
        m.d.sync += self.control.valid.eq(fire)
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.If(fire):
            m.d.sync += [
                place.eq(Mux(ends, 0, place + 1)),
                first.eq(final | (first & ~ends)),
                faulty.eq(fault & ~final),
            ]
            with m.If(final):
                m.d.sync += wait.eq(beats - 1)
        word, block = (Signal(layout, name=name, reset_less=True) for name, layout in (
            ("held_word", word_layout(self._config)), ("held_block", block_layout(self._config))))
        m.d.sync += [
            word.eq(self.weights.payload),
            block.eq(self.blocks.payload),
            self.control.span.eq(span),
            self.control.place.eq(place),
            self.control.first.eq(first),
            self.control.final.eq(final),
            self.control.last.eq(self.weights.payload.last),
            self.control.fault.eq(faulty),
        ]
        m.d.comb += [self.word.eq(word), self.block.eq(block)]
        return m
