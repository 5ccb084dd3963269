# SPDX-License-Identifier: Apache-2.0
"""Rows of single weights times vectors in the scratchpad, a weight a cycle."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.sparse.encodings import RowFormat
from ..choice import Choice
from ..stream import ReservedQueue
from ..tree import delayed
from .decode.layouts import placed_layout
from .layouts import result_layout

__all__ = ["SingleWeights", "single_command"]

#: Of a weight on its way: it is one; the last of its row, of its packet; sums are complete with it.
_TAGS = data.StructLayout({"valid": 1, "end": 1, "last": 1, "closes": 1})


def single_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: ``source``, ``step``, first word, words between tokens."""
    address = range(config.scratchpad.words)
    return data.StructLayout({"source": address, "step": address, "tokens": 16})


class SingleWeights(wiring.Component):
    """Multiply the weights of a row by activations that lie anywhere in a vector, and add up.

    Each weight that is not zero takes a cycle, in which the word with its activation is read; a
    word without any takes one, too. Nothing behind the choice of a weight ever waits: places for
    results are given away before.

    Latency: :attr:`latency` cycles from a word whose last weight is the only one to the sums that
    it completes. Throughput: a weight a cycle.

    Parameters
    ----------
    config : Configuration
        With ``sparse.csr``.
    form : RowFormat
        Of the words: ``csr``.

    Members
    -------
    command : ``In(stream.Signature(single_command(config)))``
        Taken with the last weight of the last token.
    words : ``In(stream.Signature(placed_layout(form)))``
        Of one packet for each token, each of whole rows.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad, whose data comes a cycle later.
    o : ``Out(stream.Signature(result_layout(chain)))``
        Sums in the order of rows, as those of the chain.

    Source: SpQR (arXiv 2306.03078), outliers in compressed rows beside a quantised matrix.
    """

    def __init__(self, config: Configuration, form: RowFormat):
        assert form.encoding == "csr"
        self._config, self._form = config, form
        super().__init__({
            "command": In(stream.Signature(single_command(config))),
            "words": In(stream.Signature(placed_layout(form))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "o": Out(stream.Signature(result_layout(config.chain))),
        })

    @property
    def latency(self) -> int:
        """Cycles to hold a word, ask for an activation, read, choose, multiply, and queue."""
        return 6

    def elaborate(self, platform):
        m = Module()
        m.submodules.sums = sums = ReservedQueue(result_layout(self._config.chain), 8)
        wiring.connect(m, sums.o, wiring.flipped(self.o))
        weight, select, tags = self._choose(m, sums)
        self._add(m, sums, weight, select, tags)
        return m

    def _choose(self, m, sums):
        """Take the weights of a word one by one, and ask for the activation of each.

        Returns the weight of this cycle, the number of its activation in its word, and tags.
        """
        config, form, word = self._config, self._form, self.words.payload
        lanes, log2 = config.chain.lanes, config.activations_per_word.bit_length() - 1
        held = Signal(data.StructLayout({
            "weights": data.ArrayLayout(form.weight_bits, form.items),
            "columns": data.ArrayLayout(16, form.items), "end": 1, "last": 1}), reset_less=True)
        full, left = Signal(), Signal(form.items)  # a word is held; its weights to come
        take, final, issue = Signal(), Signal(), Signal()
        tags = Signal(_TAGS)
        m.d.comb += [
            final.eq((left & (left - 1))[: form.items] == 0),
            issue.eq(full & self.command.valid & sums.room),
            take.eq(~full | (issue & final)),
            self.words.ready.eq(take),
        ]
        with m.If(take):
            m.d.sync += [
                full.eq(self.words.valid),
                left.eq(Cat(weight.any() for weight in word.word.weights)),
                held.end.eq(word.end),
                held.last.eq(word.word.last),
            ]
            for item in range(form.items):
                m.d.sync += [
                    held.weights[item].eq(word.word.weights[item]),
                    held.columns[item].eq(Cat(word.word.positions[item], word.places[item]))]
        with m.Elif(issue):
            m.d.sync += left.eq(left & (left - 1))
        first = (left & -left)[: form.items]
        weight, column = (reduce(or_, (value & one.replicate(len(value))
                                       for value, one in zip(values, first)))
                          for values in (held.weights, held.columns))

        lane = Signal(range(lanes))
        m.d.comb += [
            tags.valid.eq(issue),
            tags.end.eq(final & held.end),
            tags.last.eq(held.last),
            tags.closes.eq(issue & tags.end & ((lane == lanes - 1) | held.last)),
            sums.reserve.eq(tags.closes),
        ]
        # Where the present token's activations begin.
        command, token = self.command.payload, Signal(16)
        start, later = Signal.like(self.address, name="start"), Signal.like(self.address)
        m.d.comb += start.eq(Mux(token == 0, command.source, later))
        m.d.sync += self.address.eq(start + column[log2:])
        with m.If(issue & tags.end & held.last):
            m.d.comb += self.command.ready.eq(token + 1 == command.tokens)
            m.d.sync += [later.eq(start + command.step),
                         token.eq(Mux(self.command.ready, 0, token + 1))]
        with m.If(issue & tags.end):
            m.d.sync += lane.eq(Mux(tags.closes, 0, lane + 1))
        return weight, column[:log2], tags

    def _add(self, m, sums, weight, select, tags):
        """Multiply by the activation that was read, and add to the row's sum."""
        config = self._config
        chain, stored = config.chain, 8 * config.activation_bytes
        weight, select = delayed(m, "weight", weight, 3), delayed(m, "select", select, 2)
        for stage in range(4):
            held = Signal(_TAGS, name=f"tags_{stage}")
            m.d.sync += held.eq(tags)
            tags = held
        m.submodules.choice = choice = Choice(chain.activation_bits, config.activations_per_word)
        m.d.comb += [choice.select.eq(select), *(
            word.eq(self.data.word_select(number, stored))
            for number, word in enumerate(choice.words))]
        activation = Signal(signed(chain.activation_bits), reset_less=True)
        product = Signal(signed(chain.activation_bits + chain.weight_bits), reset_less=True)
        m.d.sync += [activation.eq(choice.chosen), product.eq(activation * weight.as_signed())]
        running, total = (Signal(signed(chain.accumulator_bits), name=name)
                          for name in ("running", "total"))
        lane, before = Signal(range(chain.lanes)), Signal.like(sums.word.sums, name="before")
        m.d.comb += [total.eq(running + product), sums.write.eq(tags.closes),
                     sums.word.last.eq(tags.last)]
        m.d.comb += [sums.word.sums[number].eq(Mux(lane == number, total, before[number]))
                     for number in range(chain.lanes)]
        with m.If(tags.valid):
            m.d.sync += running.eq(Mux(tags.end, 0, total))
            with m.If(tags.end):
                m.d.sync += [before.eq(sums.word.sums), lane.eq(Mux(tags.closes, 0, lane + 1))]
