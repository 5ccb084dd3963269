# SPDX-License-Identifier: Apache-2.0
"""Beats of samples with fewer lanes, and with more."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .layouts import sample_layout

__all__ = ["Narrow", "Widen"]


class _Adapter(wiring.Component):
    """The ports of both.

    Parameters
    ----------
    lanes, other : int
        Lanes at the input and at the output, powers of two.
    width : int
        Bits of a sample.
    """

    def __init__(self, lanes: int, other: int, width: int):
        self._parts, self._width = max(lanes, other) // min(lanes, other), width
        super().__init__({
            "i": In(stream.Signature(sample_layout(lanes, width))),
            "o": Out(stream.Signature(sample_layout(other, width))),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat, or the last that makes up one, to the first at the output."""
        return 1


class Narrow(_Adapter):
    """Cut beats in parts, the first lanes first; ``last`` goes with the last part.

    Latency: 1 cycle. Throughput: a part a cycle.

    Members
    -------
    i : ``In(stream.Signature(sample_layout(lanes, width)))``
    o : ``Out(stream.Signature(sample_layout(other, width)))``
    """

    def elaborate(self, platform):
        m = Module()
        parts, i, o = self._parts, self.i, self.o
        place, proceed = Signal(range(max(2, parts))), Signal()
        final = place == parts - 1
        m.d.comb += [proceed.eq(~o.valid | o.ready), i.ready.eq(proceed & final)]
        with m.If(proceed):
            m.d.sync += o.valid.eq(i.valid)
            with m.If(i.valid):
                width = len(o.payload.samples.as_value())
                m.d.sync += [
                    o.payload.samples.as_value().eq(
                        i.payload.samples.as_value().word_select(place, width)),
                    o.payload.log2_size.eq(i.payload.log2_size),
                    o.payload.last.eq(i.payload.last & final),
                    place.eq(Mux(final, 0, place + 1)),
                ]
        return m


class Widen(_Adapter):
    """Put beats together, the first into the first lanes; ``last`` is that of the last part.

    Latency: 1 cycle from the last part. Throughput: a part a cycle.

    Members
    -------
    i : ``In(stream.Signature(sample_layout(lanes, width)))``
    o : ``Out(stream.Signature(sample_layout(other, width)))``
    """

    def elaborate(self, platform):
        m = Module()
        parts, i, o = self._parts, self.i, self.o
        place, taken = Signal(range(max(2, parts))), Signal()
        final = place == parts - 1
        m.d.comb += [i.ready.eq(~o.valid | o.ready), taken.eq(i.valid & i.ready)]
        with m.If(i.ready):
            m.d.sync += o.valid.eq(i.valid & final)
        with m.If(taken):
            width = len(i.payload.samples.as_value())
            for part in range(parts):
                with m.If(place == part):
                    m.d.sync += o.payload.samples.as_value().word_select(part, width).eq(
                        i.payload.samples.as_value())
            m.d.sync += [
                o.payload.log2_size.eq(i.payload.log2_size),
                o.payload.last.eq(i.payload.last),
                place.eq(Mux(final, 0, place + 1)),
            ]
        return m
