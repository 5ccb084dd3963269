# SPDX-License-Identifier: Apache-2.0
"""The sparse chain, its decoders, and what reads and writes for them."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.config import Configuration
from ...sparse import SparseChain
from ...sparse.decode import BlockDecoder
from ...sparse.decode.layouts import report_layout
from ...stream import Queue
from ...table.commands import scale_command
from ...vector import VectorUnit
from ..layouts import descriptor_layout
from ..sample_words import ResultWords
from ..samples import SampleReader
from ..scratchpad import scratchpad_write
from .blocks import BlockReader
from .packets import PacketFramer
from .single import SingleRows, matrix_shape
from .sums import RowSums

__all__ = ["SparsePath", "sparse_command"]


def sparse_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``descriptor``; ``words`` and ``beats`` of its packet; ``groups`` and ``blocks``: row groups,
    and blocks of a row.
    """
    chain, size = config.chain, range(config.memory.words + 1)
    return data.StructLayout({
        "descriptor": descriptor_layout, "words": size, "beats": size,
        "groups": range(-(-config.table.max_rows // chain.rows) + 1),
        "blocks": range(chain.columns // chain.block + 1)})


class SparsePath(wiring.Component):
    """Run SPARSE: packets from the memory times vectors of the scratchpad.

    Two commands are under way at most. The second begins while the first ends if it has the same
    format and output stage.

    Throughput: one beat a cycle; see :func:`luthier.golden.sparse_timing.sparse_cycles`.

    Parameters
    ----------
    config : Configuration
        With a sparse chain.

    Members
    -------
    command : ``In(stream.Signature(sparse_command(config)))``
    working : ``In(1)``
        Operations are under way.
    request : ``Out(stream.Signature(0))``
        The packet of the present command is to be read, for each token.
    wants : ``Out(1)``, beats : ``In(stream.Signature(D))``
        The next words from the memory are for this unit; those words.
    address, other_address : ``Out``, data, other_data : ``In(D)``
        Ports of the scratchpad to read.
    write : ``Out(scratchpad_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad to write.
    done : ``Out(1)``
        The oldest command ends in this cycle.
    busy, starved, blocked : ``Out(1)``
        A beat is taken; one is waited for; one waits.
    saturated : ``Out``
        Results out of range in this cycle.
    malformed : ``Out(16)``
        Words with a defect, in the cycle in which a packet ends; else 0.
    """

    def __init__(self, config: Configuration):
        assert config.sparse is not None
        self._config, self._sparse = config, config.sparse
        formats = range(len(config.sparse.kept) + config.sparse.csr)
        mode = {"format": formats, "add": 1, "stage": scale_command()}
        if config.sparse.csr:
            mode |= {"single": 1, "matrix": matrix_shape(config)}
        self._mode = data.StructLayout(mode)
        address, bits = range(config.scratchpad.words), config.table.beat_bits
        super().__init__({
            "command": In(stream.Signature(sparse_command(config))),
            "working": In(1),
            "request": Out(stream.Signature(0)),
            "wants": Out(1),
            "beats": In(stream.Signature(bits)),
            "address": Out(address),
            "data": In(bits),
            "other_address": Out(address),
            "other_data": In(bits),
            "write": Out(scratchpad_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
            "busy": Out(1),
            "starved": Out(1),
            "blocked": Out(1),
            "saturated": Out(range(config.sparse.lanes + 1)),
            "malformed": Out(report_layout["errors"].shape),
        })

    def elaborate(self, platform):
        m = Module()
        config, lanes = self._config, self._sparse.lanes
        m.submodules.framer = framer = PacketFramer(config)
        m.submodules.reader = reader = BlockReader(config)
        m.submodules.chain = chain = SparseChain(config.chain)
        m.submodules.rows = rows = RowSums(config)
        m.submodules.other = other = SampleReader(config, lanes, partial=True)
        m.submodules.unit = unit = VectorUnit(config, lanes)
        m.submodules.words = words = ResultWords(config, lanes)
        mode = Signal(self._mode)
        moved = {"packets": framer, "sums": rows, "results": words}
        m.d.comb += self.address.eq(reader.address)
        wiring.connect(m, wiring.flipped(self.beats), framer.beats)
        wiring.connect(m, reader.o, chain.blocks)
        self._decode(m, mode, framer, chain)
        m.d.comb += [rows.i.valid.eq(chain.o.valid), rows.i.payload.eq(chain.o.payload),
                     chain.o.ready.eq(rows.i.ready)]
        if self._sparse.csr:
            m.submodules.single = moved["singles"] = self._single(m, mode, framer, rows)
        self._commands(m, mode, reader, other, moved)
        wiring.connect(m, rows.o, unit.i)
        wiring.connect(m, other.o, unit.other)
        with m.Switch(mode.format):
            for number, kept in enumerate(self._sparse.kept):
                with m.Case(number):
                    m.d.comb += reader.span.eq((kept // config.chain.least).bit_length() - 1)
        m.d.comb += [
            reader.data.eq(self.data),
            self.other_address.eq(other.address), other.data.eq(self.other_data),
            unit.stage.eq(mode.stage), unit.add.eq(mode.add),
            words.i.valid.eq(unit.o.valid), unit.o.ready.eq(words.i.ready),
            words.i.payload.samples.eq(unit.o.payload.samples),
            words.i.payload.last.eq(unit.o.payload.last),
            self.write.eq(words.o.payload.write), self.write_valid.eq(words.o.valid),
            words.o.ready.eq(1),
            self.done.eq(words.command.valid & words.command.ready),
            self.busy.eq(self.beats.valid & self.beats.ready),
            self.blocked.eq(self.beats.valid & ~self.beats.ready),
            self.starved.eq(self.beats.ready & ~self.beats.valid),
            self.saturated.eq(Mux(unit.o.valid & unit.o.ready, unit.o.payload.saturated, 0)),
        ]
        return m

    def _decode(self, m, mode, framer, chain):
        """Give each packet to the decoder of its format."""
        errors = []
        for number, kept in enumerate(self._sparse.kept):
            decoder = BlockDecoder(self._sparse.form(kept, self._config.table.beat_bits))
            m.submodules[f"decoder_{kept}"] = decoder
            mine = Signal(name=f"kept_{kept}")
            m.d.comb += [
                mine.eq(mode.format == number),
                decoder.c.payload.eq(framer.c.payload), decoder.c.valid.eq(framer.c.valid & mine),
                decoder.i.payload.eq(framer.o.payload), decoder.i.valid.eq(framer.o.valid & mine),
                decoder.o.ready.eq(chain.weights.ready & mine),
                decoder.report.ready.eq(1),
            ]
            with m.If(mine):
                m.d.comb += [
                    framer.c.ready.eq(decoder.c.ready), framer.o.ready.eq(decoder.i.ready),
                    chain.weights.valid.eq(decoder.o.valid),
                    chain.weights.payload.eq(decoder.o.payload),
                ]
            errors.append(Mux(decoder.report.valid, decoder.report.payload.errors, 0))
        with m.Switch(mode.format):
            for number, count in enumerate(errors):
                with m.Case(number):
                    m.d.comb += self.malformed.eq(count)

    def _single(self, m, mode, framer, rows):
        """Return what takes packets of single weights, in the place of decoders and chain."""
        single = SingleRows(self._config)
        m.d.comb += [
            single.matrix.eq(mode.matrix), single.data.eq(self.data),
            single.c.valid.eq(framer.c.valid & mode.single),
            single.i.valid.eq(framer.o.valid & mode.single),
            single.i.payload.eq(framer.o.payload),
        ]
        with m.If(mode.single):
            m.d.comb += [
                framer.c.ready.eq(single.c.ready), framer.o.ready.eq(single.i.ready),
                rows.i.valid.eq(single.o.valid), rows.i.payload.eq(single.o.payload),
                single.o.ready.eq(rows.i.ready),
                self.address.eq(single.address), self.malformed.eq(single.errors),
            ]
        return single

    def _commands(self, m, mode, reader, other, moved):
        """Hand a command to all that have a part in it, in one cycle."""
        fresh, d = self.command.payload, self.command.payload.descriptor
        queues = {}
        for name, unit in moved.items():
            m.submodules[name] = queues[name] = Queue(unit.command.payload.shape(), 2)
            wiring.connect(m, queues[name].o, unit.command)
        wanted, room, taken = Signal(self._mode), Signal(), Signal()
        free = ~self.working
        if self._sparse.csr:
            # What fills up a row group still comes out of the chain behind the last result.
            free &= (wanted.single == mode.single) | ~moved["sums"].command.valid
        with m.Switch(d.planes_stored):
            for number, kept in enumerate(self._sparse.kept):
                with m.Case(kept):
                    m.d.comb += wanted.format.eq(number)
        m.d.comb += [
            wanted.add.eq(d.accumulate),
            wanted.stage.multiplier.eq(Mux(d.saturate, d.multiplier, 1)),
            wanted.stage.shift.eq(d.output_shift),
            wanted.stage.element.eq(d.destination_type),
            self.wants.eq(moved["packets"].command.valid),
            self.request.valid.eq(taken),
            room.eq(reader.command.ready & other.command.ready & self.request.ready
                    & Cat(queue.i.ready for queue in queues.values()).all()
                    & (free | (wanted == mode))),
            self.command.ready.eq(room), taken.eq(self.command.valid & room),
            reader.command.valid.eq(taken), other.command.valid.eq(taken & d.accumulate),
        ]
        m.d.comb += [queue.i.valid.eq(taken) for queue in queues.values()]
        if self._sparse.csr:
            single = queues["singles"].i
            m.d.comb += [
                wanted.single.eq(d.planes_stored == 0),
                reader.command.valid.eq(taken & ~wanted.single),
                single.valid.eq(taken & wanted.single),
                single.payload.source.eq(d.source), single.payload.step.eq(d.source_step),
                single.payload.tokens.eq(d.tokens),
            ]
            with m.If(wanted.single):
                m.d.comb += [wanted.format.eq(len(self._sparse.kept)),
                             wanted.matrix.rows.eq(d.rows), wanted.matrix.columns.eq(d.columns)]
        with m.If(taken):
            m.d.sync += mode.eq(wanted)
        read, added = reader.command.payload, other.command.payload
        packets, sums, written = (queues[name].i.payload
                                  for name in ("packets", "sums", "results"))
        lanes = self._sparse.lanes
        log2_lanes = lanes.bit_length() - 1
        m.d.comb += [
            read.source.eq(d.source), read.step.eq(d.source_step), read.tokens.eq(d.tokens),
            read.blocks.eq(fresh.blocks), read.groups.eq(fresh.groups),
            added.source.eq(d.destination), added.step.eq(d.destination_step),
            added.tokens.eq(d.tokens), added.element.eq(d.destination_type),
            added.beats.eq((d.rows + (lanes - 1)) >> log2_lanes),
            added.tail.eq((d.rows - 1)[:log2_lanes]),
            packets.words.eq(fresh.words), packets.beats.eq(fresh.beats),
            packets.tokens.eq(d.tokens),
            sums.rows.eq(d.rows), sums.tokens.eq(d.tokens),
            written.destination.eq(d.destination), written.step.eq(d.destination_step),
            written.tokens.eq(d.tokens), written.element.eq(d.destination_type),
        ]
