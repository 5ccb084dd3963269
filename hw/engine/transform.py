# SPDX-License-Identifier: Apache-2.0
"""The transform unit between scratchpad and scratchpad."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.quantiser import Mode
from ..fwht.quantiser_ports import command_layout
from ..fwht.unit import TransformUnit, route_layout
from ..stream import Queue
from .layouts import descriptor_layout
from .sample_results import SampleWriter
from .samples import SampleReader
from .scratchpad import scratchpad_write
from .transform_fields import transform_fields_layout

__all__ = ["TransformPath", "transform_command"]


def transform_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: a ``descriptor``, and its ``fields`` as they were read."""
    return data.StructLayout({
        "descriptor": descriptor_layout, "fields": transform_fields_layout(config)})


class TransformPath(wiring.Component):
    """Run transforms and quantisers on vectors in the scratchpad.

    Two commands are under way at most. The second begins while the first ends if it takes the same
    route.

    Throughput: one beat a cycle, without a gap between tokens; see
    :func:`luthier.golden.transform_timing.transform_cycles`.

    Parameters
    ----------
    config : Configuration
        With a transform.

    Members
    -------
    command : ``In(stream.Signature(transform_command(config)))``
    working : ``In(1)``
        Operations are under way.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad to read.
    write : ``Out(scratchpad_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad to write.
    done : ``Out(1)``
        The oldest command ends in this cycle.
    busy, blocked : ``Out(1)``
        A beat of samples is taken; one waits.
    saturated : ``Out``
        Samples clamped and codes out of range in this cycle.
    """

    def __init__(self, config: Configuration):
        transform = config.transform
        assert transform is not None
        self._config, self._transform = config, transform
        super().__init__({
            "command": In(stream.Signature(transform_command(config))),
            "working": In(1),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "write": Out(scratchpad_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
            "busy": Out(1),
            "blocked": Out(1),
            "saturated": Out(range(2 * transform.lanes + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = SampleReader(
            self._config, self._transform.lanes,
            (self._transform.width, self._transform.quantiser.width))
        m.submodules.unit = unit = TransformUnit(self._transform)
        m.submodules.writer = writer = SampleWriter(self._config)
        for name in ("sums", "codes", "scales"):
            wiring.connect(m, getattr(unit, name), getattr(writer, name))
        wiring.connect(m, reader.o, unit.i)
        packets = self._commands(m, reader, unit, writer)
        m.d.comb += [
            self.address.eq(reader.address), reader.data.eq(self.data),
            self.write.eq(writer.write), self.write_valid.eq(writer.write_valid),
            self.done.eq(writer.done),
            self.busy.eq(reader.o.valid & reader.o.ready),
            self.blocked.eq(reader.o.valid & ~reader.o.ready),
            self.saturated.eq(reader.clamped + writer.saturated),
            unit.command.payload.eq(packets.o.payload.command),
        ]
        # A command of the quantiser for each token.
        token = Signal.like(packets.o.payload.tokens)
        final = token + 1 == packets.o.payload.tokens
        m.d.comb += [unit.command.valid.eq(packets.o.valid),
                     packets.o.ready.eq(unit.command.ready & final)]
        with m.If(unit.command.valid & unit.command.ready):
            m.d.sync += token.eq(Mux(final, 0, token + 1))
        return m

    def _commands(self, m, reader, unit, writer):
        """Hand a command to all parts in one cycle; return the queue of the quantiser's."""
        d, fields = self.command.payload.descriptor, self.command.payload.fields
        m.submodules.packets = packets = Queue(data.StructLayout({
            "command": command_layout(self._transform.quantiser), "tokens": 16}), 2)
        route, wanted, room, taken = Signal(route_layout), Signal(route_layout), Signal(), Signal()
        m.d.comb += [
            wanted.outer.eq(fields.outer),
            wanted.outer_m.eq(Mux(fields.outer, fields.log2_size, 0)),
            wanted.transform.eq(fields.transforms),
            wanted.quantise.eq(fields.quantises),
            room.eq(reader.command.ready & writer.command.ready & packets.i.ready
                    & (~self.working | (wanted == route))),
            self.command.ready.eq(room),
            taken.eq(self.command.valid & room),
            unit.route.eq(route),
        ]
        with m.If(taken):
            m.d.sync += route.eq(wanted)
        read, results = reader.command.payload, writer.command.payload
        quantiser = packets.i.payload.command
        m.d.comb += [
            reader.command.valid.eq(taken), writer.command.valid.eq(taken),
            packets.i.valid.eq(taken & fields.quantises),
            read.source.eq(d.source), read.step.eq(d.source_step), read.tokens.eq(d.tokens),
            read.element.eq(d.source_type), read.wide.eq(~fields.transforms),
            read.beats.eq(d.columns >> self._transform.lanes.bit_length() - 1),
            read.log2_size.eq(fields.log2_size),
            results.destination.eq(d.destination), results.step.eq(d.destination_step),
            results.tokens.eq(d.tokens), results.codes.eq(fields.quantises),
            results.element.eq(d.destination_type),
            results.scales.eq(d.scales), results.scaled.eq(fields.scaled),
            results.unsigned.eq(d.planes_used == Mode.ASYMMETRIC),
            quantiser.numbers.mode.eq(d.planes_used), quantiser.numbers.away.eq(d.trits),
            quantiser.numbers.bits.eq(d.planes_stored),
            quantiser.numbers.mantissa.eq(d.multiplier),
            quantiser.numbers.shift.eq(d.output_shift),
            quantiser.group.eq(fields.group), packets.i.payload.tokens.eq(d.tokens),
        ]
        return packets
