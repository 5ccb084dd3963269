# SPDX-License-Identifier: Apache-2.0
"""Vectors from the scratchpad to the unit."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..stream import Queue
from ..table.commands import part, take

__all__ = ["ActivationReader", "activation_command"]


def activation_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``source``, ``step``: first word, words between tokens; ``words``: of a vector; ``rows`` of the
    matrix; ``passes``: times that a row block wants the vector; ``tokens``: vectors.
    """
    address = range(config.scratchpad.words)
    return data.StructLayout({
        "source": address,
        "step": address,
        "words": range(-(-config.table.max_columns // config.activations_per_word) + 1),
        "rows": range(config.table.max_rows + 1),
        "passes": range(9 if config.table.shared else 2),
        "tokens": 16,
    })


class ActivationReader(wiring.Component):
    """Stream the words of a vector, for each row block of each token.

    Latency: 3 cycles from a command to the first word. Throughput: one word a cycle, without a gap
    between commands; with M vectors at once, all of them in M cycles.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(activation_command(config)))``
        Taken when the last word of the one before is asked for.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad.
    o : ``Out(stream.Signature(ArrayLayout(signed(A), M P)))``
        A word, with ``table.tokens`` = M one of each of M vectors, one after the other, or side by
        side where the unit wants it so; those of vectors that are not there are undefined.
    """

    def __init__(self, config: Configuration):
        self._config = config
        t = config.table
        super().__init__({
            "command": In(stream.Signature(activation_command(config))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(t.beat_bits),
            "o": Out(stream.Signature(
                data.ArrayLayout(signed(t.activation_bits),
                                 t.words_at_once * config.activations_per_word))),
        })

    @property
    def latency(self) -> int:
        """Cycles from a command to the first word at the output."""
        return 3

    def elaborate(self, platform):
        m = Module()
        t = self._config.table
        m.submodules.queue = queue = Queue(self.o.payload.shape(), 4)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        active, issue, arrived, end = Signal(), Signal(), Signal(), Signal()
        fresh = self.command.payload
        command = Signal(part(activation_command(self._config), "step", "words", "rows", "passes"))
        base = Signal.like(self.address)
        left, rows_left, passes_left, tokens_left = (
            Signal.like(fresh[name], name=f"{name}_left")
            for name in ("words", "rows", "passes", "tokens"))
        # A pass is all there is, where rows do not share tables.
        last_pass = passes_left == 1 if t.shared else Const(1)
        word, all_tokens = self._read(m, queue, active, issue, arrived, command.step)
        with m.If(issue & all_tokens):
            m.d.sync += [self.address.eq(word + 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += [
                    self.address.eq(base),
                    left.eq(command.words),
                    passes_left.eq(passes_left - 1),
                ]
                with m.If(last_pass):
                    m.d.sync += [
                        rows_left.eq(rows_left - t.row_block),
                        passes_left.eq(command.passes),
                    ]
                with m.If(last_pass & (rows_left <= t.row_block)):
                    m.d.comb += end.eq(tokens_left <= t.tokens)
                    m.d.sync += [
                        base.eq(base + (command.step << t.tokens.bit_length() - 1)),
                        self.address.eq(base + (command.step << t.tokens.bit_length() - 1)),
                        rows_left.eq(command.rows),
                        tokens_left.eq(tokens_left - t.tokens),
                    ]
        with m.If(end | ~active):
            m.d.comb += self.command.ready.eq(1)
            m.d.sync += [
                active.eq(self.command.valid),
                take(command, fresh),
                base.eq(fresh.source),
                self.address.eq(fresh.source),
                left.eq(fresh.words),
                rows_left.eq(fresh.rows),
                passes_left.eq(fresh.passes),
                tokens_left.eq(fresh.tokens),
            ]
        return m

    def _read(self, m, queue, active, issue, arrived, step):
        """Read a word, or one of each token that is multiplied at once, and put it in the queue.

        Returns
        -------
        word : Value
            Address of the present word of the first token.
        all_tokens : Value
            The last token's is read.
        """
        count, stored = self._config.table.tokens, 8 * self._config.activation_bytes
        word, all_tokens, before = self.address, Const(1), []
        at_once = self._config.table.words_at_once
        m.d.comb += [
            queue.i.valid.eq(arrived),
            issue.eq(active & (queue.level < 3 if at_once > 1 else queue.level + arrived < 4)),
        ]
        if count > 1:
            token, word = Signal(range(count)), Signal.like(self.address, name="word")
            first = Signal.like(self.address)  # of the word, kept while other tokens' are read
            all_tokens = token == count - 1
            m.d.comb += word.eq(Mux(token == 0, self.address, first))
            with m.If(issue):
                m.d.sync += [token.eq(token + 1), first.eq(word)]
                with m.If(~all_tokens):
                    m.d.sync += self.address.eq(self.address + step)
        if at_once > 1:
            reading = Signal()
            m.d.sync += reading.eq(issue)
            for number in reversed(range(at_once - 1)):
                held = Signal.like(self.data, name=f"token_{number}", reset_less=True)
                with m.If(reading):
                    m.d.sync += held.eq(before[0] if before else self.data)
                before.insert(0, held)
        m.d.sync += arrived.eq(issue & all_tokens if at_once > 1 else issue)
        per_word = self._config.activations_per_word
        for number, source in enumerate([*before, self.data]):
            for lane in range(per_word):
                m.d.comb += queue.i.payload[number * per_word + lane].eq(
                    source.word_select(lane, stored)[: self._config.table.activation_bits])
        return word, all_tokens
