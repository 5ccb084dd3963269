# SPDX-License-Identifier: Apache-2.0
"""A builder of deep ternary tables that reads its activations one by one from block RAM."""

from amaranth import *
from amaranth.lib import memory, wiring

from ...golden.config import Configuration
from ...golden.table import entry_width
from ...golden.timing import build_cycles, reads_lanes
from ..adder import add
from ..arithmetic import below
from ..counter import StepCounter
from ..lane_ram import LaneRam
from ..tree import delayed
from .commands import TILE, take, walk_command
from .handover import builder_ports, offer_tiles
from .programs import lane_layout, lane_steps

__all__ = ["NarrowBuilder"]

#: Cycles from a step to what it does: read it, a register, read the activation, choose, add.
_TO_ADDRESS, _TO_SUM, _TO_WRITE = 2, 5, 6
#: Words of activations in a tile of trits.
_WORDS = 5


class NarrowBuilder(wiring.Component):
    """Load the activations of a tile and build its tables, as :class:`~.builder.TableBuilder` does.

    For deep tables of trits alone in four rounds, where a table has columns of the same eight lanes
    of every word (:func:`luthier.golden.timing.reads_lanes`). A word of activations goes into block
    RAM as it comes, and each builder reads from it the one that it adds: there are neither staging
    registers nor a choice among them. What it reads, and where the sum goes, is a program of one
    word for each step of a tile. Missing columns are found by their number when they are read.

    Latency: ``build_cycles(config, True)`` from the first activation word of a tile to the last
    step, and one cycle more before the first tile of a command that was waiting; the tile is
    offered six cycles later. One more command can wait.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    Those of :class:`~.builder.TableBuilder`.

    Raises
    ------
    ValueError
        If the configuration is not as said above.
    """

    def __init__(self, config: Configuration):
        if not reads_lanes(config):
            raise ValueError("config must have deep tables of trits alone, in four rounds and of "
                             "at most 8 bits, for activations to be read one by one")
        self._config = config
        super().__init__(builder_ports(config))

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    def latency(self, trits: bool = True) -> int:
        """Cycles from the first activation word of a tile to its last builder step."""
        return build_cycles(self._config, trits)

    def elaborate(self, platform):
        m = Module()
        t = self._config.table
        walk = _Walk(m, self._config, self.command)
        done, load, last_step, postponed = Signal(), Signal(), Signal(), Signal()

        # Words are loaded while it is negative; then it is the step.
        program = lane_steps(self._config)
        index = Signal(len(program).bit_length(), init=len(program))
        loading, able = index[-1], Signal()
        last_word = index[: (_WORDS * t.tokens - 1).bit_length()] == _WORDS * t.tokens - 1
        bank, full, offered = offer_tiles(m, self, done, _TO_WRITE - 1)
        m.d.comb += [
            able.eq(loading & walk.able & ~full & ~postponed),
            load.eq(able & (self.activations.valid | ~walk.here)),
            self.activations.ready.eq(able & walk.here),
            done.eq((last_step | postponed) & ~offered),
        ]
        m.d.sync += postponed.eq((last_step | postponed) & offered)
        with m.If(load | ~loading):
            m.d.sync += index.eq(index + 1)
        with m.If(load & last_word):
            m.d.sync += index.eq(0)
        token_bits = t.tokens.bit_length() - 1
        token, word = index[:token_bits], index[token_bits : token_bits + 3]
        walk.connect(m, self.tile, load & token.all() if token_bits else load, done, word, bank)

        rams = [LaneRam(t.activation_bits, self._config.activations_per_word, 16, len(self.entry))
                for _ in range(t.tokens)]
        for number, ram in enumerate(rams):
            m.submodules[f"activations_{number}"] = ram
            m.d.comb += [
                ram.write.eq(load & (token == number)),
                ram.write_address.eq(Cat(word, bank)),
                ram.word.eq(Cat(lane for lane in self.activations.payload)),
            ]
        self._build(m, rams, program, index, bank, walk, last_step)
        return m

    def _build(self, m, rams, program, index, bank, walk, last_step):
        """Look up a step, read an activation for each builder, add, and write the entry."""
        t, builders = self._config.table, range(len(self.entry))
        m.submodules.program = rom = memory.Memory(
            shape=lane_layout(self._config), depth=len(program), init=program,
            attrs={"rom_style": "block"})
        port, step = rom.read_port(), Signal(lane_layout(self._config))
        resting = delayed(m, "resting", index[-1])
        m.d.comb += [port.addr.eq(index[:-1]), last_step.eq(step.last)]
        m.d.sync += [step.eq(port.data), step.write.eq(port.data.write & ~resting)]
        sums = delayed(m, "sum", Cat(step.subtract, step.clear), _TO_SUM - _TO_ADDRESS)
        turn = index[-1 - len(self.turn) : -1]
        m.d.comb += [
            self.turn.eq(delayed(m, "turn", turn, _TO_WRITE)),
            self.bank.eq(delayed(m, "bank", bank, _TO_WRITE)),
            Cat(self.write, self.address).eq(
                delayed(m, "entry", Cat(step.write, step.entry), _TO_WRITE - _TO_ADDRESS)),
        ]
        read_bank = delayed(m, "read_bank", bank, _TO_ADDRESS)
        for ram in rams:
            m.d.comb += [ram.address.eq(Cat(step.word, read_bank)), ram.lane.eq(step.lane)]
        place = delayed(m, "place", Cat(step.lane, step.word))
        # The walk goes on while the last steps are under way.
        limit = delayed(m, "limit", Cat(walk.rest, walk.edge, walk.ends), enable=~index[-1])
        for builder in builders:
            share = Const(builder, (len(builders) - 1).bit_length())
            column = Cat(place[: len(step.lane)], share, place[len(step.lane):])
            missing = Signal(name=f"missing_{builder}")
            m.d.sync += missing.eq(limit[-1] & ~below(column, limit[:-1]))
            totals = []
            for token, ram in enumerate(rams):
                name = f"{builder}_{token}" if t.tokens > 1 else f"{builder}"
                x = Signal(signed(t.activation_bits), name=f"x_{name}", reset_less=True)
                total = Signal(signed(entry_width(self._config)), name=f"total_{name}",
                               reset_less=True)
                m.d.sync += x.eq(ram.value[builder])
                with m.If(missing):  # the reset of a register costs nothing
                    m.d.sync += x.eq(0)
                m.d.sync += total.eq(add(m, f"add_{name}", [total, x], len(total),
                                         complement=(0, sums[0]), carry=(sums[0], 0)))
                with m.If(sums[1]):
                    m.d.sync += total.eq(0)
                totals.append(total)
            m.d.comb += self.entry[builder].eq(Cat(totals))


class _Walk:
    """Count words of the vector and row blocks, and describe tiles.

    Attributes
    ----------
    able, here : Value
        There is work to load; the next word of it is there.
    ends, edge, rest : Value
        Whether columns end in this tile, after how many words, and how many lanes more.
    """

    def __init__(self, m, config: Configuration, commands):
        layout = walk_command(config)
        following = Signal(layout, name="following", reset_less=True)
        self._command = command = Signal(layout, name="command", reset_less=True)
        waiting, self._fresh, self.able = (Signal(name=name) for name in (
            "waiting", "fresh", "able"))
        self._accept = accept = Signal(name="accept")
        m.d.comb += commands.ready.eq(~waiting)
        m.d.sync += [
            waiting.eq((waiting & ~accept) | (~waiting & commands.valid)),
            self._fresh.eq(accept & waiting),
        ]
        with m.If(~waiting):
            m.d.sync += following.eq(commands.payload)
        with m.If(accept):
            m.d.sync += command.eq(following)
        per_word, block = config.activations_per_word, config.table.row_block
        self._words, self.rest = _split(command.columns, per_word.bit_length() - 1)
        self._blocks, self._rows = _split(command.rows, block.bit_length() - 1)
        self.here, self.ends = Signal(name="here"), Signal(name="ends", reset_less=True)
        self.edge = Signal(3, name="edge", reset_less=True)

    def connect(self, m, tile, placed, done, word, bank):
        """Follow the words that are loaded, of all tokens, and the tiles that are done."""
        m.submodules.words = words = StepCounter(len(self._words))
        m.submodules.blocks = blocks = StepCounter(len(self._blocks))
        partial, last_block, first = (Signal(name=name, reset_less=True)
                                      for name in ("partial", "last_block", "first"))
        block_end, restart, command_end = Signal(), Signal(), Signal()
        m.d.sync += self.able.eq(self._fresh | (self.able & ~command_end))
        m.d.comb += [
            self.here.eq(words.more | (partial & ~self.ends)),
            block_end.eq(done & ~self.here),
            restart.eq(self._fresh | block_end),
            self._accept.eq(~(self._fresh | self.able) | command_end),
            command_end.eq(block_end & last_block),
            words.enable.eq(restart | placed),
            words.load.eq(restart),
            words.steps.eq(self._words),
            blocks.enable.eq(restart),
            blocks.load.eq(self._fresh),
            blocks.steps.eq(self._blocks),
        ]
        m.d.sync += [  # known long before a tile is done
            partial.eq(self.rest != 0),
            last_block.eq(~blocks.more | (blocks.number.all() & (self._rows == 0))),
        ]
        with m.If(placed & ~words.more):
            m.d.sync += self.ends.eq(1)
        with m.If(placed & ~words.more & ~self.ends):
            m.d.sync += self.edge.eq(word)
        with m.If(restart):
            m.d.sync += self.ends.eq(0)

        record = Signal(tile.payload.shape(), name="record", reset_less=True)
        m.d.comb += tile.payload.eq(record)
        with m.If(done):
            m.d.sync += [
                *take(record, self._command, but=TILE),
                record.bank.eq(bank),
                first.eq(0),
                record.rows.eq(Cat(self._rows, blocks.more)),
                record.first.eq(first),
                record.final.eq(~self.here),
                record.last.eq(command_end),
            ]
            with m.If(blocks.more):
                m.d.sync += record.rows[: len(self._rows)].eq(0)
        with m.If(restart):
            m.d.sync += first.eq(1)


def _split(value, bits: int):
    """Return how often a value has ``2**bits``, and the rest: a bit of each at least."""
    padded = Cat(value, Const(0, max(0, bits + 1 - len(value))))
    return padded[bits:], padded[:bits]
