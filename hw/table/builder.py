# SPDX-License-Identifier: Apache-2.0
"""Builders: activations in, tables of their signed sums out, one entry a cycle each."""

from amaranth import *
from amaranth.lib import wiring

from ...golden.config import Configuration
from ...golden.timing import build_cycles, octet_steps, plane_steps
from ..arithmetic import pick
from .commands import TILE, take, tile_layout, walk_command
from .entries import build_entries, stage_words, take_word
from .handover import builder_ports, offer_tiles
from .programs import steps

__all__ = ["TableBuilder"]


class TableBuilder(wiring.Component):
    """Load the activations of a tile and build its tables, a window of columns at a time.

    Table t of a window of n tables belongs to builder t, and so does each n-th from there on; which
    of a builder's tables is built is its turn. A builder adds plus or minus one activation of the
    window a cycle and writes an entry nearly every cycle (Gray order).

    *Sign planes*: 2 ``rounds`` windows, a table of each builder in each. *Trits*: D/8 columns that
    stay, then ``rounds`` windows of octets: the even builder of an octet makes two tables of
    triples, the odd one a table of the pair that is left, and one of a pair of those that stay. For
    deep tables there is one builder for an octet: it makes five columns into a table, then the
    other three and a pair of those that stay.

    For each command, each row block and each tile, it takes the words of the tile from
    ``activations`` (missing columns count as zero) and fills a bank that is free. There are two
    banks.

    Latency: ``build_cycles(config, trits)`` from the first word to the last step; the tile is
    offered two cycles later, or three where tables are deep. One more command can wait.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(walk_command(config)))``
    activations : ``In(stream.Signature(ArrayLayout(signed(A), P)))``
        Words of P consecutive activations; for each row block all words of the vector, or with
        ``table.tokens`` = M the first word of each of M vectors, then the second.
    tile : ``Out(stream.Signature(tile_layout(config)))``
        A tile whose tables will be complete when the first beat reaches them.
    release : ``In(1)``
        The bank in use is free from the next cycle on.
    bank : ``Out(1)``
        Where the builders write.
    entry : ``Out(signed)`` x builders
        One word from each builder: M entries, that of the first token lowest.
    write : ``Out(2 * rounds)``, address : ``Out``
        Strobe for each turn, and the entry. Where tables are deep a single strobe, and
        turn : ``Out(range(2 * rounds))``.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__(builder_ports(config))

    @property
    def config(self) -> Configuration:
        """Parameters of this unit."""
        return self._config

    def latency(self, trits: bool) -> int:
        """Cycles from the first activation word of a tile to its last builder step."""
        return build_cycles(self._config, trits)

    def elaborate(self, platform):
        m = Module()
        t, command_layout = self._config.table, walk_command(self._config)
        following, command = (Signal(command_layout, name=name, reset_less=True)
                              for name in ("following", "command"))
        waiting, active = Signal(), Signal()
        step, load, done, accept = Signal(), Signal(), Signal(), Signal()
        token, placed = self._token(m, load, active)
        window = Signal(range(2 * t.rounds), reset_less=True)

        m.d.comb += self.command.ready.eq(~waiting)
        with m.If(self.command.valid & ~waiting):
            m.d.sync += [waiting.eq(1), following.eq(self.command.payload)]
        with m.If(accept & waiting):
            m.d.sync += waiting.eq(0)
        with m.If(accept):  # what is not waiting is not used
            m.d.sync += [active.eq(waiting), take(command, following, but=("rows",))]

        bank, full, offered = offer_tiles(m, self, done, 1 + t.deep)
        here, last_word, last_step = Signal(), Signal(), Signal()
        rest = Signal()  # the columns that stay come first
        number, index, end = self._count(m, command, active, window, rest, placed, step, last_word,
                                       last_step)
        with m.FSM(name="state"):
            with m.State("LOAD"):
                m.d.comb += [
                    load.eq(active & ~full & (self.activations.valid | ~here)),
                    self.activations.ready.eq(active & ~full & here),
                    accept.eq(~active),
                ]
                with m.If(placed & last_word & ~rest):
                    m.next = "BUILD"
            with m.State("BUILD"):
                m.d.comb += step.eq(1)
                with m.If(last_step):
                    m.next = "LOAD"
                    with m.If(end):
                        m.d.comb += done.eq(~offered)
                        with m.If(offered):
                            m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += done.eq(~offered)
                with m.If(~offered):
                    m.next = "LOAD"
        present = self._walk(m, command, following, active, placed, done, accept, here, bank)
        word, columns = take_word(m, self, present), []
        for which in range(t.tokens):
            of, suffix = (load & (token == which), f"_{which}") if t.tokens > 1 else (load, "")
            staged = stage_words(m, self, of & ~rest, number, word, f"staged{suffix}", t.window)
            if t.trits:
                staged += stage_words(m, self, of & rest, number, word, f"rest{suffix}",
                                      t.beat_bits // 8)
            columns.append(staged)
        build_entries(m, self, columns, command, window, bank, step, index)
        return m

    def _token(self, m, load, active):
        """Count the tokens of which a word is loaded; return which, and that all have theirs."""
        count = self._config.table.tokens
        if count == 1:
            return None, load
        token, placed = Signal(range(count), reset_less=True), Signal()
        m.d.comb += placed.eq(load & (token == count - 1))
        with m.If(load):
            m.d.sync += token.eq(token + 1)
        with m.If(~active):
            m.d.sync += token.eq(0)
        return token, placed

    def _count(self, m, command, active, window, rest, load, step, last_word, last_step):
        """Count words and steps of a window, and windows; return them and whether it is the last.

        Say whether the words are of the columns that stay. Counters need no reset: they are zero
        before there is a command.
        """
        t = self._config.table
        per_window = t.window // self._config.activations_per_word
        longest = len(steps(self._config, 0)[0])
        word, index = (Signal(range(size), name=name, reset_less=True)
                       for name, size in (("word", per_window), ("index", longest)))
        end, last_window = Signal(reset_less=True), window.all()
        last = (octet_steps(t.deep) if t.trits else plane_steps(t.k)) - 2  # the one before
        if t.trits:
            stays, last_window = Signal(), window == t.rounds - 1
            m.d.comb += rest.eq(command.trits & ~stays)
            with m.If(load & last_word):
                m.d.sync += stays.eq(1)
            with m.If(step & last_step & end):
                m.d.sync += stays.eq(0)
            if t.planes:
                last = Mux(command.trits, last, plane_steps(t.k) - 2)
                last_window = Mux(command.trits, last_window, window.all())
        # The last step is seen one ahead; a window has many, so that it is known which it is.
        m.d.comb += last_word.eq(
            word == Mux(rest, self._config.activation_bytes - 1, per_window - 1))
        m.d.sync += [last_step.eq(step & ~last_step & (index == last)), end.eq(last_window)]
        with m.If(load):
            m.d.sync += word.eq(word + 1)
        with m.If((load & last_word) | ~active):
            m.d.sync += word.eq(0)
        m.d.sync += index.eq(0)
        with m.If(step & ~last_step):
            m.d.sync += index.eq(index + 1)
        with m.If(step & last_step):
            m.d.sync += window.eq(window + 1)
        with m.If((step & last_step & end) | ~active):
            m.d.sync += window.eq(0)
        return word, index, end

    def _walk(self, m, command, following, active, load, done, accept, here, bank):
        """Count words of the vector and row blocks; return which lanes of a word are columns."""
        t, per_word = self._config.table, self._config.activations_per_word
        lanes_bits, block_bits = (size.bit_length() - 1 for size in (per_word, t.row_block))
        words = command.columns[lanes_bits:]
        number = Signal(len(words), reset_less=True)  # of the word after the present one
        # What is asked of a word is known with the one before.
        ended, partial, exact, taken = (Signal(name=name, reset_less=True) for name in (
            "ended", "partial", "exact", "taken"))
        missing, present = Signal(per_word, reset_less=True), Signal(per_word)
        m.d.comb += [
            here.eq(~taken),
            present.eq(~(ended.replicate(per_word) | (partial.replicate(per_word) & missing))),
        ]
        last_rows, blocks = command.rows[:block_bits], command.rows[block_bits:]  # blocks to come
        first = Signal(reset_less=True)
        whole, last_block, block_end = Signal(), Signal(), Signal()
        final, last = Signal(), Signal()  # tile of its row block; of its command
        m.d.sync += [  # known long before the tile is done
            whole.eq(blocks != 0),
            last_block.eq((blocks == 0) | ((blocks == 1) & (last_rows == 0))),
            final.eq(taken),
            last.eq(taken & last_block),
        ]
        m.d.comb += block_end.eq(done & final)
        with m.If(done & last):
            m.d.comb += accept.eq(1)
        # What is chosen does not wait for `block_end`.
        with m.If(block_end | accept):
            m.d.sync += command.rows.eq(Mux(active & ~last_block, Cat(last_rows, blocks - 1),
                                            following.rows))
        with m.If(load):
            m.d.sync += [
                number.eq(number + 1),
                partial.eq(number == words),
                ended.eq(ended | partial),
                taken.eq(taken | partial | ((number == words) & exact)),
            ]
        with m.If(done):
            m.d.sync += first.eq(0)
        with m.If(block_end | accept):
            m.d.sync += [number.eq(1), ended.eq(0), taken.eq(0), first.eq(1),
                         partial.eq(words == 0)]
        with m.If(accept):
            rest = following.columns[:lanes_bits]
            m.d.sync += [
                partial.eq(following.columns[lanes_bits:] == 0),
                exact.eq(rest == 0),
                missing.eq(Cat(pick(rest, {number: Const(lane >= number, 1)
                                           for number in range(per_word)})
                               for lane in range(per_word))),
            ]

        tile = Signal(tile_layout(self._config), reset_less=True)
        m.d.comb += self.tile.payload.eq(tile)
        with m.If(done):
            m.d.sync += [
                take(tile, command, but=TILE),
                tile.bank.eq(bank),
                tile.rows.eq(Cat(last_rows, whole)),
                tile.first.eq(first),
                tile.final.eq(final),
                tile.last.eq(last),
            ]
            with m.If(whole):
                m.d.sync += tile.rows[:block_bits].eq(0)
        return present
