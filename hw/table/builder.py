# SPDX-License-Identifier: Apache-2.0
"""Builders: activations in, tables of their signed sums out, one entry a cycle each."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import entry_width
from ...golden.timing import build_cycles
from ...golden.weights import HALF2, HALF3
from ..arithmetic import add_subtract
from ..stream import Queue
from .commands import part, take, walk_command

__all__ = ["TableBuilder"]


class _Step(data.Struct):
    """What one builder does in one cycle, and where the sum of the cycle before goes."""

    select: 3  #: staged activation
    zero: 1  #: add nothing
    double: 1  #: add twice the activation
    subtract: 1
    clear: 1  #: start from zero
    write: 1
    entry: 4
    active: 1  #: not one of the steps that only fill a program up


def _plane_steps() -> list[dict]:
    """Return the steps for a table of K = 4 sign planes: entry i is x3 + sum((2 i_j - 1) x_j)."""
    steps = [{"select": 3, "clear": 1}] + [{"select": j, "subtract": 1} for j in (2, 1, 0)]
    steps[-1] |= {"write": 1, "entry": 0}
    entry = 0
    for step in range(1, 8):
        j = (step & -step).bit_length() - 1
        entry ^= 1 << j
        steps.append({"select": j, "double": 1, "subtract": int(not entry >> j & 1),
                      "write": 1, "entry": entry})
    return steps


def _trit_steps(half: tuple, lanes: list[int], first: int, zero: int) -> list[dict]:
    """Return the steps for a half table of trits.

    ``half`` lists the vectors from entry ``first`` on, ``lanes`` the staged activations of their
    digits; the zero vector goes to entry ``zero``.
    """
    steps = [{"zero": 1, "clear": 1, "write": 1, "entry": zero}]
    before = (0,) * len(lanes)
    for entry, vector in enumerate(half, start=first):
        digit, = (d for d in range(len(lanes)) if vector[d] != before[d])
        steps.append({"select": lanes[digit], "subtract": int(vector[digit] < before[digit]),
                      "write": 1, "entry": entry})
        before = vector
    return steps


class TableBuilder(wiring.Component):
    """Load the activations of a tile and build its tables, in two phases of D/8 builders.

    Table t of the D/4 belongs to builder ``t % (D/8)`` and phase ``t // (D/8)``. A builder adds
    plus or minus one staged activation a cycle and writes an entry nearly every cycle (Gray order).
    Each has four staged activations of its own, columns 4j to 4j+3 of a half tile; for trits each
    pair of builders shares two more from the last eighth of the tile, which makes two bytes of five
    trits.

    For each command, each row block and each tile, it takes the words of the tile from
    ``activations`` (missing columns count as zero) and fills a bank that is free. There are two
    banks.

    Latency: ``build_cycles(config, trits)`` from the first word to the last step; three cycles
    later the bank is ready.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(walk_command(config)))``
    activations : ``In(stream.Signature(ArrayLayout(signed(A), P)))``
        Words of P consecutive activations; for each row block all words of the vector.
    release : ``In(1)``
        The bank in use is free from the next cycle on.
    ready : ``Out(2)``
        Banks whose tables are complete.
    bank, phase : ``Out(1)``
        Where the builders write.
    entry : ``Out(ArrayLayout(signed(A + 2), D/8))``
        One word from each builder.
    write : ``Out(2)``, address_even : ``Out(4)``, address_odd : ``Out(3)``
        Strobe and entry of the even and the odd builders.
    """

    def __init__(self, config: Configuration):
        self._config = config
        t = config.table
        self._builders = t.beat_bits // 8
        super().__init__({
            "command": In(stream.Signature(walk_command(config))),
            "activations": In(stream.Signature(
                data.ArrayLayout(signed(t.activation_bits), config.activations_per_word))),
            "release": In(1),
            "ready": Out(2),
            "bank": Out(1),
            "phase": Out(1),
            "entry": Out(signed(entry_width(t.activation_bits))).array(self._builders),
            "write": Out(2),
            "address_even": Out(4),
            "address_odd": Out(3),
        })

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    def latency(self, trits: bool) -> int:
        """Cycles from the first activation word of a tile to its last builder step."""
        return build_cycles(self._config, trits)

    def elaborate(self, platform):
        m = Module()
        t, per_word = self._config.table, self._config.activations_per_word
        m.submodules.commands = commands = Queue(walk_command(self._config), 2)
        wiring.connect(m, wiring.flipped(self.command), commands.i)
        command = Signal(part(walk_command(self._config), "trits", "columns"))
        rows_left = Signal(range(t.max_rows + 1))
        # Columns of this row block not loaded yet; one word below zero after the last.
        left = Signal(range(t.max_columns + 1))
        filled = Signal(2)
        bank, phase = Signal(), Signal()
        word = Signal(range(5 * self._config.activation_bytes))
        index = Signal(4)
        load, step, done = Signal(), Signal(), Signal()

        words = Mux(command.trits, 5, 4) * self._config.activation_bytes
        last_word, last_step = Signal(), Signal()
        missing = Signal()
        m.d.comb += [
            missing.eq(left == 0),
            last_word.eq(word == words - 1),
            last_step.eq(index == Mux(command.trits, len(HALF3) - 1, 10)),
        ]
        with m.FSM(name="state"):
            with m.State("IDLE"):
                with m.If(commands.o.valid):
                    m.d.comb += commands.o.ready.eq(1)
                    m.d.sync += [
                        take(command, commands.o.payload),
                        rows_left.eq(commands.o.payload.rows),
                        left.eq(commands.o.payload.columns),
                    ]
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [
                    load.eq(~filled.bit_select(bank, 1) & (self.activations.valid | missing)),
                    self.activations.ready.eq(~filled.bit_select(bank, 1) & ~missing),
                ]
                with m.If(load):
                    m.d.sync += word.eq(Mux(last_word, 0, word + 1))
                    m.d.sync += left.eq(Mux(left > per_word, left - per_word, 0))
                    with m.If(last_word):
                        m.next = "BUILD"
            with m.State("BUILD"):
                m.d.comb += step.eq(1)
                m.d.sync += index.eq(Mux(last_step, 0, index + 1))
                with m.If(last_step):
                    m.d.sync += phase.eq(~phase)
                    m.next = "BUILD"
                    with m.If(~phase & ~command.trits):
                        m.next = "LOAD"
                    with m.If(phase):
                        m.d.comb += done.eq(1)
                        m.d.sync += bank.eq(~bank)
                        m.next = "LOAD"
                        with m.If(missing):
                            m.d.sync += [
                                rows_left.eq(rows_left - t.row_block),
                                left.eq(command.columns),
                            ]
                            with m.If(rows_left <= t.row_block):
                                m.d.comb += commands.o.ready.eq(1)
                                m.d.sync += [
                                    take(command, commands.o.payload),
                                    rows_left.eq(commands.o.payload.rows),
                                    left.eq(commands.o.payload.columns),
                                ]
                                with m.If(~commands.o.valid):
                                    m.next = "IDLE"
        self._account(m, bank, done, filled)
        staged = self._stage(m, load, word, left)
        self._build(m, staged, command.trits, phase, bank, step, index)
        return m

    def _account(self, m, bank, done, filled):
        """Keep count of which banks are filled, and, three cycles later, ready."""
        used = Signal()
        finished = Signal(2)  # by bank, one cycle before the last entry is written
        delayed = [finished]
        for stage in range(2):
            delayed.append(Signal(2, name=f"finished_{stage}"))
            m.d.sync += delayed[-1].eq(delayed[-2])
        m.d.comb += finished.eq(done << bank)
        for number in range(2):
            with m.If(done & (bank == number)):
                m.d.sync += filled[number].eq(1)
            with m.If(delayed[-1][number]):
                m.d.sync += self.ready[number].eq(1)
            with m.If(self.release & (used == number)):
                m.d.sync += [filled[number].eq(0), self.ready[number].eq(0)]
        with m.If(self.release):
            m.d.sync += used.eq(~used)

    def _stage(self, m, load, word, left):
        """Register the words of a half tile, and for trits one eighth more; zero beyond the end."""
        width, per_word = self._config.table.activation_bits, self._config.activations_per_word
        # Lane n counts if n < left: a shift of ones, which saturates where the word is full.
        present, count = Signal(per_word), Signal(range(per_word + 1))
        ones = (1 << per_word) - 1
        m.d.comb += [
            count.eq(Mux(left > per_word, per_word, left)),
            present.eq(~(Const(ones, per_word) << count)),
        ]
        activations = Signal(per_word * width)
        m.d.comb += activations.eq(Cat(
            Mux(present[lane], self.activations.payload[lane], 0)[:width]
            for lane in range(per_word)))
        staged = []
        for number in range(5 * self._config.activation_bytes):
            register = Signal(per_word * width, name=f"staged_{number}", reset_less=True)
            with m.If(load & (word == number)):
                m.d.sync += register.eq(activations)
            staged += [register.word_select(lane, width).as_signed() for lane in range(per_word)]
        return staged

    def _build(self, m, staged, trits, phase, bank, step, index):
        """Three stages: look up the step, select the activation, add; then the entry is written."""
        width = self._config.table.activation_bits
        planes = _plane_steps()
        programs = (  # of the even and the odd builders, by phase
            (_trit_steps(HALF3[1:], [0, 1, 2], 1, 0), _trit_steps(HALF3[1:], [3, 4, 5], 1, 0)),
            (_trit_steps(HALF2, [0, 1], 0, 4), _trit_steps(HALF2, [2, 3], 0, 4)),
        )
        for odd, address in enumerate((self.address_even, self.address_odd)):
            # Sixteen steps for each alphabet and phase; the sixteenth does nothing.
            rows = [[fields | {"active": 1} for fields in program] + [{}] * (16 - len(program))
                    for program in (planes, planes, *programs[odd])]
            m.submodules[f"program_{odd}"] = program = memory.Memory(
                shape=_Step, depth=64, init=[fields for row in rows for fields in row])
            port = program.read_port()
            m.d.comb += port.addr.eq(Cat(Mux(step, index, 15), phase, trits))
            now, then = port.data, Signal(_Step, name=f"sum_{odd}",
                                              reset_less=True)
            m.d.sync += then.eq(now)
            written = Signal(name=f"written_{odd}")
            entry = Signal.like(address, name=f"entry_{odd}", reset_less=True)
            m.d.sync += [written.eq(then.write), entry.eq(then.entry)]
            m.d.comb += [self.write[odd].eq(written), address.eq(entry)]
            for builder in range(odd, self._builders, 2):
                own = staged[4 * builder : 4 * builder + 4]
                shared = staged[4 * self._builders + builder : 4 * self._builders + builder + 2]
                operand = Signal(signed(width + 1), name=f"operand_{builder}", reset_less=True)
                total = Signal.like(self.entry[builder], name=f"total_{builder}", reset_less=True)
                m.d.comb += self.entry[builder].eq(total)
                with m.If(now.active):
                    with m.Switch(now.select):
                        for choice, value in enumerate(own if odd else own + shared):
                            with m.Case(choice):
                                m.d.sync += operand.eq(
                                    Mux(now.zero, 0, Mux(now.double, value << 1, value)))
                with m.If(then.active):
                    m.d.sync += total.eq(
                        add_subtract(Mux(then.clear, 0, total), operand, then.subtract))
        stages = [Cat(phase, bank)]
        for stage in range(3):
            stages.append(Signal(2, name=f"target_{stage}"))
            m.d.sync += stages[-1].eq(stages[-2])
        m.d.comb += Cat(self.phase, self.bank).eq(stages[-1])
