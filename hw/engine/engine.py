# SPDX-License-Identifier: Apache-2.0
"""The engine: scratchpad, memory port, control and the units."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.cuts import request_cut
from ...golden.shared import TRIT_PLANES
from ..seam import host_read, host_write, run_request
from ..stream import StreamRegister
from ..table import table_unit
from ..table.commands import table_command, walk_command
from .activations import ActivationReader
from .arbiter import MemoryArbiter
from .beats import BeatReader
from .control import Control, report_layout
from .host_port import HostPort
from .memory import MemorySignature, engine_request, longest_request
from .results import ResultWriter
from .scratchpad import Scratchpad
from .sparse import SparsePath
from .transform import TransformPath
from .vector import VectorPath

__all__ = ["Engine"]


class Engine(wiring.Component):
    """Run programs of matrix operations on vectors in a scratchpad.

    The host port is for one master that sends one command at a time: it reads and writes only while
    no program runs. See ``docs/link.md``, "Seam".

    Parameters
    ----------
    config : Configuration

    Members
    -------
    request : ``In(stream.Signature(host_read(config)))``, read : ``Out(stream.Signature(D))``
        Words of scratchpad or memory.
    write : ``In(stream.Signature(host_write(config)))``
    run : ``In(stream.Signature(run_request))``, report : ``Out(stream.Signature(report_layout))``
    memory : ``Out(MemorySignature(D, words, longest_request(config)))``
        Device memory.
    """

    def __init__(self, config: Configuration):
        if not isinstance(config, Configuration):
            raise TypeError(f"config must be a Configuration, not {config!r}")
        self._config = config
        bits = config.table.beat_bits
        super().__init__({
            "request": In(stream.Signature(host_read(config))),
            "read": Out(stream.Signature(bits)),
            "write": In(stream.Signature(host_write(config))),
            "run": In(stream.Signature(run_request)),
            "report": Out(stream.Signature(report_layout)),
            "memory": Out(MemorySignature(
                bits, config.memory.words, longest_request(config))),
        })

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.control = control = Control(config)
        m.submodules.scratchpad = scratchpad = Scratchpad(config)
        m.submodules.table = table = table_unit(config)
        m.submodules.activations = activations = ActivationReader(config)
        m.submodules.beats = beats = BeatReader(config)
        m.submodules.results = results = ResultWriter(config)
        m.submodules.arbiter = arbiter = MemoryArbiter(config)
        wiring.connect(m, wiring.flipped(self.run), control.run)
        wiring.connect(m, control.report, wiring.flipped(self.report))
        wiring.connect(m, activations.o, table.activations)
        wiring.connect(m, table.results, results.i)
        wiring.connect(m, control.request, arbiter.program_request)
        wiring.connect(m, arbiter.program_beat, control.beat)
        if request_cut(config):
            m.submodules.request = request = StreamRegister(engine_request(config))
            wiring.connect(m, beats.request, request.i)
            wiring.connect(m, request.o, arbiter.unit_request)
        else:
            wiring.connect(m, beats.request, arbiter.unit_request)
        m.d.comb += [
            activations.data.eq(scratchpad.unit_data),
            results.data.eq(scratchpad.other_data),
            control.starved.eq(table.starved),
        ]
        m.d.comb += [
            table.weights.payload.eq(arbiter.unit_beat.payload),
            table.weights.valid.eq(arbiter.unit_beat.valid),
            arbiter.unit_beat.ready.eq(table.weights.ready),
        ]
        wanted, room = self._dispatch(m, control, (activations, beats, results), table)
        m.d.comb += scratchpad.unit_address.eq(activations.address)
        other = Signal.like(results.address, name="other_address")
        m.d.comb += other.eq(results.address)
        self._connect_unit(m, control, scratchpad, results, table)
        paths = self._paths(m, control)
        self._share(m, control, scratchpad, other, paths, wanted, room)
        if "sparse" in paths:
            self._feed(m, control, paths["sparse"], beats, arbiter.unit_beat, table.weights)
        m.submodules.host = host = HostPort(config)
        for name in ("request", "write"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(host, name))
        wiring.connect(m, host.read, wiring.flipped(self.read))
        wiring.connect(m, host.to_scratchpad, scratchpad.host_write)
        wiring.connect(m, host.to_memory, wiring.flipped(self.memory.write))
        m.d.comb += [
            host.data.eq(scratchpad.other_data),
            scratchpad.other_address.eq(Mux(control.running, other, host.address)),
        ]
        with m.If(control.running):
            self._connect_memory(m, arbiter.request, arbiter.beat)
        with m.Else():
            self._connect_memory(m, host.memory_request, host.memory_beat)
        return m

    @staticmethod
    def _connect_unit(m, control, scratchpad, writer, unit):
        """Let a unit write results, and count what it does."""
        m.d.comb += [
            scratchpad.result.eq(writer.write),
            scratchpad.result_valid.eq(writer.write_valid),
            control.done.eq(writer.done),
            control.saturated.eq(writer.saturated),
            control.busy.eq(unit.busy),
            control.blocked.eq(unit.blocked),
        ]

    def _paths(self, m, control):
        """Return the units besides the tables, by name, with what they are to know."""
        config, paths = self._config, {}
        if config.transform is not None:
            m.submodules.transform = paths["transform"] = TransformPath(config)
            m.d.comb += [
                paths["transform"].command.payload.descriptor.eq(control.descriptor),
                paths["transform"].command.payload.fields.eq(control.transform),
            ]
        if config.vector is not None:
            m.submodules.vector = paths["vector"] = VectorPath(config)
            m.d.comb += paths["vector"].command.payload.eq(control.descriptor)
        if config.sparse is not None:
            m.submodules.sparse = paths["sparse"] = SparsePath(config)
            command = paths["sparse"].command.payload
            m.d.comb += [
                command.descriptor.eq(control.descriptor), command.words.eq(control.words),
                command.beats.eq(control.beats), command.groups.eq(control.row_groups),
                command.blocks.eq(control.blocks), control.malformed.eq(paths["sparse"].malformed),
            ]
        return paths

    def _share(self, m, control, scratchpad, other, paths, wanted, room):
        """Dispatch to any unit only when the one before has ended, and let one work.

        The tables' is the one that works unless another is known to.
        """
        mine = {name: getattr(control, f"for_{name}") for name in paths}
        at_work = {name: Signal(name=f"{name}_at_work") for name in paths}
        free = Signal()
        same = Cat(Const(1), *(at_work[name] == mine[name] for name in paths)).all()
        m.d.comb += [
            free.eq(~control.working | same),
            wanted.eq(control.dispatch.valid & free & ~Cat(*mine.values(), Const(0, 1)).any()),
            control.dispatch.ready.eq(free & room),
        ]
        for name, path in paths.items():
            m.d.comb += [
                path.command.valid.eq(control.dispatch.valid & free & mine[name]),
                path.working.eq(control.working),
                path.data.eq(scratchpad.unit_data),
            ]
            if name != "transform":
                m.d.comb += path.other_data.eq(scratchpad.other_data)
            with m.If(mine[name]):
                m.d.comb += control.dispatch.ready.eq(free & path.command.ready)
            with m.If(control.dispatch.valid & control.dispatch.ready):
                m.d.sync += at_work[name].eq(mine[name])
            with m.If(at_work[name]):
                m.d.comb += scratchpad.unit_address.eq(path.address)
                self._connect_unit(m, control, scratchpad, path, path)
                if name != "transform":
                    m.d.comb += other.eq(path.other_address)
                if name == "sparse":
                    m.d.comb += control.starved.eq(path.starved)

    @staticmethod
    def _feed(m, control, sparse, reader, beat, weights):
        """Ask for the packets of the sparse chain, as they lie, and give them to it."""
        m.d.comb += [sparse.request.ready.eq(reader.command.ready),
                     sparse.beats.payload.eq(beat.payload)]
        with m.If(control.for_sparse):
            m.d.comb += [
                reader.command.payload.walk.eq(0),
                reader.command.payload.tokens.eq(control.descriptor.tokens),
                reader.command.valid.eq(sparse.request.valid),
            ]
        with m.If(sparse.wants):
            m.d.comb += [weights.valid.eq(0), sparse.beats.valid.eq(beat.valid),
                         beat.ready.eq(sparse.beats.ready)]

    def _dispatch(self, m, control, movers, table):
        """Hand an operation to all that have a part in it, in the cycle in which it is wanted.

        Returns
        -------
        wanted : Signal
            To be set.
        room : Signal
            All have room for it; known a cycle later.
        """
        d, config = control.descriptor, self._config
        activations, beats, results = (mover.command.payload for mover in movers)
        words = config.activations_per_word
        walk = Signal(walk_command(config))
        at_once, times = config.table.tokens, Signal(16)  # the weights are read
        m.d.comb += times.eq((d.tokens + (at_once - 1)) >> (at_once.bit_length() - 1))
        m.d.comb += [
            walk.trits.eq(d.trits),
            walk.planes.eq(d.planes_stored),
            walk.rows.eq(d.rows),
            walk.columns.eq(d.columns),
            activations.source.eq(d.source),
            activations.step.eq(d.source_step),
            activations.words.eq((d.columns + words - 1) >> (words.bit_length() - 1)),
            activations.rows.eq(d.rows),
            activations.passes.eq(Mux(d.trits, TRIT_PLANES, d.planes_stored)
                                  if config.table.shared else 1),
            activations.tokens.eq(d.tokens),
            beats.weights.eq(d.weights),
            beats.scales.eq(d.scales),
            beats.beats.eq(control.beats),
            beats.tokens.eq(times),
            beats.walk.eq(walk),
            results.destination.eq(d.destination),
            results.step.eq(d.destination_step),
            results.tokens.eq(d.tokens),
            results.rows.eq(d.rows),
            results.element.eq(d.destination_type),
            results.accumulate.eq(d.accumulate),
        ]

        # The unit has a command for each time, the first in the cycle of the dispatch.
        left, taken = Signal(16), Signal()
        fresh, held = Signal(table_command(config)), Signal(table_command(config))
        m.d.comb += [
            fresh.walk.eq(walk),
            table.command.payload.eq(Mux(left != 0, held, fresh)),
            table.command.valid.eq(taken | (left != 0)),
        ]
        if config.table.words_at_once > 1:  # tokens of the last time, until then
            rest = d.tokens[: at_once.bit_length() - 1]
            m.d.comb += fresh.tokens.eq(Mux(rest == 0, at_once, rest))
            with m.If(Mux(left != 0, left, times) != 1):
                m.d.comb += table.command.payload.tokens.eq(at_once)
        if config.table.scaled:
            m.d.comb += [
                walk.used.eq(d.planes_used),
                walk.scaled.eq(d.scaled),
                walk.offsets.eq(d.offsets),
                walk.whole.eq(d.group == 0),
                walk.groups.eq(control.groups),
                fresh.stage.multiplier.eq(Mux(d.saturate, d.multiplier, 1)),
                fresh.stage.shift.eq(d.output_shift),
                fresh.stage.element.eq(d.destination_type),
            ]
        wanted, room = Signal(), Signal()
        m.d.comb += taken.eq(wanted & room)
        # Until there is a command, who has room keeps it.
        m.d.sync += room.eq(Cat(*(mover.command.ready for mover in movers)).all() & (left == 0)
                            & ~taken)
        m.d.comb += [mover.command.valid.eq(taken) for mover in movers]
        with m.If(taken):
            m.d.sync += [held.eq(fresh), left.eq(times - table.command.ready)]
        with m.Elif(table.command.valid & table.command.ready):
            m.d.sync += left.eq(left - 1)
        return wanted, room

    def _connect_memory(self, m, request, beat):
        """Give the read side of the memory to one master."""
        m.d.comb += [
            self.memory.request.valid.eq(request.valid),
            self.memory.request.payload.eq(request.payload),
            request.ready.eq(self.memory.request.ready),
            beat.valid.eq(self.memory.beat.valid),
            beat.payload.eq(self.memory.beat.payload),
            self.memory.beat.ready.eq(beat.ready),
        ]
