# SPDX-License-Identifier: Apache-2.0
"""Which row of a transform a beat of results begins with."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.fwht import Pipeline
from .layouts import control_layout

__all__ = ["RowIndex"]


class RowIndex(wiring.Component):
    """Count the beats of each transform of results, and give the first row's place in an order.

    The place of another row of the beat differs by an exclusive or with a number that depends on
    the size of the transform alone; :func:`luthier.golden.fwht.order_index` has it.

    Latency: 0.

    Parameters
    ----------
    config : Pipeline

    Members
    -------
    enable : ``In(1)``
    control : ``In(control_layout)``
        Of the beat.
    index : ``Out(range(N))``
    """

    def __init__(self, config: Pipeline):
        self._config = config
        super().__init__({
            "enable": In(1),
            "control": In(control_layout),
            "index": Out(range(config.samples)),
        })

    def elaborate(self, platform):
        m = Module()
        lane_stages, stages = self._config.lane_stages, self._config.stages
        beat = Signal(stages - lane_stages)
        dyadic = Signal(stages)
        ends = Signal()
        with m.Switch(self.control.log2_size):
            for size in range(lane_stages + 1, stages + 1):
                bits = beat[: size - lane_stages]
                with m.Case(size):
                    m.d.comb += [ends.eq(bits.all()), dyadic.eq(Cat(reversed(bits)))]
            with m.Default():
                m.d.comb += ends.eq(1)
        with m.If(self.enable & self.control.valid):
            m.d.sync += beat.eq(Mux(ends, 0, beat + 1))
        if self._config.order == "natural":
            m.d.comb += self.index.eq(Cat(Const(0, lane_stages), beat))
        elif self._config.order == "dyadic":
            m.d.comb += self.index.eq(dyadic)
        else:  # from Gray code: each bit with all higher ones
            m.d.comb += self.index.eq(Cat(dyadic[bit:].xor() for bit in range(stages)))
        return m
