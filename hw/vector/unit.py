# SPDX-License-Identifier: Apache-2.0
"""Rescale vectors, and add others to them."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..arithmetic import count_ones
from ..fwht.layouts import sample_layout
from ..stream import ReservedQueue
from ..table.commands import scale_command
from .lane import RescaleLane, lane_latency

__all__ = ["VectorUnit", "vector_results_layout"]

#: Places behind lanes that cannot wait: twice their cycles.
_PLACES = 16


def vector_results_layout(lanes: int) -> data.StructLayout:
    """Return the layout of a beat of results; ``saturated``: how many were out of range."""
    return data.StructLayout({
        "samples": data.ArrayLayout(signed(32), lanes), "saturated": range(lanes + 1), "last": 1})


class VectorUnit(wiring.Component):
    """Multiply, shift, round and saturate samples, and add others, P a cycle.

    Latency: ``latency`` cycles from a beat to its results. Throughput: one beat a cycle.

    Parameters
    ----------
    config : Configuration
    lanes : int
        P.

    Members
    -------
    stage : ``In(scale_command())``, add : ``In(1)``
        What to do; they hold while samples are in the unit.
    i : ``In(stream.Signature(sample_layout(P, 32)))``
        Samples.
    other : ``In(stream.Signature(sample_layout(P, 32)))``
        What is added: a beat is taken with each of samples.
    o : ``Out(stream.Signature(vector_results_layout(P)))``
    """

    def __init__(self, config: Configuration, lanes: int):
        self._config, self._lanes = config, lanes
        super().__init__({
            "stage": In(scale_command()),
            "add": In(1),
            "i": In(stream.Signature(sample_layout(self._lanes, 32))),
            "other": In(stream.Signature(sample_layout(self._lanes, 32))),
            "o": Out(stream.Signature(vector_results_layout(self._lanes))),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat to its results: the lanes, and the queue behind them."""
        return lane_latency(self._config) + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = ReservedQueue(self.o.payload.shape(), _PLACES)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        issue = Signal()
        m.d.comb += [
            issue.eq(queue.room & self.i.valid & (self.other.valid | ~self.add)),
            self.i.ready.eq(issue),
            self.other.ready.eq(issue & self.add),
            queue.reserve.eq(issue),
        ]
        latency = lane_latency(self._config)
        valid, last = Signal(latency), Signal(latency)
        m.d.sync += [valid.eq(Cat(issue, valid)), last.eq(Cat(self.i.payload.last, last))]
        saturated = []
        for number in range(self._lanes):
            m.submodules[f"lane_{number}"] = lane = RescaleLane(self._config)
            m.d.comb += [
                lane.x.eq(self.i.payload.samples[number]),
                lane.other.eq(self.other.payload.samples[number]),
                lane.stage.eq(self.stage), lane.add.eq(self.add),
                queue.word.samples[number].eq(lane.y),
            ]
            saturated.append(lane.saturated)
        m.d.comb += [
            queue.write.eq(valid[-1]),
            queue.word.saturated.eq(count_ones(Cat(saturated))),
            queue.word.last.eq(last[-1]),
        ]
        return m
