# SPDX-License-Identifier: Apache-2.0
"""The look-up-table matrix unit."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from ...golden.config import Configuration
from ...golden.descriptor import Descriptor
from ...golden.entries import dropped_bits
from ...golden.table import entry_width
from ...golden.timing import cycles, reads_lanes, walks_rows
from ..stream import ReservedQueue
from .accumulators import Accumulators
from .builder import TableBuilder
from .commands import most_groups
from .estimate import lut_estimate, table_bits, table_sites
from .groups import GroupAccumulators
from .handover import written
from .lanes import AdderTree, Tables
from .narrow_builder import NarrowBuilder
from .ports import unit_ports
from .row_sequencer import RowSequencer
from .scaler import Scaler, entry_layout
from .sequencer import Sequencer, slot_layout

__all__ = ["TableUnit"]


class TableUnit(wiring.Component):
    """Multiply a matrix of sign planes or trits with a vector of integers, by look-up.

    K = 4 activations give a table of their signed sums, half of it stored; each beat of D weight
    bits reads D/4 tables at once, and an adder tree and an accumulator for each row do the rest.
    There is no multiplier. The tables of the next tile are built while the present one is used.

    With ``table.tokens`` = M an entry is a word of M sums, one of each of M vectors, and all that
    is behind the tables is there M times: each beat of weights is used for all of them.

    With ``table.scaled``, groups of columns and rows have scales and offsets, and results pass an
    output stage: see :mod:`luthier.golden.scales`. Beats of scale records come in the same stream,
    behind the weights of their strip.

    Latency: ``latency`` cycles from the last beat of a row without records to its result;
    ``cycles(descriptor)`` is the time of a whole operation in the engine. Throughput: one beat a
    cycle. Any stream may stall at any time. Results come in the order of the rows.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(table_command(config)))``
        One matrix times one vector. Two more can be queued.
    activations : ``In(stream.Signature(ArrayLayout(signed(A), P)))``
        P = D/8 (A <= 8) or D/16 activations a word; for each row block all words of the vector, of
        M vectors one word each in turn.
    weights : ``In(stream.Signature(D))``
        Beats in the order of :mod:`luthier.golden.weights`.
    results : ``Out(stream.Signature(results_layout(config)))``
        One for each row, M side by side.
    busy, starved, blocked : ``Out(1)``
        A beat of weights is taken; none is there; no room for a result.

    Source: LUT Tensor Core (arXiv 2408.06003) for the half table of sign planes; bitnet.cpp's TL2
    (arXiv 2502.11880) for trits; tables in distributed RAM, signs in the tree and the shadow bank
    are ours.
    """

    def __init__(self, config: Configuration):
        if not isinstance(config, Configuration):
            raise TypeError(f"config must be a Configuration, not {config!r}")
        self._config = config
        tokens = range(config.table.tokens)
        self._tables = Tables(config)
        self._trees = [AdderTree(config) for _ in tokens]
        self._accumulators = [Accumulators(config) for _ in tokens]
        self._scalers = [Scaler(config) for _ in tokens if config.table.scaled]
        super().__init__(unit_ports(config))

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a row to its result at the output."""
        # The accumulators take the slot one cycle before the sum; with scales a queue adds one.
        accumulated = (self._tables.latency + self._trees[0].latency - 1
                       + self._accumulators[0].latency)
        return accumulated + (1 + self._scalers[0].latency if self._scalers else 0)

    def cycles(self, d: Descriptor) -> int:
        """Return the exact cycles of an operation, see :func:`luthier.golden.timing.cycles`."""
        return cycles(self._config, d)

    @property
    def table_bits(self) -> int:
        """Bits of all tables."""
        return table_bits(self._config)

    def table_sites(self, target: str) -> int:
        """Return the LUT sites of all tables, see :func:`~.estimate.table_sites`."""
        return table_sites(self._config, target)

    def luts(self, target: str) -> int:
        """Estimate all LUT sites in plain mode, see :func:`~.estimate.lut_estimate`."""
        return lut_estimate(self._config, target)

    def elaborate(self, platform):
        m = Module()
        m.submodules.builder = builder = (
            NarrowBuilder if reads_lanes(self._config) else TableBuilder)(self._config)
        m.submodules.sequencer = sequencer = (
            RowSequencer if walks_rows(self._config) else Sequencer)(self._config)
        m.submodules.tables = tables = self._tables
        takers = [builder.command]
        if self._scalers:
            self._connect_scalers(m)
            takers.append(self._scalers[0].command)

        # All controllers take a command in the same cycle.
        walk = self.command.payload.walk
        m.d.comb += [
            builder.command.payload.eq(walk),
            self.command.ready.eq(Cat(taker.ready for taker in takers).all()),
        ]
        m.d.comb += [taker.valid.eq(self.command.valid & self.command.ready) for taker in takers]
        wiring.connect(m, wiring.flipped(self.activations), builder.activations)
        m.d.comb += [
            sequencer.weights.valid.eq(self.weights.valid),
            self.weights.ready.eq(sequencer.weights.ready),
            builder.release.eq(sequencer.release),
            tables.valid.eq(sequencer.issue),
            tables.weights.eq(self.weights.payload),
            tables.trits.eq(sequencer.slot.trits),
            tables.bank.eq(sequencer.slot.bank),
            *(getattr(tables, name).eq(getattr(builder, name))
              for name in written(self._config, In)),
            tables.write_bank.eq(builder.bank),
            self.busy.eq(sequencer.busy),
            self.starved.eq(sequencer.starved),
            self.blocked.eq(sequencer.blocked),
        ]
        wiring.connect(m, builder.tile, sequencer.tile)
        m.d.comb += [a.eq(b) for a, b in zip(tables.entry, builder.entry, strict=True)]

        # The slot meets its sum at the accumulators, which want it one cycle before.
        layout = data.StructLayout({"valid": 1, "slot": slot_layout(self._config)})
        stage = Signal(layout, name="slot_0")
        m.d.comb += [stage.valid.eq(sequencer.issue), stage.slot.eq(sequencer.slot)]
        proceed = Signal(init=1)
        for number in range(1, self._tables.latency + self._trees[0].latency):
            following = Signal(layout, name=f"slot_{number}")
            with m.If(proceed):
                m.d.sync += following.eq(stage)
            stage = following
        for token, (tree, accumulators) in enumerate(zip(self._trees, self._accumulators)):
            self._connect_lane(m, token, tables, tree, accumulators, stage, proceed)
        if self._scalers:
            self._connect_groups(m, sequencer, tables, stage)
        else:
            self._connect_results(m, sequencer, tables, proceed)
        return m

    def _connect_results(self, m, sequencer, tables, proceed):
        """Hand out sums as they leave the accumulators; all waits for one that is not taken."""
        first = self._accumulators[0]
        m.d.comb += [
            proceed.eq(~self.results.valid | self.results.ready),
            sequencer.proceed.eq(proceed),
            tables.proceed.eq(proceed),
            self.results.valid.eq(first.emits),
        ]
        for accumulators, result in zip(self._accumulators, self._lanes(), strict=True):
            m.d.comb += [
                accumulators.proceed.eq(proceed),
                result.value.eq(accumulators.result << dropped_bits(self._config)),
                result.last.eq(first.result_slot.last),
            ]

    def _lanes(self):
        """Return the results of each token."""
        payload = self.results.payload
        return list(payload) if self._config.table.results_at_once > 1 else [payload]

    def _named(self, name: str, token: int) -> str:
        return f"{name}_{token}" if self._config.table.tokens > 1 else name

    def _connect_lane(self, m, token, tables, tree, accumulators, stage, proceed):
        """Connect what is behind the tables for one token."""
        m.submodules[self._named("tree", token)] = (
            tree if self._scalers else EnableInserter(proceed)(tree))
        m.submodules[self._named("accumulators", token)] = accumulators
        width = entry_width(self._config)
        m.d.comb += [
            tree.value_valid.eq(tables.value_valid),
            tree.sign.eq(tables.sign),
            tree.second.eq(tables.second),
            accumulators.total.eq(tree.total),
            accumulators.negate.eq(tree.negate),
            accumulators.valid.eq(stage.valid),
            accumulators.slot.eq(stage.slot),
        ]
        m.d.comb += [value.eq(word.word_select(token, width).as_signed())
                     for value, word in zip(tree.value, tables.value, strict=True)]

    def _connect_scalers(self, m):
        """Give the scalers their commands; they make the results, all at the same time."""
        walk = self.command.payload.walk
        for token, (scaler, result) in enumerate(zip(self._scalers, self._lanes())):
            m.submodules[self._named("scaler", token)] = scaler
            command = scaler.command.payload
            m.d.comb += [
                command.scaled.eq(walk.scaled),
                command.offsets.eq(walk.offsets),
                command.groups.eq(walk.groups),
                command.skipped.eq(walk.planes - walk.used),
                command.stage.eq(self.command.payload.stage),
                result.eq(scaler.results.payload),
                scaler.results.ready.eq(self.results.ready),
            ]
            if token:
                m.d.comb += scaler.command.valid.eq(self._scalers[0].command.valid)
        m.d.comb += self.results.valid.eq(self._scalers[0].results.valid)

    def _connect_groups(self, m, sequencer, tables, stage):
        """Connect what lies between trees and scalers, beside the accumulators."""
        layout, count = entry_layout(self._config), len(self._scalers)
        sums = layout["values"].shape
        # A place in the queue is taken when what will fill it is issued.
        m.submodules.queue = queue = ReservedQueue(data.StructLayout(
            {name: data.ArrayLayout(sums, count) if name == "values" else field.shape
             for name, field in layout}), 32, registered=True)
        first = self._accumulators[0]
        slot = first.result_slot
        flags = [name for name in layout.members if name != "values"]
        m.d.comb += [queue.word[name].eq(slot[name]) for name in flags]
        m.d.comb += [
            queue.reserve.eq(sequencer.issue & sequencer.slot.emit),
            queue.write.eq(first.emits),
            sequencer.credit.eq(queue.room),
            tables.ones.eq(sequencer.slot.ones),
            sequencer.record_room.eq(self._scalers[0].records.ready),
            queue.o.ready.eq(self._scalers[0].entry.ready),
        ]
        lanes = range(most_groups(self._config))
        for token, scaler in enumerate(self._scalers):
            tree, accumulators = self._trees[token], self._accumulators[token]
            groups = GroupAccumulators(self._config)
            m.submodules[self._named("groups", token)] = groups
            m.d.comb += [
                groups.valid.eq(stage.valid),
                groups.slot.eq(stage.slot),
                groups.lane_negate.eq(tree.lane_negate),
                scaler.records.valid.eq(sequencer.record),
                scaler.records.payload.eq(self.weights.payload),
                scaler.entry.valid.eq(queue.o.valid),
                scaler.entry.payload.values.eq(queue.o.payload.values[token]),
            ]
            m.d.comb += [groups.lane[lane].eq(tree.lane[lane]) for lane in lanes]
            m.d.comb += [scaler.entry.payload[name].eq(queue.o.payload[name]) for name in flags]
            values = queue.word.values[token]
            with m.If(slot.groups):
                m.d.comb += values.eq(Cat(groups.sum[lane] for lane in lanes))
            with m.Else():
                m.d.comb += values.eq(accumulators.result)
