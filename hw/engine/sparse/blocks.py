# SPDX-License-Identifier: Apache-2.0
"""Vectors from the scratchpad in blocks of M activations, again for each row group."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.config import Configuration
from ...sparse.layouts import block_layout
from ...stream import Queue
from ...table.commands import part, take

__all__ = ["BlockReader", "block_reader_command"]


def block_reader_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``source``, ``step``: first word, words between tokens; ``blocks`` of a vector; ``groups``:
    times that it is read, for the row groups; ``tokens``: vectors.
    """
    address, chain = range(config.scratchpad.words), config.chain
    return data.StructLayout({
        "source": address, "step": address, "blocks": range(chain.columns // chain.block + 1),
        "groups": range(-(-config.table.max_rows // chain.rows) + 1), "tokens": 16})


class BlockReader(wiring.Component):
    """Read vectors, and cut words into blocks.

    Latency: ``latency`` cycles from a command to the first block. Throughput: one block a cycle,
    without a gap between vectors or commands, because a word has one block at least.

    Parameters
    ----------
    config : Configuration
        With a sparse chain.

    Members
    -------
    command : ``In(stream.Signature(block_reader_command(config)))``
        Taken when the last word of the one before is asked for.
    span : ``In``
        log2 of the words that a block has, which goes along; it holds from a command's first block
        to its last.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad.
    o : ``Out(stream.Signature(block_layout(chain)))``
    """

    def __init__(self, config: Configuration):
        self._config = config
        layout = block_layout(config.chain)
        super().__init__({
            "command": In(stream.Signature(block_reader_command(config))),
            "span": In(layout["span"].shape),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "o": Out(stream.Signature(layout)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a command to the first block: address, data, queue, cut."""
        return 4

    def elaborate(self, platform):
        m = Module()
        most = self._config.activations_per_word // self._config.chain.block  # blocks of a word
        layout = data.StructLayout({
            "word": self._config.table.beat_bits, "more": range(most), "last": 1})
        m.submodules.queue = queue = Queue(layout, 4)
        self._read(m, queue, most)
        self._cut(m, queue, most)
        return m

    def _read(self, m, queue, most):
        """Ask for words, and say of each how many blocks it has besides the first."""
        fresh = self.command.payload
        active, issue, arrived, last, end = (Signal(name=name) for name in (
            "active", "issue", "arrived", "last", "end"))
        command = Signal(part(block_reader_command(self._config), "step", "blocks", "groups"))
        base = Signal.like(self.address)
        left, groups_left, tokens_left = (Signal.like(fresh[name], name=f"{name}_left")
                                          for name in ("blocks", "groups", "tokens"))
        tag = Signal(data.StructLayout({"more": range(most), "last": 1}))
        m.d.comb += [
            last.eq(left <= most),
            issue.eq(active & (queue.level + arrived < 4)),
            queue.i.valid.eq(arrived),
            queue.i.payload.word.eq(self.data),
            queue.i.payload.more.eq(tag.more),
            queue.i.payload.last.eq(tag.last),
            end.eq(issue & last & (groups_left == 1) & (tokens_left == 1)),
        ]
        m.d.sync += [arrived.eq(issue), tag.last.eq(last), tag.more.eq(Mux(last, left, most) - 1)]
        with m.If(issue):
            m.d.sync += [self.address.eq(self.address + 1), left.eq(left - most)]
            with m.If(last):
                m.d.sync += [self.address.eq(base), left.eq(command.blocks),
                             groups_left.eq(groups_left - 1)]
                with m.If(groups_left == 1):
                    m.d.sync += [
                        base.eq(base + command.step),
                        self.address.eq(base + command.step),
                        groups_left.eq(command.groups),
                        tokens_left.eq(tokens_left - 1),
                    ]
        with m.If(~active | end):
            m.d.comb += self.command.ready.eq(1)
            m.d.sync += [
                active.eq(self.command.valid),
                take(command, fresh),
                base.eq(fresh.source),
                self.address.eq(fresh.source),
                left.eq(fresh.blocks),
                groups_left.eq(fresh.groups),
                tokens_left.eq(fresh.tokens),
            ]

    def _cut(self, m, queue, most):
        """Take blocks out of words."""
        config, chain, head, o = self._config, self._config.chain, queue.o.payload, self.o.payload
        stored = 8 * config.activation_bytes
        place, ready, final = Signal(range(most)), Signal(), Signal()
        m.d.comb += [
            ready.eq(~self.o.valid | self.o.ready),
            final.eq(place == head.more),
            queue.o.ready.eq(ready & final),
            o.span.eq(self.span),
        ]
        block = head.word.word_select(place, stored * chain.block)
        with m.If(ready):
            m.d.sync += self.o.valid.eq(queue.o.valid)
        with m.If(ready & queue.o.valid):
            m.d.sync += [place.eq(Mux(final, 0, place + 1)), o.last.eq(head.last & final)]
            m.d.sync += [
                o.activations[number].eq(
                    block.word_select(number, stored)[: chain.activation_bits])
                for number in range(chain.block)]
