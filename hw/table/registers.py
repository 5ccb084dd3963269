# SPDX-License-Identifier: Apache-2.0
"""The table unit with tables in registers, for chips that are not FPGAs."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.shared import TRIT_PLANES, SharedLayout
from ..tree import delayed
from .tile import RegisterTile

__all__ = ["RegisterUnit"]

#: Most planes of a weight.
_PLANES = 8


class RegisterUnit(wiring.Component):
    """Multiply a matrix of sign planes or trits with vectors of several tokens, by look-up.

    A :class:`~.tile.RegisterTile` takes a beat of weights a cycle: N rows, K columns, a plane. The
    vectors pass once for each plane of each block of N rows. When a block is done its sums move to
    a second set of registers, from which they leave one a cycle, while the next block goes on. So
    all cycles are beats, where a block has ``tokens * N + 3`` of them or more.

    Latency: ``latency`` cycles from the last beat of a block to its first result. Throughput: one
    beat a cycle. Any stream may stall at any time.

    Parameters
    ----------
    layout : SharedLayout
        N and K; K divides ``words``.
    tokens : int
        M, vectors of an operation.
    activation_bits : int
        A.
    words : int
        Activations of each token in a word of their stream.
    max_rows, max_columns : int
        Largest shape of one operation. Sums have as many bits as eight planes of it can need.
    dropped : int
        Bits that entries lose: 0, or so many that 8 are left (:mod:`luthier.golden.entries`).

    Members
    -------
    command : ``In(stream.Signature(StructLayout))``
        ``rows``, ``columns``, ``planes``, and ``trits``, with which ``planes`` is not looked at;
        ``tokens`` of which there are results, 1 to M.
    activations : ``In(stream.Signature(ArrayLayout(ArrayLayout(signed(A), words), tokens)))``
        All words of the vectors for each plane of each block.
    weights : ``In(stream.Signature(D))``
        Beats in the order of :mod:`luthier.golden.shared`.
    results : ``Out(stream.Signature(StructLayout))``
        For each block the rows of the first token, then those of the second: ``value``, and
        whether it is the ``last`` of the operation.
    busy, starved, blocked : ``Out(1)``
        A beat is taken; none is there; the results of the block before are still leaving.

    Raises
    ------
    ValueError
        If a parameter can not be.

    Source: LUT Tensor Core (arXiv 2408.06003), sections 3.2 and 3.3; planes outermost, so that no
    sum is shifted, and trits as two planes of equal weight are ours.
    """

    def __init__(self, layout: SharedLayout, *, tokens: int, activation_bits: int, words: int,
                 max_rows: int, max_columns: int, dropped: int = 0):
        if words % layout.k:
            raise ValueError(f"words must be a multiple of k ({layout.k}), not {words!r}")
        self._layout, self._tokens, self._words = layout, tokens, words
        self._bits = activation_bits
        self._dropped = dropped
        self._width = activation_bits + _PLANES + (max_columns - 1).bit_length() - dropped
        self._tile = RegisterTile(tokens=tokens, rows=layout.rows, k=layout.k,
                                  activation_bits=activation_bits, width=self._width,
                                  dropped=dropped)
        self._command = data.StructLayout({
            "rows": range(max_rows + 1), "columns": range(max_columns + 1),
            "planes": range(_PLANES + 1), "trits": 1, "tokens": range(tokens + 1)})
        super().__init__({
            "command": In(stream.Signature(self._command)),
            "activations": In(stream.Signature(data.ArrayLayout(
                data.ArrayLayout(signed(activation_bits), words), tokens))),
            "weights": In(stream.Signature(layout.beat_bits)),
            "results": Out(stream.Signature(data.StructLayout({
                "value": signed(self._width + dropped), "last": 1}))),
            "busy": Out(1),
            "starved": Out(1),
            "blocked": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a block to its first result."""
        return self._tile.latency + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.tile = tile = self._tile
        command, active = Signal(self._command), Signal()
        issue, plane_end, block_end, end = (Signal(name=name) for name in (
            "issue", "plane_end", "block_end", "end"))
        columns, first_column, first_plane = self._count(m, command, active, issue, plane_end,
                                                         block_end, end)
        word, have = self._word(m, issue, plane_end)
        free = Signal()  # for the sums of a block that ends now
        m.d.comb += [
            self.weights.ready.eq(active & have & (~block_end | free)),
            issue.eq(self.weights.ready & self.weights.valid),
            self.busy.eq(issue),
            self.starved.eq(self.weights.ready & ~self.weights.valid),
            self.blocked.eq(active & have & self.weights.valid & block_end & ~free),
            tile.valid.eq(issue),
        ]
        for token in range(self._tokens):
            for column in range(self._layout.k):
                m.d.comb += tile.activations[token][column].eq(
                    Mux(column < columns, word[token][column], 0))
        lead = tile.lead
        m.d.comb += [
            tile.weights.eq(delayed(m, "beat", self.weights.payload, lead)),
            tile.first.eq(delayed(m, "first", issue & first_column & first_plane, lead)),
            tile.double.eq(delayed(
                m, "double", issue & first_column & ~first_plane & ~command.trits, lead)),
        ]
        self._results(m, tile, command, issue & block_end, end, free)
        return m

    def _count(self, m, command, active, issue, plane_end, block_end, end):
        """Count columns, planes and rows; say what ends with the beat that is next.

        Returns
        -------
        columns : Value
            Columns that are left in this pass.
        first_column, first_plane : Value
        """
        columns, rows = Signal.like(command.columns), command.rows
        planes, all_planes = Signal.like(command.planes), Signal.like(command.planes)
        first_column, first_plane = Signal(), Signal()
        m.d.comb += [
            plane_end.eq(columns <= self._layout.k),
            block_end.eq(plane_end & (planes == 1)),
            end.eq(block_end & (rows <= self._layout.rows)),
            all_planes.eq(Mux(command.trits, TRIT_PLANES, command.planes)),
        ]
        with m.If(issue):
            m.d.sync += [columns.eq(columns - self._layout.k), first_column.eq(0)]
            with m.If(plane_end):
                m.d.sync += [columns.eq(command.columns), planes.eq(planes - 1),
                             first_column.eq(1), first_plane.eq(0)]
            with m.If(block_end):
                m.d.sync += [planes.eq(all_planes), first_plane.eq(1),
                             rows.eq(rows - self._layout.rows)]
        fresh = self.command.payload
        m.d.comb += self.command.ready.eq(~active | (issue & end))
        with m.If(self.command.ready):
            m.d.sync += [
                active.eq(self.command.valid),
                command.eq(fresh),
                columns.eq(fresh.columns),
                planes.eq(Mux(fresh.trits, TRIT_PLANES, fresh.planes)),
                first_column.eq(1),
                first_plane.eq(1),
            ]
        return columns, first_column, first_plane

    def _word(self, m, issue, plane_end):
        """Hold a word of each token, its next K columns lowest; return it and if it is there."""
        k, per_word = self._layout.k, self._words // self._layout.k
        word, have = Signal.like(self.activations.payload, reset_less=True), Signal()
        left = Signal(range(per_word), reset_less=True)
        used = Signal()  # up with this beat
        m.d.comb += [
            used.eq(issue & (plane_end | (left == 0))),
            self.activations.ready.eq(~have | used),
        ]
        with m.If(issue):
            m.d.sync += left.eq(left - 1)
            m.d.sync += [word[token].eq(Value.cast(word[token]) >> k * self._bits)
                         for token in range(self._tokens)]
        with m.If(self.activations.ready):
            m.d.sync += [have.eq(self.activations.valid), word.eq(self.activations.payload),
                         left.eq(per_word - 1)]
        return word, have

    def _results(self, m, tile, command, block_end, end, free):
        """Take over the sums of a block when they are there, and hand them out."""
        n, width = self._layout.rows, self._width
        layout = data.StructLayout({"valid": 1, "rows": range(n + 1), "trits": 1, "last": 1,
                                    "tokens": range(self._tokens + 1)})
        leaving = Signal(layout)
        m.d.comb += [
            leaving.valid.eq(block_end),
            leaving.rows.eq(Mux(command.rows < n, command.rows, n)),
            leaving.trits.eq(command.trits),
            leaving.tokens.eq(command.tokens),
            leaving.last.eq(end),
        ]
        stages = [leaving]
        for number in range(tile.latency):
            stages.append(Signal(layout, name=f"leaving_{number}"))
            m.d.sync += stages[-1].eq(stages[-2])
        arrived, now = stages[-1], Signal(layout)
        sums = [Signal(n * width, name=f"sums_{token}", reset_less=True)
                for token in range(self._tokens)]
        token = Signal(range(self._tokens))
        left = Signal(range(n + 1))  # rows of this token
        last_token = token == now.tokens - 1
        value = Array(word[:width].as_signed() for word in sums)[token] << self._dropped
        m.d.comb += [
            free.eq(~(Cat(stage.valid for stage in stages[1:]).any() | now.valid)),
            self.results.valid.eq(now.valid),
            self.results.payload.value.eq(Mux(now.trits, value >> 1, value)),
            self.results.payload.last.eq(now.last & last_token & (left == 1)),
        ]
        with m.If(now.valid & self.results.ready):
            for number, word in enumerate(sums):
                with m.If(token == number):
                    m.d.sync += word.eq(word >> width)
            m.d.sync += left.eq(left - 1)
            with m.If(left == 1):
                m.d.sync += [left.eq(now.rows), token.eq(token + 1)]
                with m.If(last_token):
                    m.d.sync += [now.valid.eq(0), token.eq(0)]
        with m.If(arrived.valid):
            m.d.sync += [now.eq(arrived), left.eq(arrived.rows)]
            m.d.sync += [word.eq(total) for word, total in zip(sums, tile.total)]
