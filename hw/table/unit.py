# SPDX-License-Identifier: Apache-2.0
"""The look-up-table matrix unit."""

from amaranth import *
from amaranth.lib import data, wiring

from ...golden.config import Configuration
from ...golden.descriptor import Descriptor
from ...golden.timing import cycles
from ..stream import ReservedQueue
from .accumulators import Accumulators
from .builder import TableBuilder
from .commands import most_groups
from .estimate import lut_estimate, table_bits, table_sites
from .groups import GroupAccumulators
from .lanes import AdderTree, Tables
from .ports import unit_ports
from .scaler import Scaler, entry_layout
from .sequencer import Sequencer, slot_layout

__all__ = ["TableUnit"]


class TableUnit(wiring.Component):
    """Multiply a matrix of sign planes or trits with a vector of integers, by look-up.

    K = 4 activations give a table of their signed sums, half of it stored; each beat of D weight
    bits reads D/4 tables at once, and an adder tree and an accumulator for each row do the rest.
    There is no multiplier. The tables of the next tile are built while the present one is used.

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
        P = D/8 (A <= 8) or D/16 activations a word; for each row block all words of the vector.
    weights : ``In(stream.Signature(D))``
        Beats in the order of :mod:`luthier.golden.weights`.
    results : ``Out(stream.Signature(result_layout))``
        One for each row.
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
        self._tables, self._tree = Tables(config), AdderTree(config)
        self._accumulators = Accumulators(config)
        self._scaler = Scaler(config) if config.table.scaled else None
        super().__init__(unit_ports(config))

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a row to its result at the output."""
        # The accumulators take the slot one cycle before the sum; the queue adds one.
        accumulated = (self._tables.latency + self._tree.latency - 1
                       + self._accumulators.latency + 1)
        return accumulated + (self._scaler.latency if self._scaler else 0)

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
        m.submodules.builder = builder = TableBuilder(self._config)
        m.submodules.sequencer = sequencer = Sequencer(self._config)
        m.submodules.tables = tables = self._tables
        m.submodules.tree = tree = self._tree
        m.submodules.accumulators = accumulators = self._accumulators
        scaler = self._scaler
        takers = [builder.command]
        if scaler is not None:
            m.submodules.scaler = scaler
            self._connect_scaler(m, scaler)
            takers.append(scaler.command)

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
            tables.write.eq(builder.write),
            tables.address.eq(builder.address),
            tables.write_bank.eq(builder.bank),
            tree.value_valid.eq(tables.value_valid),
            tree.sign.eq(tables.sign),
            tree.second.eq(tables.second),
            accumulators.total.eq(tree.total),
            accumulators.negate.eq(tree.negate),
            self.busy.eq(sequencer.busy),
            self.starved.eq(sequencer.starved),
            self.blocked.eq(sequencer.blocked),
        ]
        wiring.connect(m, builder.tile, sequencer.tile)
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

        # A place in the queue is taken when what will fill it is issued.
        layout = entry_layout(self._config) if scaler else data.StructLayout(
            {"value": accumulators.result.shape(), "last": 1})
        depth = 32 if scaler else 1 << (self.latency + 2).bit_length()
        m.submodules.queue = queue = ReservedQueue(layout, depth)
        m.d.comb += [
            queue.reserve.eq(sequencer.issue & sequencer.slot.emit),
            sequencer.credit.eq(queue.room),
            queue.write.eq(accumulators.result_valid & accumulators.result_slot.emit),
        ]
        if scaler is not None:
            self._connect_groups(m, sequencer, tables, tree, accumulators, scaler, stage, queue)
        else:
            m.d.comb += [
                queue.word.value.eq(accumulators.result),
                queue.word.last.eq(accumulators.result_slot.last),
            ]
            m.d.comb += [
                self.results.valid.eq(queue.o.valid),
                self.results.payload.value.eq(queue.o.payload.value),
                self.results.payload.last.eq(queue.o.payload.last),
                queue.o.ready.eq(self.results.ready),
            ]
        return m

    def _connect_scaler(self, m, scaler):
        """Give the scaler its commands; it makes the results."""
        walk = self.command.payload.walk
        command = scaler.command.payload
        m.d.comb += [
            command.scaled.eq(walk.scaled),
            command.offsets.eq(walk.offsets),
            command.groups.eq(walk.groups),
            command.skipped.eq(walk.planes - walk.used),
            command.stage.eq(self.command.payload.stage),
        ]
        wiring.connect(m, scaler.results, wiring.flipped(self.results))

    def _connect_groups(self, m, sequencer, tables, tree, accumulators, scaler, stage, queue):
        """Connect what lies between tree and scaler, beside the accumulators."""
        m.submodules.groups = groups = GroupAccumulators(self._config)
        m.d.comb += [
            tables.ones.eq(sequencer.slot.ones),
            groups.valid.eq(stage.valid),
            groups.slot.eq(stage.slot),
            groups.lane_negate.eq(tree.lane_negate),
            sequencer.record_room.eq(scaler.records.ready),
            scaler.records.valid.eq(sequencer.record),
            scaler.records.payload.eq(self.weights.payload),
        ]
        lanes = range(most_groups(self._config))
        m.d.comb += [groups.lane[lane].eq(tree.lane[lane]) for lane in lanes]
        slot, entry = accumulators.result_slot, queue.word
        with m.If(slot.groups):
            m.d.comb += entry.values.eq(Cat(groups.sum[lane] for lane in lanes))
        with m.Else():
            m.d.comb += entry.values.eq(accumulators.result)
        m.d.comb += entry.row.eq(slot.row)
        m.d.comb += [entry[name].eq(slot[name])
                     for name in ("groups", "ones", "start", "final", "close", "last")]
        wiring.connect(m, queue.o, scaler.entry)
