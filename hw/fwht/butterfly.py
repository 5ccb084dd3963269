# SPDX-License-Identifier: Apache-2.0
"""Stages whose butterflies are between the lanes of a beat."""

from amaranth import *
from amaranth.lib import wiring

from .layouts import control_layout, stage_ports

__all__ = ["LaneStage"]


class LaneStage(wiring.Component):
    """Butterflies between lanes that are ``stride`` apart.

    Beats of transforms of ``stride`` samples or less pass.

    Latency: 1 cycle. Throughput: one beat a cycle. Takes P adders of w + 1 bits.

    Parameters
    ----------
    lanes : int
        P.
    width : int
        w, bits of a sample.
    stride : int
        Lanes, a power of two below P.

    Members
    -------
    enable : ``In(1)``
        Without it all of the stage rests.
    i : ``In(control_layout)``, samples : ``In(ArrayLayout(signed(w), P))``
        Beats.
    o : ``Out(control_layout)``, results : ``Out(ArrayLayout(signed(w + 1), P))``
        Results.
    """

    def __init__(self, lanes: int, width: int, stride: int):
        self._lanes, self._width, self._stride = lanes, width, stride
        super().__init__(stage_ports(lanes, width))

    @property
    def latency(self) -> int:
        """Cycles from a beat to its results."""
        return 1

    def elaborate(self, platform):
        m = Module()
        passing = Signal()
        m.d.comb += passing.eq(self.i.log2_size < self._stride.bit_length())
        results = []
        for lane in range(self._lanes):
            upper = lane & self._stride
            first, second, total, result = (
                Signal(signed(self._width + 1), name=f"{name}_{lane}")
                for name in ("first", "second", "total", "result"))
            m.d.comb += [
                first.eq(self.samples[lane & ~self._stride]),
                second.eq(self.samples[lane | self._stride]),
                total.eq(first - second if upper else first + second),
                result.eq(Mux(passing, second if upper else first, total)),
            ]
            results.append(result)
        register = Signal(self._lanes * (self._width + 1), name="result", reset_less=True)
        control = Signal(control_layout, name="control")
        with m.If(self.enable):
            m.d.sync += [register.eq(Cat(results)), control.eq(self.i)]
        m.d.comb += [Value.cast(self.results).eq(register), self.o.eq(control)]
        return m
