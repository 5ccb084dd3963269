# SPDX-License-Identifier: Apache-2.0
"""The host's reads and writes of both memories."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.protocol import Space
from ..seam import host_read, host_write
from ..stream import Queue
from .memory import engine_request, write_request
from .scratchpad import scratchpad_write

__all__ = ["HostPort"]


class HostPort(wiring.Component):
    """Serve a master that reads and writes only while no program runs, one command at a time.

    Latency: 3 cycles from a request to the first word of the scratchpad; a beat of the
    device memory leaves a cycle after it came. Throughput: a word a cycle from the memory, two in
    three cycles from the scratchpad.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    request : ``In(stream.Signature(host_read(config)))``, read : ``Out(stream.Signature(D))``
        Words of scratchpad or memory.
    write : ``In(stream.Signature(host_write(config)))``
    memory_request : ``Out(stream.Signature(engine_request(config)))``
    memory_beat : ``In(stream.Signature(D))``
    to_memory : ``Out(stream.Signature(write_request(D, words)))``
        Device memory.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad to read.
    to_scratchpad : ``Out(stream.Signature(scratchpad_write(config)))``
    """

    def __init__(self, config: Configuration):
        self._config = config
        bits = config.table.beat_bits
        super().__init__({
            "request": In(stream.Signature(host_read(config))),
            "read": Out(stream.Signature(bits)),
            "write": In(stream.Signature(host_write(config))),
            "memory_request": Out(stream.Signature(engine_request(config))),
            "memory_beat": In(stream.Signature(bits)),
            "to_memory": Out(stream.Signature(write_request(bits, config.memory.words))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(bits),
            "to_scratchpad": Out(stream.Signature(scratchpad_write(config))),
        })

    def elaborate(self, platform):
        m = Module()
        write, to_memory = self.write, Signal()
        m.d.comb += [
            to_memory.eq(write.payload.space == Space.MEMORY),
            self.to_memory.valid.eq(write.valid & to_memory),
            self.to_scratchpad.valid.eq(write.valid & ~to_memory),
            write.ready.eq(Mux(to_memory, self.to_memory.ready, self.to_scratchpad.ready)),
        ]
        for target in (self.to_memory, self.to_scratchpad):
            m.d.comb += [target.payload.address.eq(write.payload.address),
                         target.payload.data.eq(write.payload.data)]
        self._read(m)
        return m

    def _read(self, m):
        """Read words of either memory; all come through a queue."""
        m.submodules.words = queue = Queue(self._config.table.beat_bits, 2)
        wiring.connect(m, queue.o, wiring.flipped(self.read))
        request = self.request
        address, arrived = self.address, Signal()
        left = Signal.like(request.payload.count)
        from_memory, issue = Signal(), Signal()
        m.d.comb += [
            self.memory_request.payload.address.eq(request.payload.address),
            self.memory_request.payload.length.eq(request.payload.count),
            queue.i.payload.eq(Mux(from_memory, self.memory_beat.payload, self.data)),
            queue.i.valid.eq(arrived),
        ]
        m.d.sync += arrived.eq(issue)
        with m.If(left == 0):
            m.d.sync += [
                address.eq(request.payload.address),
                from_memory.eq(request.payload.space == Space.MEMORY),
            ]
            # All words of the one before have left, or wait in the queue.
            with m.If(~arrived):
                with m.If(request.payload.space == Space.MEMORY):
                    m.d.comb += [
                        self.memory_request.valid.eq(request.valid),
                        request.ready.eq(self.memory_request.ready),
                    ]
                with m.Else():
                    m.d.comb += request.ready.eq(1)
            with m.If(request.valid & request.ready):
                m.d.sync += left.eq(request.payload.count)
        with m.Elif(from_memory):
            m.d.comb += [
                queue.i.valid.eq(self.memory_beat.valid),
                self.memory_beat.ready.eq(queue.i.ready),
            ]
            with m.If(self.memory_beat.valid & queue.i.ready):
                m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.comb += issue.eq(queue.level + arrived < 2)
            with m.If(issue):
                m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
