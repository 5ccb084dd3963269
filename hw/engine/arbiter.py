# SPDX-License-Identifier: Apache-2.0
"""Two readers of one memory port."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..stream import Queue
from .memory import engine_request, longest_request

__all__ = ["MemoryArbiter"]


class MemoryArbiter(wiring.Component):
    """Share a memory port between descriptors and the beats of operations.

    A request for descriptors goes first. Beats come in the order of requests, so those that nobody
    takes hold up the others: descriptors are always taken at once, and the beats of an operation
    that was dispatched are taken in the end.

    Latency: 0 cycles, but a reply must not come in the cycle of its request. Throughput: one
    request and one beat a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    program_request, unit_request : ``In(stream.Signature(engine_request(config)))``
    program_beat, unit_beat : ``Out(stream.Signature(D))``
    request : ``Out(stream.Signature(engine_request(config)))``
    beat : ``In(stream.Signature(D))``
        Memory.
    """

    #: Requests without a complete reply.
    OUTSTANDING = 16

    def __init__(self, config: Configuration):
        self._config = config
        request, beat = (stream.Signature(shape) for shape in (
            engine_request(config), config.table.beat_bits))
        super().__init__({
            "program_request": In(request), "unit_request": In(request),
            "program_beat": Out(beat), "unit_beat": Out(beat),
            "request": Out(request), "beat": In(beat),
        })

    def elaborate(self, platform):
        m = Module()
        length = range(longest_request(self._config, host=False) + 1)
        layout = data.StructLayout({"program": 1, "length": length})
        m.submodules.pending = pending = Queue(layout, self.OUTSTANDING)
        masters = {1: (self.program_request, self.program_beat),
                   0: (self.unit_request, self.unit_beat)}
        # An offer stands until it is taken, whatever else comes.
        program, offered, standing = Signal(), Signal(), Signal()
        m.d.sync += [
            offered.eq(program),
            standing.eq(self.request.valid & ~self.request.ready),
        ]
        m.d.comb += [
            program.eq(Mux(standing, offered, self.program_request.valid)),
            pending.i.payload.program.eq(program),
            pending.i.payload.length.eq(self.request.payload.length),
            pending.i.valid.eq(self.request.valid & self.request.ready),
        ]
        now = pending.o.payload
        offset = Signal(length)
        with m.If(self.beat.valid & self.beat.ready):
            m.d.sync += offset.eq(Mux(pending.o.ready, 0, offset + 1))
            m.d.comb += pending.o.ready.eq(offset + 1 == now.length)
        for which, (request, beat) in masters.items():
            m.d.comb += [
                beat.payload.eq(self.beat.payload),
                beat.valid.eq(self.beat.valid & pending.o.valid & (now.program == which)),
            ]
            with m.If(program == which):
                m.d.comb += [
                    self.request.payload.eq(request.payload),
                    self.request.valid.eq(request.valid & pending.i.ready),
                    request.ready.eq(self.request.ready & pending.i.ready),
                ]
        with m.If(pending.o.valid):
            m.d.comb += self.beat.ready.eq(
                Mux(now.program, self.program_beat.ready, self.unit_beat.ready))
        return m
