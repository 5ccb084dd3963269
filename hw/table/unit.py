# SPDX-License-Identifier: Apache-2.0
"""The look-up-table matrix unit."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import cycles
from ..stream import Queue
from .builder import TableBuilder, table_command
from .lanes import Accumulators, AdderTree, Tables
from .sequencer import Sequencer, slot_layout

__all__ = ["TableUnit"]

result_layout = data.StructLayout({"value": signed(32), "last": 1})


class TableUnit(wiring.Component):
    """Multiply a matrix of sign planes or trits with a vector of integers, by look-up.

    K = 4 activations give a table of their signed sums, half of it stored; each beat of D weight
    bits reads D/4 tables at once, and an adder tree and an accumulator for each row do the rest.
    There is no multiplier. The tables of the next tile are built while the present one is used.

    Latency: ``latency`` cycles from the last beat of a row to its result; ``cycles(shape)`` is the
    time of a whole operation in the engine. Throughput: one beat a cycle. Any stream may stall at
    any time. Results come in the order of the rows.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(table_command(config)))``
        One matrix times one vector. Two more can be queued.
    activations : ``In(stream.Signature(ArrayLayout(signed(A), P)))``
        P = D/8 (A <= 8) or D/16 activations a word; for each row block all words of the vector.
    weights : ``In(stream.Signature(D))``
        Beats in the order of :mod:`luthier.golden.weights`.
    results : ``Out(stream.Signature({value: signed(32), last: 1}))``
        One for each row.
    busy, starved, blocked : ``Out(1)``
        A beat is taken; none is there; no room for a result.

    Source: LUT Tensor Core (arXiv 2408.06003) for the half table of sign planes; bitnet.cpp's TL2
    (arXiv 2502.11880) for trits; tables in distributed RAM, signs in the tree and the shadow bank
    are ours.
    """

    def __init__(self, config: Configuration):
        if not isinstance(config, Configuration):
            raise TypeError(f"config must be a Configuration, not {config!r}")
        self._config = config
        t = config.table
        self._tables, self._tree = Tables(config), AdderTree(config)
        self._accumulators = Accumulators(config)
        super().__init__({
            "command": In(stream.Signature(table_command(config))),
            "activations": In(stream.Signature(
                data.ArrayLayout(signed(t.activation_bits), config.activations_per_word))),
            "weights": In(stream.Signature(t.beat_bits)),
            "results": Out(stream.Signature(result_layout)),
            "busy": Out(1),
            "starved": Out(1),
            "blocked": Out(1),
        })

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a row to its result at the output."""
        # The accumulators take the slot one cycle before the sum; the queue adds one.
        return (self._tables.latency + self._tree.latency - 1 + self._accumulators.latency + 1)

    def cycles(self, *, rows: int, columns: int, planes: int, trits: bool, tokens: int = 1) -> int:
        """Return the exact cycles of an operation, see :func:`luthier.golden.table.cycles`."""
        return cycles(self._config, rows=rows, columns=columns, planes=planes, trits=trits,
                      tokens=tokens)

    def elaborate(self, platform):
        m = Module()
        m.submodules.builder = builder = TableBuilder(self._config)
        m.submodules.sequencer = sequencer = Sequencer(self._config)
        m.submodules.tables = tables = self._tables
        m.submodules.tree = tree = self._tree
        m.submodules.accumulators = accumulators = self._accumulators
        depth = 1 << (self.latency + 2).bit_length()
        m.submodules.queue = queue = Queue(result_layout, depth)

        # Both controllers take a command in the same cycle.
        m.d.comb += [
            builder.command.payload.eq(self.command.payload),
            sequencer.command.payload.eq(self.command.payload),
            self.command.ready.eq(builder.command.ready & sequencer.command.ready),
            builder.command.valid.eq(self.command.valid & sequencer.command.ready),
            sequencer.command.valid.eq(self.command.valid & builder.command.ready),
        ]
        wiring.connect(m, wiring.flipped(self.activations), builder.activations)
        m.d.comb += [
            sequencer.weights.valid.eq(self.weights.valid),
            self.weights.ready.eq(sequencer.weights.ready),
            sequencer.ready.eq(builder.ready),
            builder.release.eq(sequencer.release),
            tables.weights.eq(self.weights.payload),
            tables.trits.eq(sequencer.slot.trits),
            tables.bank.eq(sequencer.slot.bank),
            tables.write.eq(builder.write),
            tables.address_even.eq(builder.address_even),
            tables.address_odd.eq(builder.address_odd),
            tables.write_phase.eq(builder.phase),
            tables.write_bank.eq(builder.bank),
            tree.relative.eq(tables.relative),
            tree.sign.eq(tables.sign),
            accumulators.total.eq(tree.total),
            accumulators.negate.eq(tree.negate),
            self.busy.eq(sequencer.issue),
            self.starved.eq(sequencer.starved),
            self.blocked.eq(sequencer.blocked),
        ]
        for sink, source in ((tables.entry, builder.entry), (tree.value, tables.value)):
            m.d.comb += [a.eq(b) for a, b in zip(sink, source, strict=True)]

        # The slot meets its sum at the accumulators, which want it one cycle before.
        layout = data.StructLayout({"valid": 1, "slot": slot_layout(self._config)})
        stage = Signal(layout, name="slot_0")
        m.d.comb += [stage.valid.eq(sequencer.issue), stage.slot.eq(sequencer.slot)]
        for number in range(1, tables.latency + tree.latency):
            following = Signal(layout, name=f"slot_{number}")
            m.d.sync += following.eq(stage)
            stage = following
        m.d.comb += [accumulators.valid.eq(stage.valid), accumulators.slot.eq(stage.slot)]

        # A credit for each place in the queue, taken when a row's last beat is issued.
        credits = Signal(range(depth + 1), init=depth)
        taken, given = Signal(), Signal()
        m.d.comb += [
            taken.eq(sequencer.issue & sequencer.slot.emit),
            given.eq(self.results.valid & self.results.ready),
            sequencer.credit.eq(credits != 0),
            queue.i.valid.eq(accumulators.emit),
            queue.i.payload.value.eq(accumulators.result),
            queue.i.payload.last.eq(accumulators.last),
        ]
        m.d.sync += credits.eq(credits - taken + given)
        wiring.connect(m, queue.o, wiring.flipped(self.results))
        return m
