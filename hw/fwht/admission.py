# SPDX-License-Identifier: Apache-2.0
"""What lets beats into the pipeline: no transform may run into the results of the one before."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.fwht import Pipeline
from .layouts import LOG2_SIZE, control_layout, sample_layout, samples_layout

__all__ = ["Admission"]


class Admission(wiring.Component):
    """Take beats, hold back the first one of a smaller transform, and count beats.

    When the last beat of a transform of B beats has entered the pipeline, B - 1 beats of results
    are still to leave, one each enabled cycle. The first results of a transform of b beats come
    b - 1 cycles after its first beat. So it enters when less than b are left: at once unless the
    one before was larger, else B - b cycles later, in which the output is busy anyway. One that
    comes late, but before all results have left, may wait a cycle that it need not.

    Latency: 2 cycles. Throughput: one beat a cycle.

    Parameters
    ----------
    config : Pipeline

    Members
    -------
    enable : ``In(1)``
        Without it all rests and no beat is taken.
    i : ``In(stream.Signature(sample_layout(P, w)))``
        Beats. Their size counts with the first one of a transform; more than N counts as N.
    o : ``Out(control_layout)``, samples : ``Out(ArrayLayout(signed(w), P))``
        Beats; ``last`` only with the last one of a transform. Control and samples come together.
    """

    def __init__(self, config: Pipeline):
        self._config = config
        super().__init__({
            "enable": In(1),
            "i": In(stream.Signature(sample_layout(config.lanes, config.width))),
            "o": Out(control_layout),
            "samples": Out(samples_layout(config.lanes, config.width)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat to the pipeline."""
        return 2

    def elaborate(self, platform):
        m = Module()
        longest = len(self._config.delays)
        head = Signal(control_layout)
        samples = Signal(samples_layout(self._config.lanes, self._config.width), reset_less=True)
        # Of the transform of the beat in ``head``: its beats but one, and those behind that beat.
        span, rest = (Signal(max(longest, 1), name=name) for name in ("span", "rest"))
        ends = Signal(init=1)
        waits = Signal()
        taken, smaller, settled = Signal(), Signal(), Signal(init=1)
        m.d.comb += [
            # All of this comes from registers, so that neighbours do not lengthen the path.
            self.i.ready.eq(self.enable & ~waits),
            taken.eq(self.enable & head.valid & ~waits),
        ]
        offered, most = self.i.payload.log2_size, self._config.stages
        size, beats = Signal(LOG2_SIZE), Signal(max(longest, 1))
        m.d.comb += [
            size.eq(Mux(offered > most, most, offered)),
            beats.eq(Cat(size > bit + self._config.lane_stages for bit in range(longest))),
            smaller.eq((span & ~beats).any()),
        ]
        with m.If(self.i.ready):
            m.d.sync += head.valid.eq(self.i.valid)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [head.last.eq(self.i.payload.last), samples.eq(self.i.payload.samples)]
            with m.If(ends):
                m.d.sync += [
                    head.log2_size.eq(size), span.eq(beats), rest.eq(beats), ends.eq(~beats[0]),
                    waits.eq(smaller & (head.valid | ~settled)),
                ]
            with m.Else():
                m.d.sync += [rest.eq(rest - 1), ends.eq(rest == 1)]
        self._count_results(m, span, taken & ends, waits, settled)

        control = Signal(control_layout, name="control")
        moved = Signal.like(samples, name="moved", reset_less=True)
        with m.If(self.enable):
            m.d.sync += [
                control.valid.eq(head.valid & ~waits), control.log2_size.eq(head.log2_size),
                control.last.eq(head.last & ends), moved.eq(samples),
            ]
        m.d.comb += [self.o.eq(control), self.samples.eq(moved)]
        return m

    def _count_results(self, m, span, done, waits, settled):
        """Count the beats of results still to leave, but one: what is decided takes a cycle."""
        left = Signal.like(span, name="left")
        with m.If(self.enable):
            with m.If(done):
                m.d.sync += [left.eq(Cat(Const(0, 1), span[1:])), settled.eq(~span.any())]
            with m.Elif(left.any()):
                m.d.sync += [left.eq(left - 1), settled.eq(0)]
            with m.Else():
                m.d.sync += settled.eq(1)
            with m.If(waits):
                m.d.sync += waits.eq((left & ~span).any())
