# SPDX-License-Identifier: Apache-2.0
"""The order in which weight beats meet tables and accumulators."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import ACCUMULATOR_SPACING, columns_per_beat
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS
from ..stream import Queue
from .builder import table_command

__all__ = ["Sequencer", "slot_layout"]


def slot_layout(config: Configuration) -> data.StructLayout:
    """Return what accompanies a beat through the lanes.

    ``row``: accumulator; ``plane``: weight 2**plane; ``first``: start from zero; ``emit``: the sum
    is a result; ``last``: of its command; ``bank``: of the tables; ``trits``: alphabet.
    """
    return data.StructLayout({
        "row": range(config.table.row_block),
        "plane": 3,
        "first": 1,
        "emit": 1,
        "last": 1,
        "bank": 1,
        "trits": 1,
    })


class Sequencer(wiring.Component):
    """Walk row block > tile > strip of 16 rows > plane > row and release one beat a cycle.

    A slot passes when the bank is ready, the beat is there and, if it ends a row, there is room for
    the result. A row block of fewer than four rows is filled up with idle slots, so that an
    accumulator is not needed again before it is written; the order of beats has no other such case.

    Latency: 0. Throughput: one slot a cycle, without a gap between tiles, blocks or commands.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(table_command(config)))``
    ready : ``In(2)``
        Banks whose tables are complete.
    release : ``Out(1)``
        The last beat of a tile passes in this cycle.
    credit : ``In(1)``
        A result that is started now will find room.
    weights : ``In(stream.Signature(D))``
        Beats; only the handshake is used here.
    issue : ``Out(1)``
        A beat passes in this cycle.
    slot : ``Out(slot_layout(config))``
        What it is for.
    starved, blocked : ``Out(1)``
        Tables are ready, but no beat is there; or no room for results.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "command": In(stream.Signature(table_command(config))),
            "ready": In(2),
            "release": Out(1),
            "credit": In(1),
            "weights": In(stream.Signature(config.table.beat_bits)),
            "issue": Out(1),
            "slot": Out(slot_layout(config)),
            "starved": Out(1),
            "blocked": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        t, slot = self._config.table, self.slot
        m.submodules.commands = commands = Queue(table_command(self._config), 2)
        wiring.connect(m, wiring.flipped(self.command), commands.i)

        command = Signal(table_command(self._config))
        active, bank = Signal(), Signal()
        rows_left = Signal(range(t.max_rows + 1))  # from the start of this block
        columns_left = Signal(range(t.max_columns + 1))  # from the start of this tile
        first_tile = Signal()
        strip = Signal(range(t.row_block))  # first row of the strip
        strip_left = Signal(range(t.row_block + 1))  # rows from there to the end of the block
        plane, row = Signal(3), Signal(range(STRIP_ROWS + SHORTEST_STRIP))

        block_rows = Signal(range(t.row_block + 1))
        m.d.comb += block_rows.eq(Mux(rows_left > t.row_block, t.row_block, rows_left))
        strip_rows = Signal.like(row)
        per_tile = Mux(command.trits, columns_per_beat(self._config, True),
                       columns_per_beat(self._config, False))
        idle, last_row, last_plane, last_strip, last_tile, last_block, advance = (
            Signal(name=name) for name in ("idle", "last_row", "last_plane", "last_strip",
                                           "last_tile", "last_block", "advance"))
        m.d.comb += [
            idle.eq(row >= strip_rows),
            last_row.eq((row + 1 >= strip_rows) & (row >= ACCUMULATOR_SPACING - 1)),
            last_plane.eq(plane == 0),
            last_strip.eq(strip_left < STRIP_ROWS + SHORTEST_STRIP),
            strip_rows.eq(Mux(last_strip, strip_left, STRIP_ROWS)),
            last_tile.eq(columns_left <= per_tile),
            last_block.eq(rows_left <= t.row_block),
            slot.row.eq(strip + row),
            slot.plane.eq(plane),
            slot.first.eq(first_tile & (plane == command.planes - 1)),
            slot.emit.eq(last_tile & last_plane),
            slot.last.eq(last_block & last_strip & (row + 1 == strip_rows)),
            slot.bank.eq(bank),
            slot.trits.eq(command.trits),
        ]

        ready, room = Signal(), Signal()
        m.d.comb += [
            ready.eq(active & self.ready.bit_select(bank, 1)),
            room.eq(~slot.emit | self.credit),
            self.weights.ready.eq(ready & room & ~idle),
            self.issue.eq(self.weights.valid & self.weights.ready),
            self.starved.eq(ready & room & ~idle & ~self.weights.valid),
            self.blocked.eq(ready & ~room & ~idle & self.weights.valid),
            advance.eq(self.issue | (ready & idle)),
        ]

        end_plane, end_strip, end_tile, end_block, end = (
            Signal(name=name) for name in ("end_plane", "end_strip", "end_tile", "end_block",
            "end"))
        m.d.comb += [
            end_plane.eq(advance & last_row),
            end_strip.eq(end_plane & last_plane),
            end_tile.eq(end_strip & last_strip),
            end_block.eq(end_tile & last_tile),
            end.eq(end_block & last_block),
            self.release.eq(end_tile),
        ]
        with m.If(advance):
            m.d.sync += row.eq(Mux(last_row, 0, row + 1))
        with m.If(end_plane):
            m.d.sync += plane.eq(Mux(last_plane, command.planes - 1, plane - 1))
        with m.If(end_strip):
            m.d.sync += [strip.eq(strip + STRIP_ROWS), strip_left.eq(strip_left - STRIP_ROWS)]
        with m.If(end_tile):
            m.d.sync += [
                bank.eq(~bank),
                strip.eq(0),
                strip_left.eq(block_rows),
                first_tile.eq(0),
                columns_left.eq(columns_left - per_tile),
            ]
        with m.If(end_block):
            following = rows_left - t.row_block
            m.d.sync += [
                rows_left.eq(following),
                strip_left.eq(Mux(following > t.row_block, t.row_block, following)),
                first_tile.eq(1),
                columns_left.eq(command.columns),
            ]
        with m.If(end | ~active):
            fresh = commands.o.payload
            m.d.comb += commands.o.ready.eq(1)
            m.d.sync += [
                active.eq(commands.o.valid),
                command.eq(fresh),
                rows_left.eq(fresh.rows),
                columns_left.eq(fresh.columns),
                first_tile.eq(1),
                strip.eq(0),
                strip_left.eq(Mux(fresh.rows > t.row_block, t.row_block, fresh.rows)),
                plane.eq(fresh.planes - 1),
                row.eq(0),
            ]
        return m
