# SPDX-License-Identifier: Apache-2.0
"""The transform, with the stage for H_K in front and the quantiser behind."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sections import TransformConfiguration
from .k_stage import KStage
from .lanes import Narrow, Widen
from .layouts import LOG2_SIZE, sample_layout, samples_layout
from .pipeline import WalshHadamard
from .quantiser import Quantiser
from .quantiser_ports import code_layout, command_layout, scales_layout

__all__ = ["TransformUnit", "route_layout", "sums_layout"]

#: The way that vectors take: the ``outer`` stage of H_K with ``outer_m``, which is 0 without
#: it, the ``transform``, the quantiser.
route_layout = data.StructLayout(
    {"outer": 1, "outer_m": LOG2_SIZE, "transform": 1, "quantise": 1})


def sums_layout(transform: TransformConfiguration) -> data.StructLayout:
    """Return the layout of a beat of a transform's results; ``last`` ends a vector."""
    return data.StructLayout({
        "samples": samples_layout(transform.lanes, transform.sum_width), "last": 1})


class TransformUnit(wiring.Component):
    """Transform vectors, quantise them, or do one behind the other.

    Latency: those of the parts on the route, one behind the other, and a cycle into and out of the
    stage of H_K; :mod:`luthier.golden.transform_timing` adds them up.
    Throughput: one beat a cycle; through the stage of H_K as many samples as it has lanes.

    Parameters
    ----------
    transform : TransformConfiguration

    Members
    -------
    route : ``In(route_layout)``
        It holds while samples are in the unit. ``outer`` comes with ``transform`` only.
    command : ``In(stream.Signature(command_layout(transform.quantiser)))``
        For each vector that is quantised, taken with its last beat.
    i : ``In(stream.Signature(sample_layout(P, W)))``
        Samples, W bits where they are quantised at once, else w.
    sums : ``Out(stream.Signature(sums_layout(transform)))``
        Results that are not quantised.
    codes : ``Out(stream.Signature(code_layout(transform.quantiser)))``,
    scales : ``Out(stream.Signature(scales_layout(transform.quantiser)))``
        Those that are.
    """

    def __init__(self, transform: TransformConfiguration):
        self._transform = transform
        shape = transform.quantiser
        super().__init__({
            "route": In(route_layout),
            "command": In(stream.Signature(command_layout(shape))),
            "i": In(stream.Signature(sample_layout(transform.lanes, shape.width))),
            "sums": Out(stream.Signature(sums_layout(transform))),
            "codes": Out(stream.Signature(code_layout(shape))),
            "scales": Out(stream.Signature(scales_layout(shape))),
        })

    def elaborate(self, platform):
        m = Module()
        transform, route = self._transform, self.route
        m.submodules.pipeline = pipeline = WalshHadamard(transform.pipeline)
        m.submodules.quantiser = quantiser = Quantiser(transform.quantiser)
        wiring.connect(m, wiring.flipped(self.command), quantiser.command)
        wiring.connect(m, quantiser.o, wiring.flipped(self.codes))
        wiring.connect(m, quantiser.scales, wiring.flipped(self.scales))
        source, first = self.i, pipeline.i
        into_quantiser = ~route.transform
        if transform.order > 1:
            first = self._outer(m, pipeline)
        m.d.comb += [
            first.valid.eq(source.valid & route.transform),
            *self._narrower(first.payload.samples, source.payload.samples),
            first.payload.log2_size.eq(source.payload.log2_size),
            first.payload.last.eq(source.payload.last),
            source.ready.eq(Mux(into_quantiser, quantiser.i.ready, first.ready)),
        ]
        sums, results = self.sums, pipeline.o
        m.d.comb += [
            sums.valid.eq(results.valid & ~route.quantise),
            sums.payload.samples.eq(results.payload.samples),
            sums.payload.last.eq(results.payload.last),
            results.ready.eq(Mux(route.quantise, quantiser.i.ready, sums.ready)),
        ]
        with m.If(into_quantiser):
            m.d.comb += [
                quantiser.i.valid.eq(source.valid),
                *self._narrower(quantiser.i.payload.y, source.payload.samples),
                quantiser.i.payload.last.eq(source.payload.last),
            ]
        with m.Else():
            m.d.comb += [
                quantiser.i.valid.eq(results.valid & route.quantise),
                *self._narrower(quantiser.i.payload.y, results.payload.samples),
                quantiser.i.payload.last.eq(results.payload.last),
            ]
        return m

    def _outer(self, m, pipeline):
        """Put the stage of H_K beside the input of the pipeline; return a port for either."""
        transform = self._transform
        lanes, fewer = transform.lanes, transform.order_lanes
        m.submodules.narrow = narrow = Narrow(lanes, fewer, transform.width)
        m.submodules.outer = outer = KStage(
            transform.order, transform.width, transform.largest_m, lanes=fewer,
            transpose=transform.transposed, variant=transform.variant)
        m.submodules.widen = widen = Widen(fewer, lanes, transform.inner_width)
        m.d.comb += [
            outer.i.valid.eq(narrow.o.valid),
            narrow.o.ready.eq(outer.i.ready),
            outer.i.payload.samples.eq(narrow.o.payload.samples),
            outer.i.payload.last.eq(narrow.o.payload.last),
            # Known before the first sample comes, so that it need not wait.
            outer.i.payload.log2_size.eq(self.route.outer_m),
        ]
        wiring.connect(m, outer.o, widen.i)
        first = stream.Signature(sample_layout(lanes, transform.width)).create(path=("first",))
        m.d.comb += [
            narrow.i.payload.eq(first.payload),
            narrow.i.valid.eq(first.valid & self.route.outer),
            first.ready.eq(Mux(self.route.outer, narrow.i.ready, pipeline.i.ready)),
            widen.o.ready.eq(pipeline.i.ready),
        ]
        with m.If(self.route.outer):
            m.d.comb += [pipeline.i.valid.eq(widen.o.valid), pipeline.i.payload.eq(widen.o.payload)]
        with m.Else():
            m.d.comb += [
                pipeline.i.valid.eq(first.valid),
                *self._narrower(pipeline.i.payload.samples, first.payload.samples),
                pipeline.i.payload.log2_size.eq(first.payload.log2_size),
                pipeline.i.payload.last.eq(first.payload.last),
            ]
        return first

    def _narrower(self, target, samples):
        """Return the assignments of samples whose values fit, or of narrower ones."""
        return [target[lane].eq(samples[lane]) for lane in range(self._transform.lanes)]
