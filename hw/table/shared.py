# SPDX-License-Identifier: Apache-2.0
"""The unit with tables in registers as the engine has it."""

from amaranth import *
from amaranth.lib import wiring

from ...golden.config import Configuration
from ...golden.descriptor import Descriptor
from ...golden.entries import dropped_bits
from ...golden.timing import cycles
from ..stream import Queue, ReservedQueue
from .commands import scale_command
from .ports import unit_ports
from .registers import RegisterUnit
from .stage import OutputStage, output_latency, result_layout

__all__ = ["SharedTableUnit"]


class SharedTableUnit(wiring.Component):
    """A :class:`~.registers.RegisterUnit`, and the output stage behind it.

    ``cycles(descriptor)`` is the time of a whole operation in the engine. Throughput: one beat a
    cycle. Any stream may stall at any time.

    Parameters
    ----------
    config : Configuration
        With ``table.store`` = "registers".

    Members
    -------
    The same as of :class:`~.unit.TableUnit`, but: a command is for up to M ``tokens``, activations
    are M words side by side, those of the vectors for each plane of each row block; weights are in
    the order of :mod:`luthier.golden.shared`; for each row block come the results of one token
    after those of the other.
    """

    def __init__(self, config: Configuration):
        t, layout = config.table, config.table.shared
        if layout is None:
            raise ValueError(f"table.store must be 'registers', not {t.store!r}")
        self._config = config
        activations = config.activations_per_word
        self._unit = RegisterUnit(
            layout, tokens=t.tokens, activation_bits=t.activation_bits, words=activations,
            max_rows=t.max_rows, max_columns=t.max_columns, dropped=dropped_bits(config))
        super().__init__(unit_ports(config))

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a block to its first result at the output."""
        return self._unit.latency + (output_latency(self._config) + 1) * self._config.table.scaled

    def cycles(self, d: Descriptor) -> int:
        """Return the exact cycles of an operation, see :func:`luthier.golden.timing.cycles`."""
        return cycles(self._config, d)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self._unit
        command, walk = self.command, self.command.payload.walk
        room = Signal(init=1)
        m.d.comb += [
            command.ready.eq(unit.command.ready & room),
            unit.command.valid.eq(command.valid & room),
            *(unit.command.payload[name].eq(walk[name])
              for name in ("rows", "columns", "planes", "trits")),
            unit.command.payload.tokens.eq(
                command.payload.tokens if self._config.table.tokens > 1 else 1),
            self.activations.ready.eq(unit.activations.ready),
            unit.activations.valid.eq(self.activations.valid),
            unit.activations.payload.eq(self.activations.payload),
            self.busy.eq(unit.busy),
            self.starved.eq(unit.starved),
            self.blocked.eq(unit.blocked),
        ]
        wiring.connect(m, wiring.flipped(self.weights), unit.weights)
        value = unit.results.payload.value
        if not self._config.table.scaled:
            m.d.comb += [
                self.results.valid.eq(unit.results.valid),
                self.results.payload.value.eq(value),
                self.results.payload.last.eq(unit.results.payload.last),
                unit.results.ready.eq(self.results.ready),
            ]
            return m
        # Of the operation whose results leave, and of those that have begun since.
        m.submodules.stages = stages = Queue(scale_command(), 4)
        m.submodules.output = output = OutputStage(self._config)
        m.submodules.queue = queue = ReservedQueue(result_layout, 16)
        taken = Signal()
        m.d.comb += [
            room.eq(stages.i.ready),
            stages.i.valid.eq(command.valid & unit.command.ready),
            stages.i.payload.eq(command.payload.stage),
            unit.results.ready.eq(queue.room),
            taken.eq(unit.results.valid & queue.room),
            queue.reserve.eq(taken),
            stages.o.ready.eq(taken & unit.results.payload.last),
            output.valid.eq(taken),
            output.total.eq(value),
            output.last.eq(unit.results.payload.last),
            output.stage.eq(stages.o.payload),
            queue.write.eq(output.result_valid),
            queue.word.eq(output.result),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.results))
        return m
