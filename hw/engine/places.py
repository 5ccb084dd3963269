# SPDX-License-Identifier: Apache-2.0
"""Where results go that come for several tokens at once."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element

__all__ = ["BlockPlaces"]


class BlockPlaces(wiring.Component):
    """Follow results through the order row block > token > row, M tokens at a time.

    Latency: 1 cycle from ``load`` or ``taken`` to the outputs. Throughput: one result a cycle.

    Parameters
    ----------
    config : Configuration
        With ``table.tokens`` = M above 1: a block of rows fills whole words.

    Members
    -------
    load : ``In(1)``, destination, step, tokens, rows, element : ``In``
        Begin: first word, words between tokens, vectors, rows, type of results. All but
        ``destination`` and ``tokens`` hold until the last result.
    taken : ``In(1)``
        A result is taken.
    row_end : ``Out(1)``
        It is the last of a token in this block.
    target : ``Out``
        The word that the next one goes to then.
    """

    def __init__(self, config: Configuration):
        self._config = config
        address = range(config.scratchpad.words)
        super().__init__({
            "load": In(1),
            "destination": In(address),
            "step": In(address),
            "tokens": In(16),
            "rows": In(range(config.table.max_rows + 1)),
            "element": In(2),
            "taken": In(1),
            "row_end": Out(1),
            "target": Out(address),
        })

    def elaborate(self, platform):
        m = Module()
        at_once, block_rows = self._config.table.tokens, self._config.table.row_block
        # Of the first token of those at once, of its block, of this token's.
        base, block, place = (Signal.like(self.target, name=name)
                              for name in ("base", "block", "place"))
        rows_left, row = Signal.like(self.rows), Signal(range(block_rows + 1))
        token, tokens_left = Signal(range(at_once)), Signal.like(self.tokens)
        last_token, last_block = Signal(), Signal()
        block_words = Signal(range(4 * block_rows // self._config.word_bytes + 1))
        with m.Switch(self.element):
            for element in Element:
                with m.Case(element):
                    m.d.comb += block_words.eq(
                        block_rows * element.bytes // self._config.word_bytes)
        m.d.comb += [
            self.row_end.eq(row == 1),
            last_token.eq((token == at_once - 1) | (token + 1 == tokens_left)),
            last_block.eq(rows_left <= block_rows),
            self.target.eq(Mux(~last_token, place + self.step, Mux(
                last_block, base + (self.step << at_once.bit_length() - 1), block + block_words))),
        ]

        def first_row(rows):
            return row.eq(Mux(rows < block_rows, rows, block_rows))

        with m.If(self.taken):
            m.d.sync += row.eq(row - 1)
        with m.If(self.taken & self.row_end):
            m.d.sync += [place.eq(self.target), first_row(rows_left), token.eq(token + 1)]
            with m.If(last_token):
                m.d.sync += [token.eq(0), block.eq(self.target),
                             rows_left.eq(rows_left - block_rows),
                             first_row(rows_left - block_rows)]
            with m.If(last_token & last_block):
                m.d.sync += [base.eq(self.target), tokens_left.eq(tokens_left - at_once),
                             rows_left.eq(self.rows), first_row(self.rows)]
        with m.If(self.load):
            m.d.sync += [
                base.eq(self.destination),
                block.eq(self.destination),
                place.eq(self.destination),
                rows_left.eq(self.rows),
                first_row(self.rows),
                token.eq(0),
                tokens_left.eq(self.tokens),
            ]
        return m
