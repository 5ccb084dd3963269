# SPDX-License-Identifier: Apache-2.0
"""Sums of groups times their scales, and the exact sum of a row."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.scales import lane_width, sum_width
from ...golden.table import accumulator_width
from ..arithmetic import neighbour_sums, shift_left
from ..stream import Queue, StreamRegister
from .commands import most_groups, scale_command, walk_command
from .records import RecordReader, record_layout
from .stage import OutputStage, output_latency, result_layout

__all__ = ["Scaler", "entry_layout", "scaler_command"]


def scaler_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: ``skipped`` planes are stored but not used."""
    groups = walk_command(config)["groups"].shape
    return data.StructLayout({
        "scaled": 1, "offsets": 1, "groups": groups, "skipped": 3, "stage": scale_command()})


def entry_layout(config: Configuration) -> data.StructLayout:
    """Return the layout of what comes from the accumulators.

    ``values``: sums of the smallest groups, or of the row, in one number. The flags are those of
    :func:`~.sequencer.slot_layout`.
    """
    bits = max(most_groups(config) * lane_width(config), accumulator_width(config))
    return data.StructLayout({
        "values": bits,
        "row": range(config.table.row_block),
        "groups": 1,
        "ones": 1,
        "start": 1,
        "final": 1,
        "close": 1,
        "last": 1,
    })


class Scaler(wiring.Component):
    """Scale sums and add them up, exactly; then the output stage.

    Sums of groups become ``scale * sum + offset * (sum of the activations)``, one group a cycle,
    and are added to the accumulator of their row; sums of rows pass likewise, alone. Each takes a
    record if there are any. The sums of the activations come as entries of ones, before the rows
    of their tile, and are kept.

    Latency: 8 cycles, with ``short_paths`` 10, from an entry at the head of the queue before it to
    its result.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(scaler_command(config)))``
    entry : ``In(stream.Signature(entry_layout(config)))``
    records : ``In(stream.Signature(D))``
        Words of records.
    results : ``Out(stream.Signature(result_layout))``
    """

    #: Results on their way, or waiting: more than the latency.
    RESULTS = 16

    def __init__(self, config: Configuration):
        self._config = config
        self._lanes = most_groups(config)
        super().__init__({
            "command": In(stream.Signature(scaler_command(config))),
            "entry": In(stream.Signature(entry_layout(config))),
            "records": In(stream.Signature(config.table.beat_bits)),
            "results": Out(stream.Signature(result_layout)),
        })

    @property
    def latency(self) -> int:
        """Cycles from an entry to its result."""
        return 5 + output_latency(self._config)

    def elaborate(self, platform):
        m = Module()
        m.submodules.queued = queued = Queue(scaler_command(self._config), 4)
        m.submodules.commands = commands = StreamRegister(scaler_command(self._config))
        m.submodules.records = records = RecordReader(self._config)
        m.submodules.results = results = Queue(result_layout, self.RESULTS)
        wiring.connect(m, wiring.flipped(self.command), queued.i)
        wiring.connect(m, queued.o, commands.i)
        wiring.connect(m, wiring.flipped(self.records), records.i)
        wiring.connect(m, results.o, wiring.flipped(self.results))

        command, entry = commands.o.payload, self.entry.payload
        group = Signal(range(max(2, self._lanes)))
        start, first, last, fire, scaling, emit = (Signal(name=name) for name in (
            "start", "first", "last", "fire", "scaling", "emit"))
        credits = Signal(range(self.RESULTS + 1), init=self.RESULTS)
        # A block of one row meets its sum before that is in memory, and goes on from the register.
        before = Signal.like(entry.row, name="row_before")
        # The group is the first of a row; it is the last of several.
        opening, closing = Signal(init=1), Signal()
        m.d.comb += [
            start.eq(entry.start | ~entry.groups),
            first.eq(opening & (start | (entry.row != before))),
            last.eq(~entry.groups | Mux(opening, command.groups == 0, closing)),
            scaling.eq(command.scaled & ~entry.ones),
            emit.eq(entry.final & last & ~entry.ones),
            fire.eq(self.entry.valid & (~scaling | records.o.valid) & (~emit | (credits != 0))),
            self.entry.ready.eq(fire & (last | entry.ones)),
            records.begin.eq(commands.o.valid & ~commands.o.ready),
            records.offsets.eq(command.offsets),
            records.o.ready.eq(fire & scaling),
            records.skip.eq(last & entry.close),
            commands.o.ready.eq(fire & emit & entry.last),
        ]
        with m.If(fire):
            m.d.sync += [
                group.eq(Mux(last | entry.ones, 0, group + 1)),
                opening.eq(last | entry.ones),
                closing.eq(group + 2 == 1 << command.groups),
            ]
        with m.If(fire & ~entry.ones):
            m.d.sync += before.eq(entry.row)
        m.d.sync += credits.eq(credits - (fire & emit) + (results.o.valid & results.o.ready))
        value, of_x = self._select(m, command, entry, group, fire)
        self._scale(m, results.i, command, records.o.payload, {
            "valid": fire & ~entry.ones, "first": first, "last": last, "emit": emit,
            "start": start, "row": entry.row, "end": entry.last}, value, of_x)
        return m

    def _select(self, m, command, entry, group, fire):
        """Return the sum that is next, of weights and of activations; keep the latter."""
        width = lane_width(self._config)
        nodes = [entry.values.word_select(lane, width).as_signed() for lane in range(self._lanes)]
        value = Signal(signed(max(32, accumulator_width(self._config))))
        of_x = Signal.like(value)
        sums = neighbour_sums(m, "sum", nodes)[::-1]
        # In parts, which are added up where the total is used.
        total_x = [Signal.like(value, name=f"total_x_{number}", reset_less=True)
                   for number in range(len(sums[min(2, len(sums) - 1)]))]
        # With weights of 1 they are the sums of the activations.
        sums_of_x = [[Signal.like(node, name=f"of_x_{level}_{number}", reset_less=True)
                      for number, node in enumerate(nodes)] for level, nodes in enumerate(sums)]
        with m.If(fire & entry.ones):
            m.d.sync += [kept.eq(node) for of_x, nodes in zip(sums_of_x, sums)
                         for kept, node in zip(of_x, nodes)]
        with m.If(entry.groups):
            with m.Switch(command.groups):
                for level, (values, activations) in enumerate(zip(sums, sums_of_x)):
                    with m.Case(level):
                        with m.Switch(group[:level] if level else Const(0, 1)):
                            for number, node in enumerate(values):
                                with m.Case(number):
                                    m.d.comb += [value.eq(node), of_x.eq(activations[number])]
        with m.Else():
            m.d.comb += [
                value.eq(entry.values[: accumulator_width(self._config)].as_signed()),
                of_x.eq(sum(total_x)),
            ]
        with m.If(fire & entry.ones):
            m.d.sync += [part.eq(node + Mux(entry.start, 0, part))
                         for part, node in zip(total_x, sums[min(2, len(sums) - 1)])]
        return value, of_x

    def _scale(self, m, results, command, record, flags, value, of_x):
        """Four stages: multiply, shift, add up, and hand the sum to the output stage."""
        bits = sum_width(self._config)
        names = ("valid", "first", "last", "emit", "start", "end")
        layout = data.StructLayout(dict.fromkeys(names, 1) | {
            "row": range(self._config.table.row_block), "scale_shift": 5, "offset_shift": 4,
            "stage": scale_command()})
        stages = [Signal(layout, name=f"flags_{number}") for number in range(5)]
        m.d.comb += [stages[0][name].eq(flags[name]) for name in (*names, "row")]
        m.d.comb += stages[0].stage.eq(command.stage)
        scale, offset = Signal(record_layout["scale"].shape), Signal(record_layout["offset"].shape)
        with m.If(command.scaled):
            m.d.comb += [
                scale.eq(record.scale),
                stages[0].scale_shift.eq(
                    record.scale_exponent + Mux(self.entry.payload.groups, command.skipped, 0)),
            ]
        with m.Else():
            m.d.comb += scale.eq(1)
        with m.If(command.offsets):
            m.d.comb += [offset.eq(record.offset),
                         stages[0].offset_shift.eq(record.offset_exponent)]
        for before, after in zip(stages, stages[1:]):
            m.d.sync += after.eq(before)

        operands = [Signal.like(source, name=f"operand_{number}", reset_less=True)
                    for number, source in enumerate((value, scale, of_x, offset))]
        with m.If(stages[0].valid):
            m.d.sync += [register.eq(source) for register, source in
                         zip(operands, (value, scale, of_x, offset))]
        products = [Signal(signed(len(value) + 17), name=f"product_{number}", reset_less=True)
                    for number in range(2)]
        with m.If(stages[1].valid):
            m.d.sync += [
                products[0].eq(operands[0] * operands[1]),
                products[1].eq(operands[2] * operands[3]),
            ]
        term = Signal(signed(bits), reset_less=True)
        with m.If(stages[2].valid):
            m.d.sync += term.eq(
                shift_left(m, "scaled", products[0], stages[2].scale_shift, bits)
                + shift_left(m, "offset", products[1], stages[2].offset_shift, bits))

        m.submodules.sums = store = memory.Memory(
            shape=signed(bits), depth=self._config.table.row_block, init=[])
        # What is read waits in a register. A block of three rows reads a sum when it is written;
        # one of two rows takes it from where it is added up.
        write = store.write_port()
        read = store.read_port(transparent_for=[write])
        total, base = (Signal(signed(bits), name=name, reset_less=True)
                       for name in ("total", "base"))
        meets = Signal(reset_less=True)
        m.d.sync += meets.eq(stages[3].valid & (stages[3].row == stages[1].row))
        with m.If(stages[2].valid):
            m.d.sync += base.eq(Mux(meets, total, read.data))
            with m.If(stages[2].start):
                m.d.sync += base.eq(0)
        with m.If(stages[3].valid):
            m.d.sync += total.eq(Mux(stages[3].first, base, total) + term)
        m.submodules.output = output = OutputStage(self._config)
        m.d.comb += [
            read.addr.eq(stages[1].row),
            write.addr.eq(stages[4].row),
            write.data.eq(total),
            write.en.eq(stages[4].valid & stages[4].last & ~stages[4].emit),
            output.valid.eq(stages[4].valid & stages[4].emit),
            output.total.eq(total),
            output.last.eq(stages[4].end),
            output.stage.eq(stages[4].stage),
            results.valid.eq(output.result_valid),
            results.payload.eq(output.result),
        ]
        return m
