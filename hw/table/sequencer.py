# SPDX-License-Identifier: Apache-2.0
"""The order in which weight beats meet tables and accumulators."""

from typing import Any

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS
from .commands import most_groups, strip_word_count, tile_layout
from .walker import StripWalker

__all__ = ["Sequencer", "sequencer_ports", "slot_layout"]


def slot_layout(config: Configuration) -> data.StructLayout:
    """Return what accompanies a beat through the lanes.

    ``row``: accumulator; ``plane``: weight 2**plane; ``first``: start from zero; ``last``: of its
    command; ``bank``: of the tables; ``trits``: alphabet; ``emit``: the sum of the row is a result.

    With scales: ``emit``: the sum goes to the scaler; ``top``: first plane of a row in this tile;
    ``groups``: sums of groups, not of the row, go there; ``ones``: not a beat, but all weights 1,
    which gives the sum of the activations; ``final``: the row's last tile; ``start``: its first;
    ``close``: the last row whose records are in this strip's words.
    """
    layout = {
        "row": range(config.table.row_block),
        "plane": 3,
        "first": 1,
        "emit": 1,
        "last": 1,
        "bank": 1,
        "trits": 1,
    }
    if config.table.scaled:
        layout |= {"top": 1, "groups": 1, "ones": 1, "final": 1, "start": 1, "close": 1}
    return data.StructLayout(layout)


def sequencer_ports(config: Configuration) -> dict[str, Any]:
    """Return the members of :class:`Sequencer`."""
    return ({"credit": In(1), "record": Out(1), "record_room": In(1)} if config.table.scaled else
            {"proceed": In(1)}) | {
        "tile": In(stream.Signature(tile_layout(config))),
        "release": Out(1),
        "weights": In(stream.Signature(config.table.beat_bits)),
        "issue": Out(1),
        "slot": Out(slot_layout(config)),
        "busy": Out(1),
        "starved": Out(1),
        "blocked": Out(1),
    }


class Sequencer(wiring.Component):
    """Walk the strips of a tile, their planes and rows, and release one beat a cycle.

    A slot passes when there is a tile, the beat is there and, with scales, if it ends a row, there
    is room for the result; without scales whenever what is behind proceeds. A row block of fewer
    than four rows is filled up with idle slots, so that an accumulator is not needed again before
    it is written; the order of beats has no other such case.

    Where there are scale records, those of a strip follow its weights. A tile begins with a slot
    of ones if there are offsets. A strip with more groups than beats is filled up with idle slots:
    the scaler takes one group a cycle.

    Latency: 1 cycle from ``tile`` to its first slot. Throughput: one slot a cycle, without a gap
    between tiles, blocks or commands.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    tile : ``In(stream.Signature(tile_layout(config)))``
        Tiles whose tables are complete.
    release : ``Out(1)``
        The last beat of a tile passes in this cycle.
    credit : ``In(1)``
        A result that is started now will find room. With scales only.
    proceed : ``In(1)``
        What is behind takes a slot in this cycle. Without scales only.
    weights : ``In(stream.Signature(D))``
        Beats; only the handshake is used here.
    issue : ``Out(1)``
        A slot of weights or ones passes in this cycle.
    slot : ``Out(slot_layout(config))``
    record, record_room : ``Out(1)``, ``In(1)``
        A beat of scale records passes; there is room for one. With scales only.
    busy, starved, blocked : ``Out(1)``
        A beat of weights passes; none of what is wanted is there; no room for a result.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__(sequencer_ports(config))

    def elaborate(self, platform):
        m = Module()
        slot, scaled = self.slot, self._config.table.scaled
        m.submodules.walker = walker = StripWalker(self._config)
        fresh = self.tile.payload
        tile = Signal(tile_layout(self._config), reset_less=True)
        active = Signal()
        highest, top = Signal(3, reset_less=True), Signal(reset_less=True)  # plane
        plane, row = (
            Signal(shape, name=name, reset_less=True)
            for name, shape in (("plane", 3), ("row", range(STRIP_ROWS + SHORTEST_STRIP))))
        if not self._config.table.planes:
            top = Const(1)
        bottom = Signal(3)  # the least significant plane that is used
        if scaled:
            m.d.comb += bottom.eq(tile.planes - tile.used)
        weights_end = Signal()
        # Said a slot ahead, so that nothing is compared where much depends on it.
        idle, last_row, last_plane = (Signal(name=name, reset_less=True)
                                      for name in ("idle", "last_row", "last_plane"))
        if not self._config.table.planes:
            last_plane = Const(1)
        # The sums of the tile go on, of rows or of groups: those of the last plane.
        sums, emits = Signal(reset_less=True), Signal()
        m.d.comb += emits.eq(sums & last_plane)
        m.d.comb += [
            slot.row.eq(walker.first + row),
            slot.plane.eq(plane),
            slot.first.eq(tile.first & top),
            slot.emit.eq(emits),
            slot.last.eq(tile.last & walker.last & (row == walker.end)),
            slot.bank.eq(tile.bank),
            slot.trits.eq(tile.trits),
        ]

        # `ones`: that slot is next; `behind`: the weights of the strip are done, its records or
        # idle slots are not; `strip_end`: the last slot of the strip passes.
        ones, behind, strip_end = Signal(), Signal(), Signal()
        ready, room, wanted, advance = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            ready.eq(active & ~behind),
            wanted.eq(ready & ~idle & ~ones),
            room.eq(~emits | self.credit if scaled else self.proceed),
            self.busy.eq(wanted & room & self.weights.valid),
            self.issue.eq(self.busy | (ready & ones & self.credit if scaled else 0)),
            self.blocked.eq(wanted & ~room & self.weights.valid),
            advance.eq(self.busy | (ready & ~ones & idle & (1 if scaled else self.proceed))),
            weights_end.eq(advance & last_row & last_plane),
            self.release.eq(weights_end & walker.last),
            walker.step.eq(strip_end),
        ]
        if scaled:
            takes_record = self._records(m, tile, walker, behind, advance, weights_end,
                                         strip_end)
            with m.If(ones):
                m.d.comb += [slot.ones.eq(1), slot.emit.eq(1), slot.last.eq(0)]
            m.d.comb += [
                slot.top.eq(ones | top),
                slot.groups.eq(ones | (tile.scaled & ~tile.whole)),
                slot.final.eq(tile.final),
                slot.start.eq(tile.first),
                slot.close.eq((row == STRIP_ROWS - 1) | (row == walker.end)),
                self.record.eq(takes_record & self.record_room & self.weights.valid),
            ]
            with m.If(ready & ones & self.credit):
                m.d.sync += ones.eq(0)
        else:
            takes_record = Const(0)
            m.d.comb += strip_end.eq(weights_end)
        record_room = self.record_room if scaled else Const(0)
        m.d.comb += [
            self.weights.ready.eq(Mux(takes_record, record_room, wanted & room)),
            self.starved.eq(~self.weights.valid & ((wanted & room) | (takes_record & record_room))),
        ]

        tile_end = Signal()
        ends = Signal()  # a plane of the last strip, or a tile, if a slot passes
        m.d.comb += [
            ends.eq(last_row & last_plane & walker.last),
            tile_end.eq(strip_end & walker.last if scaled else advance & ends),
            self.tile.ready.eq(tile_end | ~active),
            walker.load.eq(self.tile.ready),
            walker.rows.eq(fresh.rows),
        ]
        single = Signal(reset_less=True)  # one plane is used
        following = Signal(3)  # plane, of the next tile if there is none or this one ends
        fresh_next = ~active | (tile_end if scaled else ends)
        m.d.comb += following.eq(Mux(fresh_next, fresh.planes - 1,
                                     Mux(last_plane, highest, plane - 1)))
        with m.If(advance):
            m.d.sync += [
                row.eq(row + 1),
                last_row.eq(row == walker.before),
                idle.eq(walker.few & (row[:2] >= walker.end[:2])),
            ]
            if self._config.table.planes:
                with m.If(last_row):
                    m.d.sync += [
                        top.eq(last_plane),
                        plane.eq(following),
                        last_plane.eq(Mux(last_plane, single, plane == bottom + 1)),
                    ]
        with m.If((advance & last_row) | ~active):
            m.d.sync += [row.eq(0), last_row.eq(0), idle.eq(0)]
        with m.If(self.tile.ready):
            m.d.sync += [
                active.eq(self.tile.valid), tile.eq(fresh),
                sums.eq(fresh.final | (fresh.scaled & ~fresh.whole if scaled else 0)),
            ]
            if self._config.table.planes:
                used = fresh.used if scaled else fresh.planes
                m.d.sync += [
                    highest.eq(fresh.planes - 1),
                    plane.eq(following),
                    top.eq(1),
                    single.eq(used == 1),
                    last_plane.eq(used == 1),
                ]
            if scaled:
                m.d.sync += ones.eq(self.tile.valid & fresh.offsets)
        return m

    def _records(self, m, tile, walker, behind, advance, weights_end, strip_end):
        """Count what a strip has besides weights; return whether a record is wanted."""
        config = self._config
        most = STRIP_ROWS * most_groups(config)
        has = Signal()
        m.d.comb += has.eq(tile.scaled & (~tile.whole | tile.final))
        words = strip_word_count(m, config, "strip_words", tile, walker.count)
        # Beats of the strip, and work but for that of its first two slots; known a cycle after the
        # strip is. That is soon enough for its second slot: weights take four at least.
        all_beats, all_work = Signal.like(words), Signal(
            range(most + SHORTEST_STRIP * most_groups(config)))
        total = Signal.like(all_work, name="total_work")
        m.d.comb += total.eq(walker.count << tile.groups)
        m.d.sync += [all_beats.eq(Mux(has, words, 0)),
                     all_work.eq(Mux(has & (total > 2), total - 2, 0))]
        first, second = Signal(init=1), Signal()  # that slot of the strip is next
        beats, work = (Signal.like(value, name=name, reset_less=True)
                       for name, value in (("beats", all_beats), ("work", all_work)))
        takes, passes = Signal(), Signal()
        some, single, worked = Signal(), Signal(), Signal()  # beats are left; one is; no work is
        after_beats, after_work = Signal.like(beats), Signal.like(work)
        m.d.comb += [
            after_beats.eq(Mux(second, all_beats, Mux(self.record, beats - 1, beats))),
            after_work.eq(Mux(second, all_work, Mux(worked, 0, work - 1))),
            takes.eq(behind & some),
            # A record that waits for room is idle time, too.
            passes.eq(advance | (behind & (~takes | self.weights.valid | ~self.record_room))),
            # After this slot nothing is left of the strip.
            strip_end.eq(worked & ((weights_end & ~some) | (behind & (
                ~some | (single & self.record_room & self.weights.valid))))),
        ]
        with m.If(passes):
            m.d.sync += [
                first.eq(strip_end),
                second.eq(first),
                beats.eq(after_beats),
                some.eq(Mux(second, all_beats != 0, some & ~(single & self.record))),
                single.eq(Mux(second, all_beats == 1, Mux(self.record, beats == 2, single))),
                work.eq(after_work),
                worked.eq(after_work <= 1),
            ]
        with m.If(strip_end):
            m.d.sync += behind.eq(0)
        with m.Elif(weights_end):
            m.d.sync += behind.eq(1)
        return takes
