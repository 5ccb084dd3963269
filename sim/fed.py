# SPDX-License-Identifier: Apache-2.0
"""Streams around a pipeline that can not wait, for tests."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..hw.dsp import DspGroup
from ..hw.stream import ReservedQueue

__all__ = ["FedGroup"]


class FedGroup(wiring.Component):
    """A DSP group whose factors and sums are streams, so that it can be compiled.

    Parameters
    ----------
    group : DspGroup

    Members
    -------
    i : ``In(stream.Signature(StructLayout))``
        ``a`` and ``b`` of the group.
    o : ``Out(stream.Signature(signed))``
        Sums.
    """

    def __init__(self, group: DspGroup):
        self._group = group
        ports = group.signature.members
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"a": ports["a"].shape, "b": ports["b"].shape}))),
            "o": Out(stream.Signature(ports["total"].shape)),
        })

    @property
    def latency(self) -> int:
        """Cycles from factors to the sum at the output."""
        return self._group.latency + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.group = group = self._group
        m.submodules.queue = queue = ReservedQueue(len(group.total), 32)
        taken = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(queue.room),
            group.a.eq(self.i.payload.a),
            group.b.eq(self.i.payload.b),
            queue.reserve.eq(taken),
            queue.word.eq(group.total),
            self.o.valid.eq(queue.o.valid),
            self.o.payload.eq(queue.o.payload),
            queue.o.ready.eq(self.o.ready),
        ]
        valid = taken
        for cycle in range(group.latency):
            register = Signal(name=f"valid_{cycle}")
            m.d.sync += register.eq(valid)
            valid = register
        m.d.comb += queue.write.eq(valid)
        return m
