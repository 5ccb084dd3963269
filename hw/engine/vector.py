# SPDX-License-Identifier: Apache-2.0
"""The vector unit between scratchpad and scratchpad."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element, Opcode
from ..fwht.lanes import Narrow, Widen
from ..stream import Queue
from ..table.commands import scale_command
from ..vector import Lookup, VectorUnit
from ..vector.lookup import lookup_command
from .layouts import descriptor_layout
from .sample_words import ResultWords, result_words_command
from .samples import SampleReader
from .scratchpad import scratchpad_write

__all__ = ["VectorPath"]

#: What holds while samples are in the unit.
_mode_layout = data.StructLayout({"gather": 1, "add": 1, "stage": scale_command()})


class VectorPath(wiring.Component):
    """Run RESCALE, ADD and GATHER on vectors in the scratchpad.

    Two commands are under way at most. The second begins while the first ends if it does the same
    with the same numbers.

    Throughput: one beat a cycle; a gathered element a cycle. See
    :func:`luthier.golden.vector_timing.vector_cycles`.

    Parameters
    ----------
    config : Configuration
        With a vector unit.

    Members
    -------
    command : ``In(stream.Signature(descriptor_layout))``
    working : ``In(1)``
        Operations are under way.
    address, other_address : ``Out``, data, other_data : ``In(D)``
        Ports of the scratchpad to read.
    write : ``Out(scratchpad_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad to write.
    done : ``Out(1)``
        The oldest command ends in this cycle.
    busy, blocked : ``Out(1)``
        A beat of samples, or of numbers, is taken; one waits.
    saturated : ``Out``
        Results out of range in this cycle.
    """

    def __init__(self, config: Configuration):
        assert config.vector is not None
        self._config, self._lanes = config, config.vector.lanes
        address, bits = range(config.scratchpad.words), config.table.beat_bits
        super().__init__({
            "command": In(stream.Signature(descriptor_layout)),
            "working": In(1),
            "address": Out(address),
            "data": In(bits),
            "other_address": Out(address),
            "other_data": In(bits),
            "write": Out(scratchpad_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
            "busy": Out(1),
            "blocked": Out(1),
            "saturated": Out(range(self._lanes + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        config, lanes = self._config, self._lanes
        m.submodules.reader = reader = SampleReader(config, lanes, partial=True)
        m.submodules.other = other = SampleReader(config, lanes, partial=True)
        m.submodules.unit = unit = VectorUnit(config, lanes)
        m.submodules.narrow = narrow = Narrow(lanes, 1, 32)
        m.submodules.lookup = lookup = Lookup(config)
        m.submodules.widen = widen = Widen(1, lanes, 32)
        m.submodules.words = words = ResultWords(config, lanes)
        mode = Signal(_mode_layout)
        self._commands(m, mode, reader, other, lookup, words)
        wiring.connect(m, other.o, unit.other)
        wiring.connect(m, narrow.o, lookup.i)
        wiring.connect(m, lookup.o, widen.i)
        m.d.comb += [
            self.address.eq(reader.address), reader.data.eq(self.data),
            self.other_address.eq(Mux(mode.gather, lookup.address, other.address)),
            other.data.eq(self.other_data), lookup.data.eq(self.other_data),
            narrow.i.payload.eq(reader.o.payload), unit.i.payload.eq(reader.o.payload),
            narrow.i.valid.eq(reader.o.valid & mode.gather),
            unit.i.valid.eq(reader.o.valid & ~mode.gather),
            reader.o.ready.eq(Mux(mode.gather, narrow.i.ready, unit.i.ready)),
            unit.stage.eq(mode.stage), unit.add.eq(mode.add),
            widen.o.ready.eq(words.i.ready & mode.gather),
            unit.o.ready.eq(words.i.ready & ~mode.gather),
            words.i.valid.eq(Mux(mode.gather, widen.o.valid, unit.o.valid)),
            words.i.payload.samples.eq(
                Mux(mode.gather, widen.o.payload.samples, unit.o.payload.samples)),
            words.i.payload.last.eq(Mux(mode.gather, widen.o.payload.last, unit.o.payload.last)),
            self.write.eq(words.o.payload.write), self.write_valid.eq(words.o.valid),
            words.o.ready.eq(1),
            self.done.eq(words.command.valid & words.command.ready),
            self.busy.eq(reader.o.valid & reader.o.ready),
            self.blocked.eq(reader.o.valid & ~reader.o.ready),
            self.saturated.eq(Mux(mode.gather, lookup.outside, Mux(
                unit.o.valid & unit.o.ready, unit.o.payload.saturated, 0))),
        ]
        return m

    def _commands(self, m, mode, reader, other, lookup, words):
        """Hand a command to all that have a part in it, in one cycle."""
        d, config = self.command.payload, self._config
        m.submodules.lookups = lookups = Queue(lookup_command(config), 2)
        m.submodules.results = results = Queue(result_words_command(config), 2)
        wiring.connect(m, lookups.o, lookup.command)
        wiring.connect(m, results.o, words.command)
        wanted, room, taken = Signal(_mode_layout), Signal(), Signal()
        gather, add = d.opcode == Opcode.GATHER, d.opcode == Opcode.ADD
        m.d.comb += [
            wanted.gather.eq(gather), wanted.add.eq(add),
            wanted.stage.multiplier.eq(d.multiplier), wanted.stage.shift.eq(d.output_shift),
            wanted.stage.element.eq(d.destination_type),
            room.eq(reader.command.ready & other.command.ready & lookups.i.ready
                    & results.i.ready & (~self.working | (wanted == mode))),
            self.command.ready.eq(room), taken.eq(self.command.valid & room),
            reader.command.valid.eq(taken), other.command.valid.eq(taken & add),
            lookups.i.valid.eq(taken & gather), results.i.valid.eq(taken),
        ]
        with m.If(taken):
            m.d.sync += mode.eq(wanted)
        log2_lanes = self._lanes.bit_length() - 1
        for command in (reader.command.payload, other.command.payload):
            m.d.comb += [
                command.tokens.eq(d.tokens),
                command.beats.eq((d.columns + (self._lanes - 1)) >> log2_lanes),
                command.tail.eq((d.columns - 1)[:log2_lanes]),
            ]
        read, added = reader.command.payload, other.command.payload
        number = Mux(d.planes_stored == 4, Element.INT32, Element.INT16)
        looked, written = lookups.i.payload, results.i.payload
        m.d.comb += [
            read.source.eq(Mux(gather, d.scales, d.source)),
            read.step.eq(Mux(gather, 0, d.source_step)),
            read.element.eq(Mux(gather, number, d.source_type)),
            added.source.eq(d.scales), added.step.eq(d.destination_step),
            added.element.eq(d.destination_type),
            looked.source.eq(d.source), looked.step.eq(d.source_step), looked.rows.eq(d.rows),
            looked.columns.eq(d.columns), looked.element.eq(d.source_type),
            looked.tokens.eq(d.tokens),
            written.destination.eq(d.destination), written.step.eq(d.destination_step),
            written.tokens.eq(d.tokens), written.element.eq(d.destination_type),
        ]
