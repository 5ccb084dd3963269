# SPDX-License-Identifier: Apache-2.0
"""Sums of groups over the planes of a strip."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.scales import lane_width
from ...golden.table import group_width
from .commands import most_groups
from .sequencer import slot_layout

__all__ = ["GroupAccumulators"]


class GroupAccumulators(wiring.Component):
    """Add up the planes of the smallest groups of each row of a strip, most significant first.

    A lane doubles what it has and adds the sum of the next plane (Horner's scheme): no shifter.
    With fewer planes used than stored, the sums lack a factor of two for each plane left out.

    Latency: 3 cycles from ``slot`` to ``sum``, as :class:`~.accumulators.Accumulators`.
    Throughput: one beat a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    valid : ``In(1)``, slot : ``In(slot_layout(config))``
        What the sums are for, one cycle before them.
    lane, lane_negate
        From :class:`~.lanes.AdderTree`.
    sum : ``Out(signed(lane_width(config)))`` x D/S
    """

    #: Rows that are told apart: more than any strip has.
    ROWS = 32

    def __init__(self, config: Configuration):
        self._config = config
        self._lanes = most_groups(config)
        self._node = signed(group_width(config))
        super().__init__({
            "valid": In(1),
            "slot": In(slot_layout(config)),
            "lane": In(self._node).array(self._lanes),
            "lane_negate": In(self._lanes),
            "sum": Out(signed(lane_width(config))).array(self._lanes),
        })

    @property
    def latency(self) -> int:
        """Cycles from a slot to its sums."""
        return 3

    def elaborate(self, platform):
        m = Module()
        rows = [Signal(range(self.ROWS), name=f"row_{stage}") for stage in range(4)]
        top, writes = Signal(), Signal()
        m.d.comb += rows[0].eq(self.slot.row)
        m.d.sync += [following.eq(row) for row, following in zip(rows, rows[1:])]
        groups_1, top_1 = Signal(), Signal()
        groups_2 = Signal()
        m.d.sync += [
            groups_1.eq(self.valid & self.slot.groups), groups_2.eq(groups_1), writes.eq(groups_2),
            top_1.eq(self.slot.top), top.eq(top_1),
        ]
        for lane in range(self._lanes):
            m.submodules[f"lane_{lane}"] = store = memory.Memory(
                shape=self.sum[lane].shape(), depth=self.ROWS, init=[])
            read, write = store.read_port(domain="comb"), store.write_port()
            kept = Signal.like(self.sum[lane], name=f"kept_{lane}", reset_less=True)
            added = Signal(self._node, name=f"added_{lane}", reset_less=True)
            negate = Signal(name=f"negate_{lane}", reset_less=True)
            total = Signal.like(self.sum[lane], name=f"total_{lane}", reset_less=True)
            base = Signal.like(self.sum[lane], name=f"base_{lane}")
            sign = self.lane_negate[lane]
            m.d.comb += [
                read.addr.eq(rows[1]),
                write.addr.eq(rows[3]),
                write.data.eq(total),
                write.en.eq(writes),
                base.eq(Mux(top, 0, kept << 1)),
                self.sum[lane].eq(total),
            ]
            with m.If(groups_1):
                m.d.sync += [
                    kept.eq(read.data),
                    added.eq(self.lane[lane] ^ sign.as_signed()),
                    negate.eq(sign),
                ]
            with m.If(groups_2):
                m.d.sync += total.eq((Cat(1, base).as_signed()
                                      + Cat(negate, added).as_signed())[1:].as_signed())
        return m
